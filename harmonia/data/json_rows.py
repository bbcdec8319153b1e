"""JSON Lines whose broken lines can be named and left out one by one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harmonia.data.records import BadRow, bad_row
from harmonia.errors import InputError
from harmonia.parsing import json_rows

__all__ = ["read_json_rows"]


def read_json_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]] | BadRow]:
    """Yield (line from 1, object) for each line that is not blank, or what is wrong with it.

    Raises:
        InputError: `path` is not a file.
    """
    for number, found in json_rows(path, what="the JSONL file"):
        yield bad_row(found) if isinstance(found, InputError) else (number, found)
