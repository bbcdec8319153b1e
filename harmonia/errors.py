"""Errors that a user meets, each with what, where, the value seen and the remedy.

Every error is also a standard-library type and pickles, so that it crosses process
borders whole. Exit codes: `InputError` and its children end a command with 2, all
other `HarmoniaError` with 1.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_UNSEEN: Any = object()
_LONGEST_SEEN = 120
_LONGEST_READ = 10_000


class HarmoniaError(Exception):
    """Root of all errors raised on purpose by harmonia."""


class InputError(HarmoniaError, ValueError):
    """Something given by the user is wrong.

    Args:
        problem: What is wrong, in one sentence without a full stop.
        file: The file it stands in.
        row: Line (text files, from 1) or row (tables, from 1) in that file.
        field: The field it stands in.
        seen: The value seen there.
        remedy: What to do about it.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: str | Path | None = None,
        row: int | None = None,
        field: str | None = None,
        seen: Any = _UNSEEN,
        remedy: str = "",
    ) -> None:
        self.problem = problem
        self.file = None if file is None else str(file)
        self.row = row
        self.field = field
        self.seen = None if seen is _UNSEEN else _shorten(seen)
        self.remedy = remedy
        super().__init__(self._message())

    def _message(self) -> str:
        place = [part for part in (self.file, None if self.row is None else f"row {self.row}") if part]
        if self.field is not None:
            place.append(f"field '{self.field}'")
        text = f"{', '.join(place)}: {self.problem}" if place else self.problem
        if self.seen is not None:
            text += f"; saw {self.seen}"
        return redacted(f"{text}. {self.remedy}" if self.remedy else f"{text}.")

    def but(self, **words: str) -> InputError:
        """The same error in other words: another `problem`, another `remedy`."""
        return _rebuild(type(self), {**self.__dict__, **words})

    def parts(self) -> dict[str, Any]:
        """The parts of the message by name, as the file of skipped rows has them."""
        return {name: getattr(self, name) for name in ("file", "row", "field", "problem", "seen", "remedy")}

    def at(self, *, what: str = "", file: str | Path | None = None, row: int | None = None) -> InputError:
        """The same error, told of a thing at a place, where it knows of none."""
        state = self.__dict__.copy()
        state["problem"] = f"{what}: {self.problem}" if what else self.problem
        if self.file is None and file is not None:
            state.update(file=str(file), row=row)
        return _rebuild(type(self), state)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by the finished parts, not by the message."""
        return (_rebuild, (type(self), self.__dict__.copy()))


def _rebuild(cls: type[InputError], state: dict[str, Any]) -> InputError:
    error = cls.__new__(cls)
    error.__dict__.update(state)
    error.args = (error._message(),)
    return error


def redacted(text: str) -> str:
    """A text in which no address of a server shows a name, a password or a query."""
    if ":/" not in text:
        return text
    nameless = re.sub(r"(\w\w:/+)\S*@", r"\1***@", text)  # a path object halves the slashes
    return re.sub(r"(\w\w:/+[^\s?#]*[?#])\S+", r"\1***", nameless)


def _shorten(value: Any) -> str:
    if isinstance(value, (str, bytes)):
        value = value[:_LONGEST_READ]  # it may be a whole file
    text = redacted(repr(value))
    return text if len(text) <= _LONGEST_SEEN else text[: _LONGEST_SEEN - 3] + "..."


class EmptyGroupError(InputError):
    """A domain's beliefs give no training set; an experiment goes on without the domain."""


class MissingExtraError(InputError, ImportError):
    """An optional library is needed and not installed."""


class TrainingError(HarmoniaError, RuntimeError):
    """A fine-tuning run cannot go on: a loss that is not finite, say."""
