"""What all rows of a step begin with, computed once.

Chat rows open alike: the system prompt is a third of a short row. Its keys and values
are put before every row of a pass, as in generation. On the way back they take the sum of
the rows' gradients. Loss and gradients are those with the opening in every row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harmonia.models.cache import behind, cache_refusal
from harmonia.prompts.encode import common_length
from harmonia.training.encode import Encoded

_TRIAL = 64
"""Tokens of the passes that show dropout."""
_ROUNDING = 0.01
"""Of the largest value: far above rounding in a half precision, far below what dropout moves."""


def common_prefix(rows: Sequence[Encoded]) -> int:
    """Tokens that all rows begin with, short of the last one before a learned token."""
    return min(common_length([row.input_ids for row in rows]), *(row.before - 1 for row in rows))


def share_refusal(model: Any) -> str | None:
    """Why a model would not read rows behind a prefix as it reads them whole, gradients too; None if it does.

    It does with attention over all tokens or a window, without dropout. (A recurrent
    state may be kept without its gradients.)
    """
    if _draws(model):
        return "it has dropout, which is drawn for each row"
    return cache_refusal(model.base_model) or cache_refusal(model)


def _draws(model: Any) -> bool:
    """Whether training has dropout: as a module, or two passes over the same tokens differ."""
    import torch

    if any(isinstance(module, torch.nn.Dropout) and module.p for module in model.modules()):
        return True  # before an adapter has learned anything, its dropout moves nothing
    ids = torch.arange(_TRIAL, device=model.device)[None] % model.config.get_text_config().vocab_size
    training = model.training
    model.train()
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        one, other = (model.base_model(input_ids=ids, use_cache=False)[0] for _ in range(2))
    model.train(training)
    return bool((one - other).abs().max() > _ROUNDING * one.abs().max())


def cached_prefix(model: Any, ids: Any, rows: int) -> Any:
    """Keys and values of a prefix, once for each row; gradients flow back into it.

    `ids` has the shape (1, tokens).
    """
    from transformers import DynamicCache

    cache = DynamicCache(config=model.config.get_text_config())
    model.base_model(input_ids=ids, **behind(model.base_model, cache))
    cache.batch_repeat_interleave(rows)
    return cache
