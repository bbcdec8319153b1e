"""What all rows of a step begin with, computed once.

Chat rows open alike: the system prompt is a third of a short row. Its keys and values
are put before every row of a pass, as in generation, and take the sum of the rows'
gradients on the way back: the same loss and gradients as with the opening in every row.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from harmonia.training.encode import Encoded


def common_prefix(rows: Sequence[Encoded]) -> int:
    """Tokens that all rows begin with, short of the last one before a learned token."""
    first, last = (pick(row.input_ids for row in rows) for pick in (min, max))
    same = next((k for k, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return min(same, *(row.before - 1 for row in rows))


def can_share(model: Any) -> bool:
    """Whether a model reads rows behind cached keys and values as it reads them whole, gradients too.

    That is so for attention over all tokens or a window, without dropout. (A recurrent
    state may be kept without its gradients.)
    """
    import torch
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

    config = model.config.get_text_config()
    if "past_key_values" not in inspect.signature(type(model).forward).parameters:
        return False
    if getattr(config, "attention_dropout", 0.0) or any(
        isinstance(module, torch.nn.Dropout) and module.p for module in model.modules()
    ):
        return False
    kinds = {type(layer) for layer in DynamicCache(config=config).layers}
    return kinds <= {DynamicLayer, DynamicSlidingWindowLayer}


def cached_prefix(model: Any, ids: Any, rows: int) -> Any:
    """Keys and values of a prefix, once for each row; gradients flow back into it.

    Args:
        model: A causal language model of transformers.
        ids: Shape (1, tokens).
        rows: Rows that follow.
    """
    from transformers import DynamicCache

    cache = DynamicCache(config=model.config.get_text_config())
    model.base_model(input_ids=ids, past_key_values=cache, use_cache=True)
    cache.batch_repeat_interleave(rows)
    return cache
