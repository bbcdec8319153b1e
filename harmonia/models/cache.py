"""Keys and values kept from what a model has read: by which name its code takes them, and whether it can.

The name is the library's to change (`past_key_values` became `cache` in transformers
5.24), and code that comes with a model may have either. What a pass gives back is
therefore known by its type, and a model that takes nothing by a known name says so.
"""

from __future__ import annotations

import inspect
from typing import Any
from weakref import WeakKeyDictionary

from harmonia.models.memory import out_of_memory

NAMES = ("cache", "past_key_values")
"""What forward's argument is called, the newest name first."""

_refusals: WeakKeyDictionary[Any, str | None] = WeakKeyDictionary()


def cache_argument(model: Any) -> str | None:
    """The name by which a transformers model without wrappers takes a cache; None if by none known."""
    known = inspect.signature(type(model).forward).parameters
    return next((name for name in NAMES if name in known), None)


def behind(model: Any, cache: Any) -> dict[str, Any]:
    """Arguments with which a model reads on behind a cache; None for an empty one.

    Raises:
        ValueError: The model takes none (`cache_refusal` says so before).
    """
    name = cache_argument(model)
    if name is None:
        raise ValueError(f"{type(model).__name__} takes no cache")
    return {name: cache, "use_cache": True}


def cache_of(output: Any) -> Any:
    """The cache among what a pass gave; None if there is none."""
    from transformers import Cache

    return next((value for value in output.values() if isinstance(value, Cache)), None)


def cache_refusal(model: Any) -> str | None:
    """Why rows cannot be read on, repeated and left out behind a cache of this model; None if they can.

    It is tried out once, on one token: layers that keep a state instead of keys and
    values, or a cache of the model's own, are of another kind.

    The model is without wrappers.
    """
    if model not in _refusals:
        _refusals[model] = _try_out(model)
    return _refusals[model]


def _try_out(model: Any) -> str | None:
    import torch
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

    if cache_argument(model) is None:
        return f"its code takes no cache by a name known here ({' or '.join(NAMES)})"
    one = torch.zeros(1, 1, dtype=torch.long, device=model.device)
    try:
        with torch.no_grad():
            cache = cache_of(model(input_ids=one, use_cache=True))
    except (TypeError, ValueError, LookupError, AttributeError, RuntimeError) as error:
        if out_of_memory(error):
            raise
        return f"its code gives no cache ({type(error).__name__}: {error})"
    if not isinstance(cache, DynamicCache):
        return f"its cache is a {type(cache).__name__}" if cache is not None else "its code gives no cache"
    kinds = {
        type(layer).__name__
        for layer in cache.layers
        if type(layer) not in (DynamicLayer, DynamicSlidingWindowLayer)
    }
    return f"its cache has layers of another kind ({', '.join(sorted(kinds))})" if kinds else None
