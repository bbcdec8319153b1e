"""Training sets as JSONL, written whole; `data/conversations.py` reads them back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harmonia.files import write_json_lines
from harmonia.types import GroupRow, Message


def write_group(path: Path, rows: Sequence[GroupRow]) -> None:
    """Write a training set, one row a line, in one step.

    `from_epoch` of a row and `weight` of a turn are written where they say something: rows
    are shown from the beginning, and the assistant's turns are learned.
    """
    write_json_lines(path, map(group_record, rows))


def group_record(row: GroupRow) -> dict[str, Any]:
    """A row as its file has it."""
    record = {name: value for name, value in asdict(row).items() if name != "from_epoch" or value}
    return {**record, "messages": [_turn(message) for message in row.messages]}


def _turn(message: Message) -> dict[str, Any]:
    turn: dict[str, Any] = {"role": message.role, "content": message.content}
    return turn if message.learned else {**turn, "weight": 0}
