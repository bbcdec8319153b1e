"""The items of a run, each stored once under a key that its content decides."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from harmonia.columns import Table
from harmonia.hashing import sha256_json
from harmonia.types import Item

ITEM_FIELDS = tuple(field.name for field in fields(Item))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredItem(Item):
    """One question of a run; which one is in `key`, by which answers name it.

    Attributes:
        key: 16 hexadecimal digits, the same wherever all other columns are.
    """

    key: str


ITEMS = Table(name="items", row=StoredItem, key=("key",))


def item_key(item: Item) -> str:
    """The key of an item: equal for equal items, and for no others."""
    return sha256_json([getattr(item, name) for name in ITEM_FIELDS])[:16]


def write_items(path: Path, items: Iterable[Item]) -> None:
    """Write items as Parquet in one step, each once."""
    found = {item_key(item): item for item in items}
    columns = {name: [getattr(item, name) for item in found.values()] for name in ITEM_FIELDS}
    ITEMS.write_file(path, {**columns, "key": list(found)}, {})
