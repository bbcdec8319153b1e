"""Fine-tuning files -> conversations, one after the other.

A file is a JSON array, JSON Lines, or Parquet; `turns.py` says which forms a row may have.
Text is kept as in the file. A row counts by its `weight` and is shown from its `from_epoch`
on, where it has them.

A conversation is called by the row's own `id`. Without one it is called by the first 16
digits of the sha256 of what it teaches: the order of the file must not matter. A row that repeats an
earlier one is kept once; one id with something else to teach is a bad row.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from harmonia.data.cells import first_of
from harmonia.data.seen import SeenRows
from harmonia.data.turns import said_in, wrong
from harmonia.errors import InputError
from harmonia.hashing import sha256_json
from harmonia.parsing import json_rows, parquet_rows
from harmonia.types import Conversation

GENERAL = "the file of general instructions"
_ID_DIGITS = 16
_TABLES = (".csv", ".tsv", ".xls", ".xlsx")
_NAMES_TOLD = 12


class ConversationFile:
    """The rows of a file, read anew each time they are asked for.

    What is left aside is counted on the way: `repeated` rows, and for each field that was
    left `unread` in how many rows.

    Args:
        path: The file.
        what: What it is, for messages.
    """

    def __init__(self, path: Path, *, what: str = "the file of conversations") -> None:
        self.path = path
        self.what = what
        self.repeated = 0
        self.unread: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Conversation | InputError]:
        """Give each conversation, or what is wrong with its row.

        Raises:
            InputError: The file is not there, or cannot be read as a whole.
        """
        self.repeated = 0
        self.unread = Counter()
        seen = SeenRows()
        for line, fields in fields_of(self.path, what=self.what):
            if isinstance(fields, InputError):
                yield fields
                continue
            try:
                found, address, unread = _conversation(fields, line)
                before, same = seen.first(found.id, address, line)
                if not same:
                    problem = f"the id was used in row {before} already, with something else to teach"
                    raise wrong("id", problem, found.id, remedy="Give each row an id of its own.")
            except InputError as error:
                yield error.at(file=self.path, row=line)
                continue
            self.unread.update(unread)
            if before != line:
                self.repeated += 1
            else:
                yield found

    def notes(self) -> tuple[str, ...]:
        """What was left aside, in words."""
        notes = []
        if self.repeated:
            notes.append(f"rows that repeat an earlier one, kept once: {self.repeated}")
        if self.unread:
            told = [f"{name} ({rows})" for name, rows in self.unread.most_common(_NAMES_TOLD)]
            more = len(self.unread) - len(told)
            notes.append(f"fields left unread (rows): {', '.join(told)}{f', {more} more' if more else ''}")
        return tuple(notes)


def fields_of(path: Path, *, what: str) -> Iterator[tuple[int, dict[str, Any] | InputError]]:
    """Yield (line or row from 1, fields or what is wrong with the row) of a fine-tuning file.

    Raises:
        InputError: The file is not there, is of another format, or cannot be read as a whole.
    """
    if path.suffix.lower() in _TABLES:
        remedy = "Save it as JSON Lines or Parquet."
        problem = f"{what} is JSON, JSON Lines or Parquet"
        raise InputError(problem, file=path, seen=path.suffix, remedy=remedy)
    is_table = path.suffix.lower() == ".parquet"
    yield from (parquet_rows if is_table else json_rows)(path, what=what)


def conversations_at(path: Path, lines: Iterable[int], *, what: str) -> Iterator[Conversation]:
    """The conversations of some rows of a file, one in memory at a time.

    `lines` are where they stand, in ascending order. Each is a row that `ConversationFile` gives.

    Raises:
        InputError: The file is not there, or has no such good row.
    """
    rows = fields_of(path, what=what)
    for wanted in lines:
        fields = next((found for line, found in rows if line == wanted), None)
        if not isinstance(fields, dict):
            remedy = "Give the file as it was."
            raise fields or InputError(f"{what} has no such row", file=path, row=wanted, remedy=remedy)
        try:
            yield _conversation(fields, wanted)[0]
        except InputError as error:
            raise error.at(file=path, row=wanted) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversations:
    """What a file gave.

    Attributes:
        bad: What is wrong with the rows that were left out.
    """

    rows: tuple[Conversation, ...]
    bad: tuple[InputError, ...]
    notes: tuple[str, ...]


def read_conversations(
    path: Path,
    *,
    on_bad_row: Literal["fail", "skip"] = "fail",
    what: str = "the file of conversations",
) -> Conversations:
    """Read a whole file.

    Raises:
        InputError: The file cannot be read, has no good row, or has a bad row and
            `on_bad_row` is `fail`.
    """
    file = ConversationFile(path, what=what)
    bad: list[InputError] = []
    rows = tuple(_good(file, bad))
    return Conversations(rows=rows, bad=tuple(bad), notes=_notes(file, len(rows), bad, on_bad_row))


class ConversationRows(Collection[Conversation]):
    """The good rows of a file, read anew each time they are gone through; 8 bytes a row are held.

    Args:
        path: The file.
        on_bad_row: Whether a bad row ends the reading or is left out.
        what: What the file is, for messages.

    Attributes:
        bad: What is wrong with the rows that were left out.
        notes: What was left aside, in words.

    Raises:
        InputError: As `read_conversations` does.
    """

    def __init__(self, path: Path, *, on_bad_row: Literal["fail", "skip"] = "fail", what: str) -> None:
        self._path, self._what = path, what
        file = ConversationFile(path, what=what)
        bad: list[InputError] = []
        self._lines = array("Q", (row.line for row in _good(file, bad)))
        self.bad = tuple(bad)
        self.notes = _notes(file, len(self._lines), bad, on_bad_row, can_skip=on_bad_row == "fail")

    def __len__(self) -> int:
        return len(self._lines)

    def __iter__(self) -> Iterator[Conversation]:
        return conversations_at(self._path, self._lines, what=self._what)

    def __contains__(self, row: object) -> bool:
        return isinstance(row, Conversation) and any(row == one for one in self)


def _good(file: ConversationFile, bad: list[InputError]) -> Iterator[Conversation]:
    """The good rows of a file; `bad` takes what is wrong with the others."""
    for row in file:
        if isinstance(row, InputError):
            bad.append(row)
        else:
            yield row


def _notes(
    file: ConversationFile,
    rows: int,
    bad: list[InputError],
    on_bad_row: Literal["fail", "skip"],
    *,
    can_skip: bool = False,
) -> tuple[str, ...]:
    """What was left aside of a file of so many good rows that was gone through; or why it is refused."""
    if bad and (on_bad_row == "fail" or not rows):
        raise first_of(bad, can_skip=can_skip and rows > 0)
    if not rows:
        raise InputError(
            f"{file.what} has no rows", file=file.path, remedy="Give a file with at least one row."
        )
    left_out = (f"bad rows left out: {len(bad)}; the first: {bad[0]}",) if bad else ()
    return (*left_out, *file.notes())


def _conversation(fields: Mapping[str, Any], line: int) -> tuple[Conversation, str, tuple[str, ...]]:
    """The conversation of a row, the hash of what it teaches, and the fields left unread."""
    turns, unread = said_in(fields)
    weight = fields.get("weight")
    weight = 1.0 if weight is None else weight
    if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 <= weight < math.inf:
        remedy = "A weight is a number from 0 up; leave it out for 1."
        raise wrong("weight", "not a number greater than or equal to 0", weight, remedy=remedy)
    since = fields.get("from_epoch")
    since = 0 if since is None else since
    if isinstance(since, bool) or not isinstance(since, int) or since < 0:
        remedy = "An epoch is a whole number from 0 up; leave it out for all epochs."
        raise wrong("from_epoch", "not a whole number greater than or equal to 0", since, remedy=remedy)
    found = Conversation(id="", line=line, messages=turns, weight=float(weight), from_epoch=since)
    address = _address(found)
    name = fields.get("id")
    if name is None:
        name = address[:_ID_DIGITS]
    elif isinstance(name, bool) or not isinstance(name, (int, str)) or not str(name).strip():
        raise wrong("id", "neither a whole number nor a text", name)
    return replace(found, id=str(name)), address, unread


def _address(row: Conversation) -> str:
    """Hash of what a row teaches."""
    turns = [[one.role, one.content, *([] if one.learned else [False])] for one in row.messages]
    apart = (row.weight, row.from_epoch) != (1.0, 0)
    return sha256_json([turns, row.weight, row.from_epoch] if apart else turns)
