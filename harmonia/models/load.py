"""Load a causal language model and its tokenizer: a folder, a hub id, a GGUF file, an adapter.

Every model of harmonia comes through here. It is what its files say, whole, or it is
refused: by one line, before anything is asked or trained.
"""

from __future__ import annotations

import logging
import warnings
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import cache
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from harmonia.errors import InputError
from harmonia.models.architecture import Shape, context_length, require_sizes, unsaid_sizes
from harmonia.models.border import needed, refused
from harmonia.models.checks import (
    require_all_loaded,
    require_all_taken,
    require_answers,
    require_decoder,
    require_token_rows,
)
from harmonia.models.folder import (
    ADAPTER_CONFIG,
    ModelSettings,
    adapter_base,
    brings_code,
    is_adapter,
    model_folder,
    require_unchanged,
)
from harmonia.models.heap import keep_freed_memory
from harmonia.models.local import LocalModel
from harmonia.models.spread import device_map
from harmonia.models.weight_files import ADAPTER_WEIGHTS, gguf_elements, require_weights

log = logging.getLogger(__name__)


def pick_device(wanted: str) -> str:
    """The torch device for a `device` setting.

    Raises:
        InputError: It names a device that this machine lacks.
    """
    import torch

    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=wanted)
    except (RuntimeError, AssertionError) as error:
        raise InputError(
            "this machine has no such device", field="device", seen=wanted, remedy="Use auto, cpu or cuda."
        ) from error
    return wanted


def load_tokenizer(settings: ModelSettings) -> Any:
    """The model's tokenizer.

    Raises:
        InputError: The folder holds none that transformers can read.
    """
    from transformers import AutoTokenizer

    folder = model_folder(settings)
    _tell_of_code(folder, settings.trust_remote_code)
    if is_adapter(folder) and not (folder / "tokenizer_config.json").exists():
        return load_tokenizer(adapter_base(folder, settings))
    with refused(
        "no tokenizer can be read",
        file=folder,
        remedy=_remedy(
            settings, folder, "The folder needs tokenizer files, or name its GGUF file (gguf_file)."
        ),
    ):
        return AutoTokenizer.from_pretrained(str(folder), **_how(settings))


def load_model(settings: ModelSettings, noted: str | None = None, *, tokenizer: Any = None) -> LocalModel:
    """Load weights and tokenizer, on the device and in the dtype asked for.

    Args:
        settings: Which model.
        noted: Its `fingerprint`, where one was taken: what is loaded must be that.
        tokenizer: Its tokenizer, where it is loaded already (out of a GGUF file that takes
            seconds); since `noted` was taken, if it was.

    Raises:
        InputError: It is not a whole causal language model with a tokenizer that fits it,
            or not the one noted.
        MissingExtraError: The folder is an adapter and PEFT is not installed.
    """
    device = pick_device(settings.device)
    model, tokenizer = load_checked(settings, device, tokenizer)
    require_unchanged(settings, noted)
    if device == "cpu":
        keep_freed_memory()
    return LocalModel(
        settings=settings,
        model=model,
        tokenizer=tokenizer,
        device=device,
        max_tokens=context_length(model.config, model_folder(settings)),
        noted=noted,
    )


def load_checked(settings: ModelSettings, device: str, tokenizer: Any = None) -> tuple[Any, Any]:
    """A model in eval mode on a torch device, and its tokenizer, which may be loaded already.

    Raises:
        InputError: As for `load_model`.
        MissingExtraError: As there.
    """
    folder = model_folder(settings)
    model = _load_weights(settings, folder).eval()
    if settings.device_map is None:
        model = model.to(device)
    if tokenizer is None:
        tokenizer = load_tokenizer(settings)
    file = folder / (settings.gguf_file or "")
    if _shared_out():
        _tell_untried(file)
    else:
        require_token_rows(tokenizer, require_answers(model, file), file)
    return model, tokenizer


