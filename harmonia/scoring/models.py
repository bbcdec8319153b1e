"""Load a causal language model and its tokenizer: a folder, a hub id, a GGUF file, an adapter."""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from harmonia.errors import InputError, MissingExtraError
from harmonia.hashing import file_sha256, sha256_json
from harmonia.parsing import read_object, validated
from harmonia.scoring.heap import keep_freed_memory

ADAPTER_CONFIG = "adapter_config.json"
BASE_RECORD = "harmonia_base.json"
"""Beside an adapter: the ModelSettings of the base that it belongs to."""

# Files of a model folder that decide what it answers.
_RECORDS = {BASE_RECORD, "training.json", "trainer_state.json"}
_WEIGHTS = ("*.safetensors", "*.bin", "*.gguf", "*.json", "*.model", "*.jinja", "*.txt")


class ModelSettings(BaseModel):
    """Which model, and how to hold it.

    Attributes:
        path: A model folder, an adapter folder, or a hub id.
        gguf_file: Name of a GGUF file in that folder or repository.
        revision: Commit, tag or branch of a hub id.
        dtype: Type of the weights while scoring; part of the result.
        device: Where to run; `auto` takes a GPU if there is one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    gguf_file: str | None = None
    revision: str | None = None
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    device: str = Field(default="auto", json_schema_extra={"execution": True})


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model ready to be asked.

    Attributes:
        settings: Where it came from.
        model: A transformers causal language model in eval mode.
        tokenizer: Its tokenizer.
        device: The torch device it is on.
        max_tokens: Positions that it has.
    """

    settings: ModelSettings
    model: Any
    tokenizer: Any
    device: str
    max_tokens: int


def resolve_folder(settings: ModelSettings) -> Path:
    """The local folder of a model; a hub id is fetched, or found in the hub's cache.

    Raises:
        InputError: There is no such folder and the hub has no such model or cannot be
            reached.
    """
    folder = Path(settings.path).expanduser()
    if folder.is_dir():
        return folder
    if folder.is_absolute() or settings.path.startswith((".", "~")) or settings.path.count("/") != 1:
        raise InputError(
            "no such model folder",
            field="model",
            seen=settings.path,
            remedy="Give a model folder or a hub id.",
        )
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    wanted = [settings.gguf_file] if settings.gguf_file else None
    try:
        return Path(snapshot_download(settings.path, revision=settings.revision, allow_patterns=wanted))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise InputError(
            "neither a model folder nor a model that the hub can give now",
            field="model",
            seen=settings.path,
            remedy="Give the path of a folder with config.json, weights and tokenizer.",
        ) from error


def fingerprint(settings: ModelSettings) -> str:
    """Hex sha256 over the files that decide what the model answers, and its dtype."""
    folder = resolve_folder(settings)
    patterns = (settings.gguf_file,) if settings.gguf_file else _WEIGHTS
    files = sorted({path for pattern in patterns for path in folder.glob(pattern) if path.is_file()})
    hashes = {path.name: _identity(path) for path in files if path.name not in _RECORDS}
    base = fingerprint(adapter_base(folder)) if (folder / ADAPTER_CONFIG).exists() else None
    return sha256_json({"files": hashes, "base": base, "dtype": settings.dtype})


def _identity(path: Path) -> str:
    """Hash of a file; of an adapter's configuration without the place where its base lay."""
    if path.name != ADAPTER_CONFIG:
        return file_sha256(path)
    values = read_object(path, what="the adapter's configuration")
    return sha256_json({key: value for key, value in values.items() if key != "base_model_name_or_path"})


def adapter_base(folder: Path) -> ModelSettings:
    """The base model that an adapter folder belongs to.

    Raises:
        InputError: The adapter does not say.
    """
    record = folder / BASE_RECORD
    if record.exists():
        return validated(ModelSettings, read_object(record, what="the record of the base model"), file=record)
    named = read_object(folder / ADAPTER_CONFIG, what="the adapter's configuration").get(
        "base_model_name_or_path"
    )
    if not isinstance(named, str):
        raise InputError(
            "the adapter does not name its base model",
            file=folder / ADAPTER_CONFIG,
            field="base_model_name_or_path",
            seen=named,
            remedy="Write the base model's folder or hub id there.",
        )
    return ModelSettings(path=named)


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

    folder = resolve_folder(settings)
    if (folder / ADAPTER_CONFIG).exists() and not (folder / "tokenizer_config.json").exists():
        return load_tokenizer(adapter_base(folder))
    _require_gguf(folder, settings)
    named = {"gguf_file": settings.gguf_file} if settings.gguf_file else {}
    try:
        return AutoTokenizer.from_pretrained(str(folder), **named)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"no tokenizer can be read ({_first_line(error)})",
            file=folder,
            remedy="The folder needs tokenizer files, or name its GGUF file (gguf_file).",
        ) from error


