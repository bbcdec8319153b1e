"""What makes a model slower to ask or to write with, and why: tried out once per model, never assumed.

Some models give other values on a pack than plainly, or none at all. Their layers carry
state from token to token, their positions do not follow `position_ids`, or they make their
own mask. These take the plain path.
"""

from __future__ import annotations

from statistics import fmean
from typing import Any
from weakref import WeakKeyDictionary

from harmonia.models.architecture import keeps_logits, scaled_by_length, without_adapter
from harmonia.models.attention import UnsupportedError
from harmonia.models.cache import cache_refusal
from harmonia.models.memory import out_of_memory
from harmonia.models.packed import compute_prefix, read_blocks
from harmonia.models.plain import read_rows, rows_of
from harmonia.models.trie import blocks_of
from harmonia.models.values import collected
from harmonia.prompts.encode import Request
from harmonia.prompts.lines import encodes_lines, gains_by_line

_SHARED = 21
"""Tokens that the rows of the trial share."""

_refusals: WeakKeyDictionary[Any, str | None] = WeakKeyDictionary()


def slower_scoring(model: Any, tokenizer: Any) -> tuple[str, ...]:
    """What a model is asked without, and why, a sentence each; none if with everything."""
    why = refusal(model)
    packs = (f"asked row by row, without shared prompts: {why}",) if why else ()
    encoding = (
        "texts are encoded whole, lines that come again, too: its tokenizer's steps are not known here",
    )
    by_line = encodes_lines(tokenizer) or not gains_by_line(tokenizer)
    return packs + _slower_logits(model) + (() if by_line else encoding)


def slower_generating(model: Any) -> tuple[str, ...]:
    """What a model writes without, and why, a sentence each; none if with everything."""
    why = cache_refusal(without_adapter(model))
    cache = (f"all of a text is read again for each token that is written: {why}",) if why else ()
    return cache + _slower_logits(model)


def _slower_logits(model: Any) -> tuple[str, ...]:
    if keeps_logits(model):
        return ()
    return ("logits are computed at every position: its code takes no logits_to_keep",)


def refusal(model: Any) -> str | None:
    """Why a transformers model cannot be run on packs; None if it can."""
    if model not in _refusals:
        _refusals[model] = _try_out(model)
    return _refusals[model]


def _try_out(model: Any) -> str | None:
    import torch

    if scaled_by_length(model):
        return "its positions are scaled by the length of the text"
    requests = _trial(model.config.get_text_config().vocab_size)
    plain = collected(requests, read_rows(model, rows_of(requests)))
    try:
        prefix = compute_prefix(model, requests[0].context[:_SHARED])
        blocks = list(blocks_of(requests, range(len(requests)), _SHARED, 1))
        packed = collected(requests, read_blocks(model, prefix, blocks))
    except UnsupportedError as error:
        return str(error)
    except (TypeError, ValueError, LookupError, AttributeError, RuntimeError) as error:
        if out_of_memory(error):
            raise
        return f"its code does not take packs ({type(error).__name__}: {error})"
    pairs = [pair for rows in zip(packed, plain, strict=True) for pair in zip(*rows, strict=True)]
    off = fmean(abs(one.sum - other.sum) / max(1.0, abs(other.sum)) for one, other in pairs)
    # Rounding moves values by up to 2e-6 of their size in fp32, and by one unit of a half
    # precision; what is wrong moves them by a tenth and more.
    if off <= max(1e-5, 4 * torch.finfo(model.dtype).eps):
        return None
    return f"its values on a pack differ from plain ones by {off:.1%}"


def _trial(vocabulary: int) -> list[Request]:
    """Requests behind one prefix: letters, and options of several lengths that share tokens."""

    def words(start: int, count: int) -> tuple[int, ...]:
        return tuple((start + 7 * k * k) % vocabulary for k in range(count))

    shared = words(11, _SHARED)
    return [
        Request(context=shared + words(3, 5), continuations=tuple((k,) for k in range(4))),
        Request(context=shared + words(5, 9), continuations=(words(1, 3), words(1, 5), words(2, 1))),
        Request(context=shared + words(9, 2), continuations=(words(4, 2), words(6, 4))),
    ]