def empty_model(settings: ModelSettings, attention: str | None = None) -> Any:
    """The model's layers without weights, on torch's meta device.

    Args:
        settings: Which model.
        attention: How it is to be computed; by default as transformers would.

    Raises:
        InputError: Its configuration is not one that transformers can read.
        ImportError: A library for that attention is not installed.
        ValueError: The model cannot have it.
    """
    import torch
    from transformers import AutoModelForCausalLM

    folder = model_folder(settings)
    if is_adapter(folder):
        return empty_model(adapter_base(folder, settings), attention)
    config, file = _config(settings, folder), folder / (settings.gguf_file or "config.json")
    told = _refused(settings, folder, _leaves_out(config, file)) if attention is None else nullcontext()
    with torch.device("meta"), told:
        model = AutoModelForCausalLM.from_config(
            config, trust_remote_code=settings.trust_remote_code, attn_implementation=attention
        )
    return require_decoder(model, file)


def shape_of(settings: ModelSettings) -> Shape:
    """The shape of a model, without its weights.

    Raises:
        InputError: As for `empty_model`.
    """
    folder = model_folder(settings)
    if is_adapter(folder):
        return shape_of(adapter_base(folder, settings))
    model = empty_model(settings)
    return Shape.of(model, _unsaid(model.config, folder / (settings.gguf_file or "config.json")))


