"""Reads token rows step by step: a beginning shared by all rows once, then on from a cache.

Rows in a reader are always equally long, so there is no padding and no mask. So the cache
holds what it would hold for each row alone, in any architecture (sliding windows, local and
global layers).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Protocol

from harmonia.models.architecture import device_of, keeps_logits, without_adapter
from harmonia.models.cache import behind, cache_of, cache_refusal


class Reader(Protocol):
    """Rows being read."""

    def read(self, rows: Sequence[Sequence[int]]) -> Any:
        """Read on, as many tokens of each row; logits after the last, shape (rows, vocabulary)."""

    def select(self, lines: Sequence[int]) -> None:
        """Go on with these of the rows read so far; one may come several times."""


class SharedBeginning:
    """A beginning read once, from which any number of readers start.

    Args:
        model: A transformers model.
        ids: Tokens that all rows begin with; may be none.
    """

    def __init__(self, model: Any, ids: Sequence[int]) -> None:
        self._model = model
        self._ids = tuple(ids)
        self._repeatable = cache_refusal(without_adapter(model)) is None
        self._cache = None
        if self._repeatable and ids:
            self._cache = cache_of(_forward(model, [ids], use_cache=True))

    def reader(self, count: int) -> Reader:
        """A reader of `count` rows that have read the beginning."""
        if not self._repeatable:
            return _Rereader(self._model, [list(self._ids) for _ in range(count)])
        if self._cache is None:
            return _CachedReader(self._model, None)
        # Layers replace their tensors and never write into them, so the copies share them.
        cache = copy.copy(self._cache)
        cache.layers = [copy.copy(layer) for layer in self._cache.layers]
        reader = _CachedReader(self._model, cache)
        reader.select([0] * count)
        return reader


class _CachedReader:
    """Goes on from keys and values."""

    def __init__(self, model: Any, cache: Any) -> None:
        self._model, self._cache = model, cache

    def read(self, rows: Sequence[Sequence[int]]) -> Any:
        out = _forward(self._model, rows, **behind(without_adapter(self._model), self._cache))
        self._cache = cache_of(out)
        return out.logits[:, -1]

    def select(self, lines: Sequence[int]) -> None:
        import torch

        # On the CPU: layers of a spread model keep theirs on several GPUs.
        self._cache.batch_select_indices(torch.tensor(list(lines)))


class _Rereader:
    """Reads all from the first token each time, for models whose cache is of another kind."""

    def __init__(self, model: Any, rows: list[list[int]]) -> None:
        self._model, self._rows = model, rows

    def read(self, rows: Sequence[Sequence[int]]) -> Any:
        self._rows = [[*old, *new] for old, new in zip(self._rows, rows, strict=True)]
        return _forward(self._model, self._rows, use_cache=False).logits[:, -1]

    def select(self, lines: Sequence[int]) -> None:
        self._rows = [self._rows[line] for line in lines]


def _forward(model: Any, rows: Sequence[Sequence[int]], **options: Any) -> Any:
    """The model's output for equally long rows, with logits after the last token."""
    import torch

    if keeps_logits(model):
        options["logits_to_keep"] = 1
    with torch.inference_mode():
        ids = torch.tensor([list(row) for row in rows], device=device_of(model))
        return model(input_ids=ids, **options)