def load_model(settings: ModelSettings) -> LoadedModel:
    """Load weights and tokenizer, on the device and in the dtype asked for.

    Raises:
        InputError: The folder holds no causal language model that transformers can read.
        MissingExtraError: The folder is an adapter and PEFT is not installed.
    """
    folder = resolve_folder(settings)
    device = pick_device(settings.device)
    model = load_weights(settings).to(device).eval()
    if device == "cpu":
        keep_freed_memory()
    return LoadedModel(
        settings=settings,
        model=model,
        tokenizer=load_tokenizer(settings),
        device=device,
        max_tokens=context_length(model.config, folder),
    )


def load_weights(settings: ModelSettings) -> Any:
    """The bare model on the CPU, in the dtype asked for."""
    import torch
    from transformers import AutoModelForCausalLM, GgufConfig
    from transformers.utils import logging

    folder = resolve_folder(settings)
    # A bar for every load and save drowns the bars of the work itself.
    logging.disable_progress_bar()
    if (folder / ADAPTER_CONFIG).exists():
        base = load_weights(adapter_base(folder).model_copy(update={"dtype": settings.dtype}))
        return _peft().PeftModel.from_pretrained(base, str(folder))
    _require_gguf(folder, settings)
    named: dict[str, Any] = {}
    if settings.gguf_file:
        # Packed weights would be computed by whatever kernel the machine has, and cannot be trained.
        named = {"gguf_file": settings.gguf_file, "quantization_config": GgufConfig(dequantize=True)}
    try:
        return AutoModelForCausalLM.from_pretrained(
            str(folder), dtype=getattr(torch, settings.dtype), **named
        )
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"no causal language model can be read ({_first_line(error)})",
            file=folder,
            remedy="The folder needs config.json and safetensors, or name its GGUF file (gguf_file).",
        ) from error


def skeleton(settings: ModelSettings, attention: str | None = None) -> Any:
    """The model without its weights; `attention` names how it is to be computed.

    Raises:
        ImportError: A library for that attention is not installed.
        ValueError: The model cannot have it.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    folder = resolve_folder(settings)
    if (folder / ADAPTER_CONFIG).exists():
        return skeleton(adapter_base(folder), attention)
    named = {"gguf_file": settings.gguf_file} if settings.gguf_file else {}
    config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False, **named)
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(
            config, trust_remote_code=False, attn_implementation=attention
        )


def context_length(config: Any, folder: Path) -> int:
    """Positions that a model has, from its configuration.

    Raises:
        InputError: The configuration does not say.
    """
    text = config.get_text_config()
    for name in ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length"):
        length = getattr(text, name, None)
        if isinstance(length, int) and length > 0:
            return length
    raise InputError(
        "the model does not say how long its context is",
        file=folder / "config.json",
        field="max_position_embeddings",
        remedy="Write it into config.json.",
    )


def without_adapter(model: Any) -> Any:
    """The model inside a PEFT wrapper, whose own forward hides its parameters."""
    peft = sys.modules.get("peft")
    return model.get_base_model() if peft and isinstance(model, peft.PeftModel) else model


def keeps_logits(model: Any) -> bool:
    """Whether the architecture can compute logits at some positions alone."""
    return "logits_to_keep" in inspect.signature(without_adapter(model).forward).parameters


def scaled_by_length(model: Any) -> bool:
    """Whether rotary positions depend on how long the longest row of a batch is."""
    kinds = [getattr(module, "rope_type", None) for module in model.modules()]
    named = [name for kind in kinds for name in (kind.values() if isinstance(kind, dict) else [kind])]
    return any(name in ("dynamic", "longrope") for name in named)


def _require_gguf(folder: Path, settings: ModelSettings) -> None:
    if settings.gguf_file and not (folder / settings.gguf_file).is_file():
        held = ", ".join(sorted(path.name for path in folder.glob("*.gguf"))) or "no GGUF file"
        raise InputError(
            "no such GGUF file",
            file=folder,
            field="gguf_file",
            seen=settings.gguf_file,
            remedy=f"The folder holds {held}.",
        )


def _peft() -> Any:
    try:
        import peft
    except ImportError as error:
        raise MissingExtraError(
            "adapters need the library peft", remedy="Install it: pip install 'harmonia[lora]'."
        ) from error
    return peft


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:200]
