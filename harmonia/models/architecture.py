"""What an architecture can do and how long its context is, asked of a transformers model."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from types import MappingProxyType
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


_MET = ("num_experts_per_tok", "moe_topk", "moe_top_k", "top_k_experts")
_EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
# Where a model has a decoder of its own kind beside an encoder, that is what is asked.
_LAYERS = ("decoder_layers", "num_decoder_layers", "num_hidden_layers")
_HEADS = ("decoder_attention_heads", "num_decoder_attention_heads", "num_attention_heads")
_INNER = ("decoder_ffn_dim", "intermediate_size", "ffn_dim", "ffn_hidden_size", "n_inner", "dff")

MOST = {
    "vocab_size": 10_000_000,
    "hidden_size": 1_000_000,
    **dict.fromkeys(_LAYERS, 1_000),
    **dict.fromkeys((*_HEADS, "num_key_value_heads", "head_dim"), 100_000),
    **dict.fromkeys(_INNER, 10_000_000),
    **dict.fromkeys(_EXPERTS, 100_000),
}
"""Sizes that decide how large a model is, and up to which a configuration is believed.

No model has more, and to lay out so many layers would take minutes.
"""


def require_sizes(config: Any, file: Path) -> None:
    """Refuse a language model's configuration with a size that no model has, before it is laid out.

    Raises:
        InputError: A size is below 1 (experts may be 0), or above `MOST`.
    """
    for name, most in MOST.items():
        sizes, least = _sizes(config, name), int(name not in _EXPERTS)
        if sizes and not least <= min(sizes) <= max(sizes) <= most:
            field = getattr(config, "attribute_map", {}).get(name, name)
            seen = sizes if len(sizes) > 1 else sizes[0]
            remedy = f"Give the config.json of a model that there is (here {least} to {most:,})."
            raise InputError("no model has such a size", file=file, field=field, seen=seen, remedy=remedy)


def unsaid_sizes(config: Any, said: Mapping[str, Any]) -> dict[str, Any]:
    """Sizes that a config.json (`said`, as read) leaves out, with what its architecture takes instead.

    Parts of it, too (`text_config`). None stands where it takes none; what it works out from other sizes is
    not among them.
    """
    text = config.get_text_config()
    section = next((name for name in config.sub_configs if getattr(config, name, None) is text), None)
    names = text.attribute_map
    known = {names.get(name, name) for name in (said.get(section) or {} if section else said)}
    defaults: dict[str, Any] = {
        name: one.default for name, one in inspect.signature(type(text)).parameters.items()
    }
    sizes = {names.get(name, name) for name in (*MOST, *_MET, "moe_intermediate_size")}
    taken = {name: next(iter(_sizes(text, name)), None) for name in defaults if name in sizes - known}
    parts = {name for name in config.sub_configs if name not in said and getattr(config, name, None)}
    return {name: size for name, size in taken.items() if size == defaults[name]} | dict.fromkeys(
        sorted(parts), "all of it"
    )


def encoder_switch(model: Any) -> str | None:
    """The switch of its configuration by which a model is an encoder; None if it says nothing of the kind.

    Its layers must follow: GPT-NeoX has the switch, and does not. What has none (XLNet) is known when asked.
    """
    config = model.config.get_text_config()
    switches = [name for name in ("causal", "is_decoder") if getattr(config, name, None) is False]
    layers = list(model.modules())
    return next((name for name in switches if any(getattr(one, name, None) is False for one in layers)), None)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Widths:
    """What decides how much a model holds of a token.

    Attributes:
        hidden: Numbers of a token between layers.
        inner: What a layer holds of a token inside its MLP, of all experts that it is sent to.
        kept: Numbers that a shared beginning (`attention.Prefix`) keeps of a token, in all layers.
        layers: How many there are.
        vocabulary: Logits of a token.
    """

    hidden: int
    inner: int
    kept: int
    layers: int
    vocabulary: int

    @classmethod
    def of(cls, config: Any) -> Widths:
        """Those of a language model's configuration.

        Raises:
            InputError: It has no width, layers or vocabulary (BLT has several models' instead).
        """
        found = {names[-1]: _first(config, *names) for names in (("hidden_size",), _LAYERS, ("vocab_size",))}
        if lacking := [name for name, value in found.items() if not value]:
            problem = f"a configuration of {config.model_type} has no {', '.join(lacking)}"
            raise InputError(problem, field=lacking[0], remedy="What a token takes is not known.")
        hidden, layers, vocabulary = found.values()
        return cls(
            hidden=hidden,
            inner=_inner_width(config, hidden),
            kept=_kept_width(config, layers),
            layers=layers,
            vocabulary=vocabulary,
        )


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
        embedded: Weights of its embeddings and head.
        widths: What decides what it holds of a token; None where that is not known.
        notes: What is not known of it, and what was reckoned with instead.
    """

    parameters: float
    used: float
    experts: tuple[int, int] | None = None
    adapted: float = 0.0
    embedded: float = 0.0
    widths: Widths | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, model: Any, unsaid: Mapping[str, Any] = MappingProxyType({})) -> Shape:
        """That of a transformers model, which may have no memory (torch's meta device).

        `unsaid` are the sizes that its configuration leaves out (`unsaid_sizes`).
        """
        from torch.nn import Embedding

        config = model.config.get_text_config()
        weights = dict(model.named_parameters())
        total = sum(weight.numel() for weight in weights.values())
        head, inputs = model.get_output_embeddings(), model.get_input_embeddings().weight
        untied = 0 if head is not None and head.weight is inputs else inputs.numel()
        experts = _experts(config)
        met, every = experts or (1, 1)
        stacked = {
            name: one for name, one in weights.items() if experts and one.ndim == 3 and len(one) == every
        }
        of_experts = {name: one for name, one in weights.items() if name in stacked or ".experts." in name}
        idle = (1 - met / every) * sum(one.numel() for one in of_experts.values())
        layers = (one for one in model.modules() if one is not head and not isinstance(one, Embedding))
        linear = [one.weight for one in layers if getattr(getattr(one, "weight", None), "ndim", 0) == 2]
        adapted = sum(sum(weight.shape) for weight in linear)
        # PEFT gives two matrices in one twice the rank, as if each stood alone.
        adapted += sum(
            every * sum(one.shape[1:]) * (2 if "gate_up" in name else 1) for name, one in stacked.items()
        )
        notes = []
        if taken := [f"{name} ({value})" for name, value in unsaid.items() if value is not None]:
            notes.append(f"config.json does not say {', '.join(taken)}: transformers' defaults are taken")
        if experts:
            notes.append(f"a token is sent to {met} of {every} experts: time counts those, memory all")
        if getattr(model.config, "quantization_config", None):
            notes.append("its weights are packed (quantization_config): memory is reckoned with plain ones")
        widths = None
        try:
            widths = Widths.of(config)
        except InputError as error:
            notes.append(f"activations and KV cache are left out: {error.problem}")
        return cls(
            parameters=float(total),
            used=total - untied - idle,
            experts=experts,
            adapted=float(adapted),
            embedded=float(inputs.numel() + untied),
            widths=widths,
            notes=tuple(notes),
        )


