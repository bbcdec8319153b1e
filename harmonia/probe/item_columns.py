"""Items by column, and what is done with columns of any kind."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from hashlib import sha256
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Rows = NDArray[np.bool_]

TOGETHER = 1 << 14
"""Rows that are values of Python at a time."""


class ItemColumns:
    """Items by column, in the order of their file.

    Args:
        table: Columns `ITEM_FIELDS`; `key` too where answers name them by it.
    """

    def __init__(self, table: pa.Table) -> None:
        self.table = table
        self.options_I: NDArray[np.int64] = list_lengths(table["choices"])

    @cached_property
    def numbers_I(self) -> NDArray[np.uint64]:
        """A number for each item that is the same wherever this very question is asked."""
        digests = []
        for start in range(0, len(self.table), TOGETHER):
            some = self.table.slice(start, TOGETHER)
            parts = [some[name] for name in ("id", "domain", "question")]
            parts += [some["answer"].cast(pa.string()), pc.binary_join(some["choices"], "\x1f")]
            texts = pc.binary_join_element_wise(*parts, "\x1e", null_handling="replace").cast(pa.binary())
            digests += [sha256(text).digest()[:8] for text in texts.to_pylist()]
        return np.frombuffer(b"".join(digests), dtype=np.uint64)

    @cached_property
    def named_I(self) -> NDArray[np.uint64]:
        """A number for each item's cluster in its domain, the same wherever that is; 0 for none."""
        pairs = zip(self.texts_I("domain"), self.texts_I("cluster"), strict=True)
        return _numbers([None if cluster is None else f"{domain}\x1e{cluster}" for domain, cluster in pairs])

    @cached_property
    def domains_I(self) -> NDArray[np.uint64]:
        """A number for each item's domain, the same wherever that is."""
        return _numbers(self.texts_I("domain"))

    @cached_property
    def gold_I(self) -> NDArray[np.int64]:
        """Index of the right option; -1 where there is none."""
        return np.asarray(self.table["answer"].fill_null(-1).to_numpy())

    def texts_I(self, name: str) -> NDArray[np.object_]:
        """A column of texts; None where there is none."""
        return texts_of(self.table[name])

    @cached_property
    def doubtful_I(self) -> Rows:
        """Items that may break a rule."""
        parts = [
            _doubtful(self.table.slice(start, TOGETHER)) for start in range(0, len(self.table), TOGETHER)
        ]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=bool)


def _doubtful(table: pa.Table) -> Rows:
    lengths, gold_I = list_lengths(table["choices"]), table["answer"].fill_null(-1).to_numpy()
    found = (lengths < 2) | (lengths > 26) | (gold_I < 0) | (gold_I >= lengths)
    for name in ("id", "question", "domain"):
        blank = pc.equal(pc.binary_length(pc.utf8_trim_whitespace(table[name])), 0)
        if name == "domain":  # nobody need say one
            blank = pc.and_(blank, pc.not_equal(table[name], ""))
        found |= flags(blank.fill_null(name != "domain"))
    choices = pc.utf8_trim_whitespace(pc.list_flatten(table["choices"]))
    empty = flags(pc.equal(pc.binary_length(choices), 0).fill_null(True))
    row_O = np.repeat(np.arange(len(lengths)), lengths)
    first_O = np.repeat(np.cumsum(lengths) - lengths, lengths)
    other = flags(pc.not_equal(choices, choices.take(pa.array(first_O))).fill_null(False))
    found |= np.bincount(row_O, empty, len(lengths)) > 0
    found |= np.bincount(row_O, other, len(lengths)) == 0
    return np.asarray(found, dtype=bool)


def _numbers(texts: Iterable[str | None]) -> NDArray[np.uint64]:
    """A number for each text, 0 for None."""
    number = {
        text: 0 if text is None else int.from_bytes(sha256(text.encode()).digest()[:8]) for text in set(texts)
    }
    return np.array([number[text] for text in texts], dtype=np.uint64)


def texts_of(column: pa.ChunkedArray) -> NDArray[np.object_]:
    """A column of texts, None where there is none; texts that come again are one object."""
    found = column.combine_chunks().dictionary_encode()
    texts = np.array([*found.dictionary.to_pylist(), None], dtype=object)
    return np.asarray(texts[found.indices.fill_null(len(texts) - 1).to_numpy(zero_copy_only=False)])


def list_lengths(column: Any) -> NDArray[np.int64]:
    """How many values each cell of a column of lists has; an empty one 0."""
    return np.asarray(pc.list_value_length(column).fill_null(0).to_numpy(), dtype=np.int64)


def flags(column: Any) -> Rows:
    """A column of truth values; an empty cell is false."""
    return np.asarray(column.fill_null(False).to_numpy(), dtype=bool)


def cells(column: pa.ChunkedArray, said: dict[Any, Any]) -> list[Any]:
    """Values of a column; texts that come again are one object."""
    values = column.to_pylist()
    if pa.types.is_string(column.type) and len(set(values)) < len(values) / 2:
        return [said.setdefault(value, value) for value in values]
    return list(values)


def rows_of(table: pa.Table, row_I: NDArray[np.int64]) -> pa.Table:
    """Some rows of a table; neighbours are not copied."""
    if len(row_I) and (np.diff(row_I) == 1).all():
        return table.slice(row_I[0], len(row_I))
    return table.take(pa.array(row_I))
