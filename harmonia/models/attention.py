"""Attention over a pack: each block of tokens sees its prefix, its own ancestors and nothing else.

Registered with transformers as an attention implementation of its own, so that every
architecture that goes through `AttentionInterface` runs its own code around it: its
projections, positions, norms and scaling. What a position may see (causal, sliding
window, chunks; per kind of layer) is asked of the architecture's own mask function, at
the tokens' true positions. Keys and values of the prefix are those that the same layer
computed for it, all of them, whatever the layer's window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from harmonia.models.architecture import without_adapter
from harmonia.models.trie import Block

NAME = "harmonia_pack"
_UNKNOWN = ("softcap", "s_aux", "position_bias")
"""Arguments of attention that change its result and that this one does not have."""


class UnsupportedError(Exception):
    """The architecture cannot be run on packs."""


@dataclass(slots=True, kw_only=True)
class Prefix:
    """Keys and values of some tokens, by the attention module that computed them.

    Attributes:
        ids: The tokens.
        layers: (keys, values) of shape (1, key heads, tokens, head size).
    """

    ids: tuple[int, ...] = ()
    layers: dict[Any, tuple[Any, Any]] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Pack:
    """One row of blocks behind one prefix, and what a pass over it needs.

    Attributes:
        prefix: What every block continues.
        blocks: The blocks, one after the other in the row.
        device: Where the model takes its input.
        grown: Set to keep the keys and values of prefix and row: where they are put.
    """

    prefix: Prefix
    blocks: Sequence[Block]
    device: Any
    grown: Prefix | None = None

    @property
    def ids(self) -> list[int]:
        """The row."""
        return [token for block in self.blocks for token in block.ids]

    @property
    def positions(self) -> list[int]:
        """The true position of each token of the row."""
        start = len(self.prefix.ids)
        return [start + depth for block in self.blocks for depth in block.depths]

    def spans(self) -> Iterator[tuple[int, int]]:
        """(start, stop) of each block in the row."""
        stop = 0
        for block in self.blocks:
            start, stop = stop, stop + len(block.ids)
            yield start, stop


# The model's code calls the functions below with arguments of its own; the pack has no other way in.
_CURRENT: ContextVar[Pack] = ContextVar("pack")


@contextmanager
def attending(model: Any, pack: Pack) -> Iterator[None]:
    """Have the model attend as the pack says, for as long as this lasts.

    Raises:
        UnsupportedError: The model does not take its attention from the interface.
    """
    from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel

    AttentionInterface.register(NAME, _attend)
    AttentionMaskInterface.register(NAME, _visible)
    inner = without_adapter(model)
    if not isinstance(inner, PreTrainedModel) or not inner._can_set_attn_implementation():
        raise UnsupportedError("its attention cannot be set")
    before = inner.config._attn_implementation
    token = _CURRENT.set(pack)
    try:
        inner.set_attn_implementation(NAME)
        with _kernels(pack.device):
            yield
    finally:
        inner.set_attn_implementation(before)
        _CURRENT.reset(token)


def _kernels(device: Any) -> AbstractContextManager[None]:
    """Leave out kernels that a GPU plans for each shape (cuDNN's): hardly two blocks are equally long."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    if device.type != "cuda":
        return nullcontext()
    return sdpa_kernel([SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH])


class _Masks:
    """What each block's tokens see, for one kind of layer: additive masks, 0 or -inf."""

    def __init__(self, pack: Pack, allowed: Callable[..., Any], dtype: Any) -> None:
        import torch

        self.blocks = []
        self.tiled: dict[tuple[int, Any], list[Any]] = {}
        # Where the model is: made on the CPU, they would keep a GPU waiting.
        there = {"device": pack.device, "dtype": torch.long}
        # True positions, not places in the row: a window reaches as far as in each request alone.
        positions = torch.tensor(pack.positions, **there)
        subtrees = torch.tensor([end for block in pack.blocks for end in block.ends], **there)
        prefix = torch.arange(len(pack.prefix.ids), **there)
        none = torch.zeros((), **there)
        for start, stop in pack.spans():
            queries, ends = positions[start:stop], subtrees[start:stop]
            at = torch.arange(stop - start, **there)
            keys = torch.cat([prefix, queries])
            seen = allowed(none, none, queries[:, None], keys[None, :])
            # Blocks are laid out depth first: a key's subtree is the row from it to its end.
            above = (at[None, :] <= at[:, None]) & (at[:, None] < ends[None, :])
            seen = seen.expand(len(queries), len(keys)).clone()
            seen[:, len(prefix) :] &= above
            mask = torch.zeros(seen.shape, dtype=dtype, device=pack.device)
            self.blocks.append(mask.masked_fill_(~seen, -torch.inf))

    def for_groups(self, groups: int, device: Any) -> list[Any]:
        """The masks for `groups` query heads, one below the other, that share a key head; on a device."""
        if (groups, device) not in self.tiled:
            self.tiled[groups, device] = [mask.repeat(groups, 1).to(device) for mask in self.blocks]
        return self.tiled[groups, device]


def _visible(*, mask_function: Callable[..., Any], dtype: Any, **_: Any) -> _Masks:
    """In place of the mask that an architecture asks for."""
    import torch

    return _Masks(_CURRENT.get(), mask_function, dtype if dtype is not None else torch.float32)


def _attend(
    module: Any,
    query: Any,
    key: Any,
    value: Any,
    attention_mask: Any,
    scaling: float | None = None,
    dropout: float = 0.0,
    **kwargs: Any,
) -> tuple[Any, None]:
    """Attention of one layer; query, key and value are (1, heads, tokens, head size)."""
    from torch.nn.functional import scaled_dot_product_attention

    pack = _CURRENT.get()
    if not isinstance(attention_mask, _Masks) or any(kwargs.get(name) is not None for name in _UNKNOWN):
        raise UnsupportedError("its attention is of another kind")
    before = len(pack.prefix.ids)
    _, heads, tokens, size = query.shape
    shared = key.shape[1]
    groups = heads // shared
    widest = before + max(stop - start for start, stop in pack.spans())
    # One place for prefix and block, so that the prefix is not copied for every block.
    keys = key.new_empty(1, shared, widest, size)
    values = value.new_empty(1, shared, widest, value.shape[3])
    if before:
        held = pack.prefix.layers
        # What another prefix grows from is read here for the last time, and goes layer by layer.
        keys[:, :, :before], values[:, :, :before] = held.pop(module) if pack.grown else held[module]
    out = query.new_empty(1, tokens, heads, value.shape[3])
    for (start, stop), mask in zip(
        pack.spans(), attention_mask.for_groups(groups, query.device), strict=True
    ):
        end = before + stop - start
        keys[:, :, before:end], values[:, :, before:end] = key[:, :, start:stop], value[:, :, start:stop]
        # Query heads that share a key head are laid one below the other: no key is repeated.
        block = query[:, :, start:stop].reshape(1, shared, groups * (stop - start), size)
        mixed = scaled_dot_product_attention(
            block, keys[:, :, :end], values[:, :, :end], attn_mask=mask, scale=scaling
        )
        # A GPU's kernels give tokens before heads, which has no view by key head.
        out[0, start:stop] = mixed.reshape(heads, stop - start, -1).transpose(0, 1)
    if pack.grown is not None:
        # Such a pack has one block, which still stands behind the prefix here.
        pack.grown.layers[module] = (keys[:, :, :end].clone(), values[:, :, :end].clone())
    return out, None
