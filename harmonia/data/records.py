"""The shapes of a row on its way from a file to an item.

raw fields -> RawRow -> Item or BadRow -> FileRows
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harmonia.data.answers import AnswerForm
from harmonia.errors import InputError
from harmonia.types import Item

__all__ = ["MISSING", "BadRow", "FileRows", "Layout", "Place", "RawRow", "bad_row"]

MISSING: Any = object()
"""Stands for a field that the row does not have, which null does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """A row that cannot become an item: the parts of the `InputError` it would raise.

    Attributes:
        file: The file it stands in.
        row: Line of a text file or row of a table, from 1; where a row covers
            several lines, its first.
        field: The field that is wrong, as the file names it; None for the whole row.
        problem: What is wrong.
        seen: The value seen, shortened; None where there is none.
        remedy: What to do about it.
    """

    file: str
    row: int | None
    field: str | None
    problem: str
    seen: str | None
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRows:
    """What one file gave, in its order: items, and bad rows in their place."""

    file: str
    rows: tuple[Item | BadRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where rows stand.

    Attributes:
        file: The file as errors name it.
        source: The file as items name it: the path that the user declared.
        split: Split of the data set; may be empty.
    """

    file: str
    source: str
    split: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the rows of a file name and mean their fields.

    Attributes:
        id: Name of the id field.
        question: Name of the question field.
        choices: Name of the one field with the list of options, or a name for each.
        answer: Name of the answer field.
        labels: Name of the field with the options' labels.
        explanation: Name of the explanation field.
        domain: Name of the field that names the domain.
        forms: How the answer is written; the first form that fits decides.
        unanswered: The answer of a row whose answer is withheld (`-1`, an empty text).
        shuffle: Stage of the addressed draw that orders the options; None keeps the
            file's order.
    """

    id: str = "id"
    question: str = "question"
    choices: str | tuple[str, ...] = "choices"
    answer: str = "answer"
    labels: str = "labels"
    explanation: str = "explanation"
    domain: str = "domain"
    forms: tuple[AnswerForm, ...] = ("index", "letter")
    unanswered: int | str | None = None
    shuffle: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRow:
    """The fields of one row as they were found, unchecked; `MISSING` where absent."""

    row: int
    domain: Any
    id: Any
    question: Any
    choices: Any
    answer: Any
    explanation: Any = MISSING
    labels: Any = MISSING
    layout: Layout


def bad_row(error: InputError) -> BadRow:
    """Keep the parts of an error about one row."""
    return BadRow(
        file=str(error.file),
        row=error.row,
        field=error.field,
        problem=error.problem,
        seen=error.seen,
        remedy=error.remedy,
    )
