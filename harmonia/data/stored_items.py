"""The items of a run, each stored once under a key that its content decides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pyarrow as pa

from harmonia.columns import Table
from harmonia.errors import InputError
from harmonia.hashing import sha256_json
from harmonia.parsing import read_parquet
from harmonia.types import Item

ITEM_FIELDS = tuple(field.name for field in fields(Item))
_TOGETHER = 1 << 14  # rows that are values of Python at a time
_CLUSTER = ITEM_FIELDS.index("cluster")  # the last


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredItem(Item):
    """One question of a run; which one is in `key`, by which answers name it.

    Attributes:
        key: 16 hexadecimal digits, the same wherever all other columns are.
    """

    key: str


ITEMS = Table(name="items", row=StoredItem, key=("key",), sparse=True)


def item_key(item: Item) -> str:
    """The key of an item: equal for equal items, and for no others."""
    return _key([getattr(item, name) for name in ITEM_FIELDS])


def read_items_table(path: Path) -> pa.Table:
    """The table of a file of items, each of which is the one that its key says.

    Raises:
        InputError: The file is missing or damaged, a column is not there or of another type,
            or an item was changed and kept its key.
    """
    table = ITEMS.typed(read_parquet(path, what="the file of items"), path)
    row = 0
    for some in table.select((*ITEM_FIELDS, "key")).to_batches(max_chunksize=_TOGETHER):
        for *values, key in zip(*(column.to_pylist() for column in some.columns), strict=True):
            row += 1
            if key != _key(values):
                problem = "the item is not the one of this key: it was changed after it was written"
                remedy = "Take the file as it was, or let the run write it again: harmonia run."
                raise InputError(problem, file=path, row=row, field="key", seen=key, remedy=remedy)
    return table


def write_items(path: Path, items: Iterable[Item]) -> None:
    """Write items as Parquet in one step, each once."""
    found = {item_key(item): item for item in items}
    columns = {name: [getattr(item, name) for item in found.values()] for name in ITEM_FIELDS}
    ITEMS.write_file(path, {**columns, "key": list(found)}, {})


def _key(values: Sequence[Any]) -> str:
    # An item of no cluster keeps the key that it had before items had clusters.
    return sha256_json(values if values[_CLUSTER] is not None else values[:_CLUSTER])[:16]
