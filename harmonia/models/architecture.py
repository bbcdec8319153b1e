"""What an architecture can do and how long its context is, asked of a transformers model."""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass
from itertools import compress
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


MAX_LAYERS = 1000
"""Of a configuration that is believed; to lay out more takes minutes, and no model has them."""


def require_layers(config: Any, file: Path) -> None:
    """Refuse a configuration of no layers or of more than any model has, before they are laid out.

    Raises:
        InputError: It has none, or more than `MAX_LAYERS`.
    """
    layers = getattr(config.get_text_config(), "num_hidden_layers", None)
    if isinstance(layers, int) and not 1 <= layers <= MAX_LAYERS:
        problem = f"a model of more than {MAX_LAYERS:,} layers" if layers > 0 else "a model without layers"
        remedy = "Give the config.json of a model that there is."
        raise InputError(problem, file=file, field="num_hidden_layers", seen=layers, remedy=remedy)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How large a model is.

    Attributes:
        parameters: All its weights.
        used: Those that a token meets: all but input embeddings that are nothing else, and of a mixture's
            experts those that it is sent to.
        experts: How many experts a token is sent to, of how many; None if there are none. Where the
            configuration does not say the first, it is sent to all.
        adapted: Inputs and outputs of the layers that adapters go to: weights of an adapter of rank 1.
        config: The configuration of its language model; None where only the number of weights is known.
    """

    parameters: float
    used: float
    experts: tuple[int, int] | None = None
    adapted: float = 0.0
    config: Any = None

    @classmethod
    def of(cls, model: Any) -> Shape:
        """That of a transformers model, which may have no memory (torch's meta device)."""
        from torch.nn import Embedding

        config = model.config.get_text_config()
        weights = dict(model.named_parameters())
        total = sum(weight.numel() for weight in weights.values())
        embedded = 0 if config.tie_word_embeddings else model.get_input_embeddings().weight.numel()
        experts = _experts(config)
        met, every = experts or (1, 1)
        stacked = {
            name: one for name, one in weights.items() if experts and one.ndim == 3 and len(one) == every
        }
        of_experts = {name: one for name, one in weights.items() if name in stacked or ".experts." in name}
        idle = (1 - met / every) * sum(one.numel() for one in of_experts.values())
        head = model.get_output_embeddings()
        layers = (one for one in model.modules() if one is not head and not isinstance(one, Embedding))
        linear = [one.weight for one in layers if getattr(getattr(one, "weight", None), "ndim", 0) == 2]
        adapted = sum(sum(weight.shape) for weight in linear)
        # PEFT gives two matrices in one twice the rank, as if each stood alone.
        adapted += sum(
            every * sum(one.shape[1:]) * (2 if "gate_up" in name else 1) for name, one in stacked.items()
        )
        return cls(
            parameters=float(total),
            used=total - embedded - idle,
            experts=experts,
            adapted=float(adapted),
            config=config,
        )


_MET = ("num_experts_per_tok", "moe_topk", "moe_top_k", "top_k_experts")
_EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")


def _experts(config: Any) -> tuple[int, int] | None:
    """How many experts a token is sent to, of how many."""
    met, every = (
        next((value for name in names if isinstance(value := getattr(config, name, None), int)), 0)
        for names in (_MET, _EXPERTS)
    )
    return (min(met, every) or every, every) if every > 1 else None


def inner_width(config: Any) -> int:
    """Width of what a layer holds of a token inside its MLP, of all experts that it is sent to."""
    dense: int = getattr(config, "intermediate_size", None) or 4 * config.hidden_size
    experts = _experts(config)
    if experts is None:
        return dense
    each = getattr(config, "moe_intermediate_size", None) or dense
    shared = getattr(config, "shared_expert_intermediate_size", None)
    shared = shared or each * (getattr(config, "n_shared_experts", None) or 0)
    return int(max(dense, experts[0] * each + shared))


def kept_width(config: Any) -> int:
    """Numbers that a shared beginning (`attention.Prefix`) keeps of a token, in all layers.

    All tokens are kept, whatever a layer's window, and of latents what each head reads of them.
    Writing keeps what the architecture's own cache does, which may be less.
    """
    # In newer configurations layers may differ, and the common one refuses to be asked (Gemma 4).
    layers = list(getattr(config, "per_layer_config", None) or [config] * config.num_hidden_layers)
    kinds = getattr(config, "layer_types", None) or ["attention"] * len(layers)
    attended = (kind == "hybrid" or ("attention" in kind and "linear" not in kind) for kind in kinds)
    return sum(_kept_in_layer(layer) for layer in compress(layers, attended))


def _kept_in_layer(config: Any) -> int:
    heads: int = getattr(config, "num_attention_heads", None) or 0
    if getattr(config, "kv_lora_rank", None):  # latents, from which each head's are made
        return heads * int(config.qk_nope_head_dim + config.qk_rope_head_dim + config.v_head_dim)
    if not heads:
        return 0  # without attention nothing grows with the prompt
    size: int = getattr(config, "head_dim", None) or config.hidden_size // heads
    shared = 1 if getattr(config, "multi_query", False) else getattr(config, "num_key_value_heads", None)
    return 2 * size * (shared or heads)


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
