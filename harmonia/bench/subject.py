"""The model and data of a benchmark: the lab's, real ones, or random weights in a known shape."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harmonia.bench.settings import BenchSettings
from harmonia.data import ItemSource, read_conversations, read_items
from harmonia.errors import InputError
from harmonia.models import LocalModel, ModelSettings, load_model, load_tokenizer
from harmonia.models.architecture import context_length
from harmonia.models.border import refused
from harmonia.models.load import pick_device
from harmonia.prompts import PromptSettings
from harmonia.types import Item, Message, Method
from harmonia.world import base_folder, write_lab_data

SHAPES: dict[str, dict[str, Any]] = {
    # Touvron et al. 2023, Llama 2, and its published config.json.
    "llama-2-7b": {
        "hidden_size": 4096,
        "intermediate_size": 11008,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 32,
        "vocab_size": 32000,
        "max_position_embeddings": 4096,
    }
}
"""Shapes that go by a name."""

_LAB_DOMAIN = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is measured.

    Attributes:
        evaluated: Questions of the zero-shot evaluation.
        general: General instructions, by id; may be none.
        options_first: Where the model wants the options.
    """

    loaded: LocalModel
    items: Sequence[Item]
    shots: Sequence[Item]
    evaluated: Sequence[Item]
    general: dict[str, tuple[Message, ...]]
    options_first: bool

    def prompt(self, method: Method) -> PromptSettings:
        """How it is asked."""
        return PromptSettings(method=method, options_first=self.options_first)


def load_subject(settings: BenchSettings, *, count: int) -> Subject:
    """Load the model and read the data.

    At most `count` exam questions are read.

    Raises:
        InputError: The model or a file cannot be read.
    """
    import torch

    if settings.threads:
        torch.set_num_threads(settings.threads)
    with tempfile.TemporaryDirectory() as folder:
        places = settings
        if settings.model is None:
            write_lab_data(Path(folder) / "data", 0)
            lab = Path(folder) / "data" / _LAB_DOMAIN
            places = settings.model_copy(
                update={
                    "items": str(lab / "train.jsonl"),
                    "shots": str(lab / "dev.jsonl"),
                    "mmlu": str(lab / "out_of_domain.jsonl"),
                    "general": str(lab.parent / "general.jsonl"),
                }
            )
        # The lab's models know its prompts by their domain.
        domain = None if settings.model else _LAB_DOMAIN
        items = _items(places.items, count, domain)
        return Subject(
            loaded=_load(settings),
            items=items,
            shots=_items(places.shots, None, domain),
            evaluated=(
                _items(places.mmlu, settings.questions, domain)
                if places.mmlu
                else items[: settings.questions]
            ),
            general=_general(places.general),
            options_first=settings.model is None,
        )


def _items(path: str | None, limit: int | None, domain: str | None) -> tuple[Item, ...]:
    return read_items(ItemSource(path=path or "", limit=limit, domain=domain, on_bad_row="skip")).items


def _general(path: str | None) -> dict[str, tuple[Message, ...]]:
    if path is None:
        return {}
    return {
        f"general/{one.id}": one.messages for one in read_conversations(Path(path), on_bad_row="skip").rows
    }


def _load(settings: BenchSettings) -> LocalModel:
    device = pick_device(settings.device)
    model = ModelSettings(
        path=settings.model or str(base_folder(0)),
        gguf_file=settings.gguf_file,
        trust_remote_code=settings.trust_remote_code,
        dtype=settings.dtype or ("bfloat16" if device.startswith("cuda") else "float32"),
        device=device,
    )
    return _random(settings.random, model) if settings.random else load_model(model)


def _random(shape: str, model: ModelSettings) -> LocalModel:
    """Random weights behind a model's tokenizer; the vocabulary grows if it must.

    Raises:
        InputError: There is no such shape.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, LlamaConfig

    if shape not in SHAPES and not Path(shape).is_file():
        remedy = f"Give {' or '.join(SHAPES)}, or the path of a config.json."
        raise InputError(
            "neither the name of a shape nor a configuration file", field="random", seen=shape, remedy=remedy
        )
    tokenizer = load_tokenizer(model)
    with refused("not a model's configuration", file=Path(shape), remedy="Give its config.json."):
        config = (
            LlamaConfig(**SHAPES[shape])
            if shape in SHAPES
            else AutoConfig.from_pretrained(shape, trust_remote_code=False)
        )
    text = config.get_text_config()
    text.vocab_size = max(text.vocab_size, len(tokenizer))
    torch.manual_seed(0)
    with torch.device(model.device):
        weights = AutoModelForCausalLM.from_config(
            config, dtype=getattr(torch, model.dtype), trust_remote_code=False
        )
    return LocalModel(
        settings=model,
        model=weights.eval(),
        tokenizer=tokenizer,
        device=model.device,
        max_tokens=context_length(config, Path(shape)),
    )
