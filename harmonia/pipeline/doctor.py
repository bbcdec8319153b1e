"""What could keep an experiment from running here: libraries, device, model, tokenizer, letters."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from harmonia.errors import InputError
from harmonia.models import ModelSettings, load_model, load_tokenizer
from harmonia.models.architecture import without_adapter
from harmonia.models.checks import unused_tokens
from harmonia.models.folder import model_folder
from harmonia.models.load import pick_device
from harmonia.pipeline.machine import machine, versions
from harmonia.prompts import Encoder, PromptSettings, build_template, parse_form
from harmonia.training.prefix import share_refusal
from harmonia.types import Item

_EXTRAS = {
    **{"peft": "lora", "liger_kernel": "liger", "httpx": "served"},
    **{"ray": "ray"},
    **{"lm_eval": "harness", "tensorboard": "tracking"},
}
"""What `pip install harmonia[...]` adds, by the module that shows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupFinding:
    """One thing looked at.

    Attributes:
        what: The thing.
        found: What was seen.
        good: Whether an experiment can run with it.
        remedy: What to do if not.
    """

    what: str
    found: str
    good: bool = True
    remedy: str = ""


def look(model: ModelSettings | None, chat: str = "vicuna") -> list[SetupFinding]:
    """Look at the machine, and at a model if one is named: load it as a run would.

    Raises:
        InputError: The chat template named is not known.
    """
    findings = [SetupFinding(what=name, found=number) for name, number in versions().items()]
    here = machine(pick_device("auto"))
    findings.append(SetupFinding(what="device", found=str(here["device_name"] or here["device"])))
    findings.append(SetupFinding(what="memory", found=f"{here['memory_gb']} GB, {here['cores']} cores"))
    absent = [extra for module, extra in _EXTRAS.items() if find_spec(module) is None]
    findings.append(SetupFinding(what="extras not installed", found=", ".join(absent) or "none"))
    if model is not None:
        findings += _model(model, chat)
    return findings


def _model(settings: ModelSettings, chat: str) -> list[SetupFinding]:
    try:
        tokenizer = load_tokenizer(settings)
    except InputError as error:
        return [SetupFinding(what="tokenizer", found="cannot be read", good=False, remedy=str(error))]
    findings = [SetupFinding(what="tokenizer", found=f"{type(tokenizer).__name__}, {len(tokenizer)} tokens")]
    findings += [_letters(tokenizer, chat, form) for form in ("icl1", "chat0")]
    return [*findings, *_weights(settings, tokenizer)]


def _weights(settings: ModelSettings, tokenizer: Any) -> list[SetupFinding]:
    """Whether the model can be loaded as a run would, and what it will be slower for."""
    from psutil import virtual_memory

    folder = model_folder(settings)
    size = sum(path.stat().st_size for path in folder.glob(settings.gguf_file or "*.safetensors"))
    if 2 * size > virtual_memory().available:
        return [SetupFinding(what="weights", found=f"{size / 2**30:.1f} GB, too large here to be tried out")]
    try:
        loaded = load_model(settings, tokenizer=tokenizer)
    except InputError as error:
        return [SetupFinding(what="weights", found="cannot be used", good=False, remedy=str(error))]
    inner = without_adapter(loaded.model)
    rows = inner.get_input_embeddings().weight.shape[0]
    found = f"{type(inner).__name__}, {settings.dtype}, {inner.num_parameters():,} numbers, {rows} token rows"
    if unused := unused_tokens(loaded.tokenizer, rows):
        found += f"; without a row, and never written: {', '.join(sorted(unused))}"
    why = share_refusal(inner)
    training = (f"in training, what all rows begin with is computed in every row: {why}",) if why else ()
    slower = dict.fromkeys([*loaded.slower_scoring, *loaded.slower_generating, *training])
    return [
        SetupFinding(what="weights", found=found),
        SetupFinding(what="slower here", found="\n".join(slower) or "nothing"),
    ]


def _letters(tokenizer: Any, chat: str, form_name: str) -> SetupFinding:
    """Whether letters can be scored in a form, and as which tokens."""
    form = parse_form(form_name)
    item = Item(id="example", domain="example", question="?", choices=("1", "2", "3", "4"), answer=0)
    what = f"letters in {form_name}"
    settings = PromptSettings.model_validate({"chat": chat})
    try:
        template = build_template(settings, tokenizer)
        encoder = Encoder(tokenizer)
        shots = (item,) * form.shots
        request = encoder.letter_request(template.prompt(item, form, shots), template.following(item, form))
    except InputError as error:
        return SetupFinding(what=what, found="cannot be scored", good=False, remedy=str(error))
    ids = [tokens[0] for tokens in request.continuations]
    start = f"behind {' '.join(encoder.tokens(encoder.front)) or 'no BOS, as the tokenizer has it'}"
    spelled = ", ".join(
        f"{token!r} ({number})" for token, number in zip(encoder.tokens(ids), ids, strict=True)
    )
    return SetupFinding(what=what, found=f"{spelled}; {start}")