def shape_in(file: Path) -> Shape:
    """The shape that a config.json describes, without weights.

    Raises:
        InputError: There is no such file, or it describes no causal language model.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    problem = "no model's configuration can be read"
    remedy = "Give a number such as 6.7e9, or the config.json of a causal language model."
    if not file.is_file():
        raise InputError("neither a number nor a file", field="parameters", seen=str(file), remedy=remedy)
    with refused(problem, file=file, remedy=remedy):
        require_sizes(SimpleNamespace(**_said(file)), file)
        config = AutoConfig.from_pretrained(str(file), trust_remote_code=False)
        require_sizes(config.get_text_config(), file)
    with refused(problem + _leaves_out(config, file), file=file, remedy=remedy), torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
        return Shape.of(require_decoder(model, file), _unsaid(config, file))


def _said(file: Path) -> dict[str, Any]:
    """What a config.json holds, read as transformers does: some write infinity. A GGUF file has none."""
    from transformers import PreTrainedConfig

    return PreTrainedConfig.get_config_dict(str(file))[0] if file.suffix == ".json" else {}


def _unsaid(config: Any, file: Path) -> dict[str, Any]:
    """Sizes that a config.json leaves out."""
    return unsaid_sizes(config, said) if (said := _said(file)) else {}


def _leaves_out(config: Any, file: Path) -> str:
    """The same as the end of a message."""
    return f", which leaves out {', '.join(names)}" if (names := _unsaid(config, file)) else ""


def _config(settings: ModelSettings, folder: Path) -> Any:
    from transformers import AutoConfig

    file = folder / (settings.gguf_file or "config.json")
    with _refused(settings, folder):
        # Before transformers divides by one.
        require_sizes(SimpleNamespace(**_said(file)), file)
        config = AutoConfig.from_pretrained(str(folder), **_how(settings))
        require_sizes(config.get_text_config(), file)
        return config


def _read_gguf_without_bar() -> None:
    """Take away the bar that transformers draws for each GGUF file, which no setting of its own does."""
    with suppress(ImportError, AttributeError):
        from transformers import modeling_gguf_pytorch_utils

        modeling_gguf_pytorch_utils.tqdm = lambda rows, **_: rows


def _refused(settings: ModelSettings, folder: Path, lacking: str = "") -> AbstractContextManager[None]:
    return refused(
        f"no causal language model can be read{lacking}",
        file=folder / (settings.gguf_file or ""),
        remedy=_remedy(
            settings,
            folder,
            "Give a folder with config.json and safetensors, or name its GGUF file (gguf_file).",
        ),
    )


def _load_weights(settings: ModelSettings, folder: Path) -> Any:
    """The model in the dtype asked for, on the CPU, or on the GPUs that it is spread over."""
    import torch
    from transformers import AutoModelForCausalLM, GgufConfig
    from transformers.utils import logging as transformers_logging

    # A bar for every load and save drowns the bars of the work itself.
    transformers_logging.disable_progress_bar()
    # What it tells of a checkpoint that does not fit is told by us, once.
    logging.getLogger("transformers.modeling_utils").addFilter(_is_no_report)
    _tell_of_code(folder, settings.trust_remote_code)
    if is_adapter(folder):
        return _load_adapter(settings, folder)
    file = folder / (settings.gguf_file or "")
    named = {**_how(settings), "dtype": getattr(torch, settings.dtype)}
    place = device_map(empty_model(settings), settings.dtype, file) if settings.device_map else None
    places: tuple[Any, ...] = (place,)
    if settings.gguf_file:
        # Packed weights would be computed by whatever kernel the machine has, and cannot be trained.
        named["quantization_config"] = GgufConfig(dequantize=True)
        elements = gguf_elements(file)
        _read_gguf_without_bar()
    else:
        require_weights(folder)
        named |= {"config": _config(settings, folder), "use_safetensors": True}
        if not (getattr(named["config"], "quantization_config", None) or _shared_out()):
            # First without memory: a configuration that the weights do not fit may ask for any amount.
            places = ("meta", place)
    for place in places:
        with _refused(settings, folder):
            model, info = AutoModelForCausalLM.from_pretrained(
                str(folder), device_map=place, output_loading_info=True, ignore_mismatched_sizes=True, **named
            )
        require_all_loaded(info, file)
    if settings.gguf_file:
        require_all_taken(model, elements, file)
    # On a CPU tensors that keep their dtype are read page by page when they are used, from a file
    # that may be another by then.
    for tensor in chain(model.parameters(), model.buffers()):
        if tensor.device.type == "cpu":
            tensor.data = tensor.data.clone()
    return model


def _load_adapter(settings: ModelSettings, folder: Path) -> Any:
    base = adapter_base(folder, settings)
    require_weights(folder, ADAPTER_WEIGHTS)
    peft, model = needed("peft", by="adapters", extra="lora"), _load_weights(base, model_folder(base))
    remedy = "Give the adapter with the base model that it was trained on, whole."
    with (
        refused("the adapter does not fit its base model", file=folder, remedy=remedy),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        adapted = peft.PeftModel.from_pretrained(model, str(folder))
        # The first loading does not say what it left out; the second changes nothing.
        info = adapted.load_adapter(str(folder), "default")
    if adapted.active_peft_config.is_prompt_learning:
        raise InputError(
            "the adapter puts virtual tokens before a prompt, which harmonia's prompts do not reckon with",
            file=folder / ADAPTER_CONFIG,
            field="peft_type",
            seen=str(adapted.active_peft_config.peft_type),
            remedy="Use an adapter that changes weights (LoRA, IA3).",
        )
    require_all_loaded({**info._asdict(), "mismatched_keys": ()}, folder, remedy)
    return adapted


def _how(settings: ModelSettings) -> dict[str, Any]:
    named = {"gguf_file": settings.gguf_file} if settings.gguf_file else {}
    return {"trust_remote_code": settings.trust_remote_code, **named}


def _remedy(settings: ModelSettings, folder: Path, otherwise: str) -> str:
    if brings_code(folder) and not settings.trust_remote_code:
        return (
            "It may need Python code of its own: read it, and if you trust it, "
            "give model.trust_remote_code=true."
        )
    return otherwise


@cache
def _tell_of_code(folder: Path, trusted: bool) -> None:
    """Say once what becomes of the code in a folder."""
    if brings_code(folder):
        run = "IS RUN, as trust_remote_code says" if trusted else "is not run"
        log.warning("%s: Python code that the model brings %s", folder, run)


@cache
def _tell_untried(file: Path) -> None:
    """Say once what is not looked at where processes hold parts of a model."""
    log.warning(
        "%s: processes hold parts of it, so it is not tried out whether its weights and answers are finite "
        "numbers, whether it is causal, and whether its tokenizer fits (harmonia doctor does)",
        file,
    )


def _is_no_report(record: logging.LogRecord) -> bool:
    return "LOAD REPORT" not in record.getMessage()


def _shared_out() -> bool:
    """Whether processes of one launch hold parts of a model each, so that none can be asked here."""
    from transformers.integrations import is_deepspeed_zero3_enabled, is_fsdp_enabled

    return bool(is_deepspeed_zero3_enabled() or is_fsdp_enabled())
