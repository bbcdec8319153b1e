"""Training sets as JSONL: written whole, read by their `messages` alone.

What is read needs no more than `messages`, so that a set made elsewhere trains too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from harmonia.errors import InputError
from harmonia.files import write_json_lines
from harmonia.hashing import sha256_json
from harmonia.parsing import read_json_lines, validated
from harmonia.types import GroupRow, Message


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRow:
    """What training needs of a row.

    Attributes:
        id: The row's id, unique in its set.
        messages: The conversation; its last turn is the assistant's.
        row: Its line in the file.
        weight: Weight of the row in the loss, 0 or more; 0 teaches nothing.
        from_epoch: First epoch, from 0, in which the row is shown.
    """

    id: str
    messages: tuple[Message, ...]
    row: int
    weight: float = 1.0
    from_epoch: int = 0


class _Turn(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    role: Literal["system", "user", "assistant"]
    content: str = Field(min_length=1)


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    id: str | int | None = None
    messages: list[_Turn] = Field(min_length=2)
    weight: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    from_epoch: int = Field(default=0, ge=0)


_REMEDIES = {
    "messages": "A row needs messages: a list of {role, content} that ends with the assistant.",
    "weight": "A weight is a number from 0 up; leave it out for 1.",
    "from_epoch": "An epoch is a whole number from 0 up; leave it out for all epochs.",
}


def write_group(path: Path, rows: Sequence[GroupRow]) -> None:
    """Write a training set, one row a line, in one step.

    `from_epoch` is written where it says something: rows are shown from the beginning.
    """
    records = (asdict(row) for row in rows)
    write_json_lines(
        path, ({k: v for k, v in record.items() if k != "from_epoch" or v} for record in records)
    )


def read_training_rows(path: Path) -> tuple[TrainingRow, ...]:
    """Read the conversations of a training set.

    A row without an id is named by its content.

    Raises:
        InputError: The file is missing or empty, a row is not a conversation of user and
            assistant in turns that ends with the assistant, an id comes twice, a weight is
            negative or no number, or no row has a weight above 0.
    """
    rows: list[TrainingRow] = []
    first: dict[str, int] = {}
    for number, values in read_json_lines(path, what="the training set"):
        record = _checked(values, path, number)
        messages = tuple(Message(role=turn.role, content=turn.content) for turn in record.messages)
        name = sha256_json(values["messages"])[:16] if record.id is None else str(record.id)
        if name in first:
            raise InputError(
                f"the id was used in row {first[name]} already",
                file=path,
                row=number,
                field="id",
                seen=name,
                remedy="Give each row an id of its own.",
            )
        first[name] = number
        row = TrainingRow(
            id=name, messages=messages, row=number, weight=record.weight, from_epoch=record.from_epoch
        )
        rows.append(row)
    if not rows:
        raise InputError("the training set is empty", file=path, remedy="Give a file with at least one row.")
    if not any(row.weight for row in rows):
        raise InputError(
            "every row has weight 0",
            file=path,
            field="weight",
            seen=0,
            remedy="Give at least one row a weight above 0.",
        )
    return tuple(rows)


def _checked(values: dict[str, object], path: Path, number: int) -> _Record:
    remedy = _REMEDIES["messages"]
    record = validated(_Record, values, file=path, row=number, remedy=_REMEDIES)
    if record.messages[-1].role != "assistant":
        raise InputError(
            "the last turn is not the assistant's",
            file=path,
            row=number,
            field="messages",
            seen=record.messages[-1].role,
            remedy=remedy,
        )
    roles = [turn.role for turn in record.messages]
    spoken = roles[1:] if roles[0] == "system" else roles
    # A chat template may drop a turn that it does not expect, and the row would teach something else.
    if spoken != ["user", "assistant"] * (len(spoken) // 2):
        raise InputError(
            "user and assistant do not alternate",
            file=path,
            row=number,
            field="messages",
            seen=roles,
            remedy="After at most one system turn, user and assistant must take turns.",
        )
    return record