def _each_layer(config: Any) -> list[Any]:
    """A configuration; those of its layers where they differ, as the common one refuses then (Gemma 4)."""
    return list(config.per_layer_config) if getattr(config, "is_heterogeneous", False) else [config]


def _sizes(config: Any, name: str) -> list[int]:
    """The numbers that a configuration has by a name: one, or one a layer."""
    values = [getattr(one, name, None) for one in _each_layer(config)]
    each = [size for value in values for size in (value if isinstance(value, list) else [value])]
    found = [size for size in each if isinstance(size, int)]
    return found if len(set(found)) > 1 else found[:1]


def _first(config: Any, *names: str) -> int:
    """The largest number above 0 by the first name that has any; or 0."""
    return next((max(sizes) for name in names if (sizes := _sizes(config, name)) and max(sizes) > 0), 0)


def _experts(config: Any) -> tuple[int, int] | None:
    """How many experts a token is sent to, of how many."""
    met, every = _first(config, *_MET), _first(config, *_EXPERTS)
    return (min(met, every) or every, every) if every > 1 else None


def _inner_width(config: Any, hidden: int) -> int:
    dense = _first(config, *_INNER) or 4 * hidden
    experts = _experts(config)
    if experts is None:
        return dense
    each = _first(config, "moe_intermediate_size") or dense
    shared = _first(config, "shared_expert_intermediate_size")
    shared = shared or each * _first(config, "n_shared_experts")
    return max(dense, experts[0] * each + shared)


def _kept_width(config: Any, layers: int) -> int:
    """All tokens are kept, whatever a layer's window, and of latents what each head reads of them.

    Writing keeps what the architecture's own cache does, which may be less.
    """
    each = _each_layer(config)
    each = each if len(each) == layers else each * layers
    kinds = getattr(config, "layer_types", None) or ["attention"] * len(each)
    attended = (kind == "hybrid" or ("attention" in kind and "linear" not in kind) for kind in kinds)
    return sum(_kept_in_layer(layer) for layer in compress(each, attended))


def _kept_in_layer(config: Any) -> int:
    heads = _first(config, *_HEADS)
    if getattr(config, "kv_lora_rank", None):  # latents, from which each head's are made
        return heads * int(config.qk_nope_head_dim + config.qk_rope_head_dim + config.v_head_dim)
    if not heads:
        return 0  # without attention nothing grows with the prompt
    size = _first(config, "head_dim") or config.hidden_size // heads
    shared = 1 if getattr(config, "multi_query", False) else _first(config, "num_key_value_heads")
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
