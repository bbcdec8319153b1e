"""What an architecture can do and how long its context is, asked of a transformers model."""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from harmonia.errors import InputError


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
    problem = "the model does not say how long its context is"
    remedy = "Write it into config.json."
    raise InputError(problem, file=folder / "config.json", field="max_position_embeddings", remedy=remedy)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How large a model is.

    Attributes:
        parameters: All its weights.
        used: Those that take part in a pass: all but input embeddings that are nothing else.
        adapted: Inputs and outputs of the layers that adapters go to: weights of an adapter of rank 1.
        config: The configuration of its language model; None where only the number of weights is known.
    """

    parameters: float
    used: float
    adapted: float = 0.0
    config: Any = None

    @classmethod
    def of(cls, model: Any) -> Shape:
        """That of a transformers model, which may have no memory (torch's meta device)."""
        from torch.nn import Embedding

        config = model.config.get_text_config()
        total = sum(weight.numel() for weight in model.parameters())
        embedded = 0 if config.tie_word_embeddings else model.get_input_embeddings().weight.numel()
        head = model.get_output_embeddings()
        layers = (one for one in model.modules() if one is not head and not isinstance(one, Embedding))
        linear = [one.weight for one in layers if getattr(getattr(one, "weight", None), "ndim", 0) == 2]
        adapted = float(sum(sum(weight.shape) for weight in linear))
        return cls(parameters=float(total), used=float(total - embedded), adapted=adapted, config=config)


def device_of(model: Any) -> Any:
    """The torch device that a model takes its input on."""
    return next(model.parameters()).device


def without_adapter(model: Any) -> Any:
    """The model inside a PEFT wrapper, whose own forward hides its parameters."""
    peft = sys.modules.get("peft")
    return model.get_base_model() if peft and isinstance(model, peft.PeftModel) else model


def keeps_logits(model: Any) -> bool:
    """Whether the architecture can compute logits at some positions alone."""
    return "logits_to_keep" in inspect.signature(without_adapter(model).forward).parameters


def scaled_by_length(model: Any) -> bool:
    """Whether rotary positions depend on how long the longest row of a batch is.

    Modules say how they are computed; where none does (code of the model's own), the
    configuration says what was asked for, of each kind of layer or of all.
    """
    kinds = [module.rope_type for module in model.modules() if hasattr(module, "rope_type")]
    if not kinds:
        asked = getattr(model.config.get_text_config(), "rope_parameters", None) or {}
        layers = [one for one in (asked, *asked.values()) if isinstance(one, dict)]
        kinds = [one.get("rope_type", one.get("type")) for one in layers]
    named = [name for kind in kinds for name in (kind.values() if isinstance(kind, dict) else [kind])]
    return any(name in ("dynamic", "longrope") for name in named)
