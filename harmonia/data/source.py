"""Where items come from, and reading them: the whole of the first arrow of the flow.

ItemSource -> reader -> rows -> repeated questions -> limit -> ReadResult
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from harmonia.data.columns import ColumnMapping
from harmonia.data.readers import FILE_READERS, READERS, find_reader
from harmonia.data.records import BadRow, FileRows
from harmonia.data.subjects import DOMAINS
from harmonia.errors import InputError
from harmonia.files import write_json_lines
from harmonia.hashing import sample
from harmonia.types import Item

__all__ = ["ItemSource", "OnBadRow", "ReadResult", "input_error", "read_items", "write_skipped"]

OnBadRow = Literal["fail", "skip"]


class ItemSource(BaseModel):
    """The declaration of where items come from.

    Attributes:
        path: A file, a folder, or the id of a data set on the Hugging Face hub.
        reader: A key of `harmonia.data.READERS`; `auto` decides by suffix, header and
            fields.
        domain: Domain of all items; None takes it from the data: the subject of a
            file of MMLU or C-Eval, the folder of an exam file, the subject column or
            else the short name of a data set.
        subjects: Only these subjects.
        subjects_of: Only the MMLU subjects of this domain.
        subjects_outside: Only the MMLU subjects that are not of this domain.
        split: The split to read.
        config: The configuration of a Hugging Face data set.
        columns: What the columns of a data set mean that no reader knows.
        on_bad_row: Whether a bad row ends the reading or is left out.
        drop_repeated: Whether to keep only the first of the items with the same
            question.
        limit: How many items to keep, drawn at random by address; None keeps all.
        seed: Seed of that draw.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str = Field(min_length=1)
    reader: str = "auto"
    domain: str | None = Field(default=None, min_length=1)
    subjects: tuple[str, ...] | None = Field(default=None, min_length=1)
    subjects_of: str | None = None
    subjects_outside: str | None = None
    split: str | None = Field(default=None, min_length=1)
    config: str | None = Field(default=None, min_length=1)
    columns: ColumnMapping | None = None
    on_bad_row: OnBadRow = "fail"
    drop_repeated: bool = False
    limit: int | None = Field(default=None, ge=1, strict=True)
    seed: int = Field(default=0, strict=True)

    @model_validator(mode="after")
    def _check(self) -> ItemSource:
        names = ("subjects", "subjects_of", "subjects_outside")
        given = [name for name in names if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} exclude each other: give one of them")
        for name, domain in (("subjects_of", self.subjects_of), ("subjects_outside", self.subjects_outside)):
            if domain is not None and domain not in DOMAINS:
                raise ValueError(f"{name}: no domain '{domain}'; there are {', '.join(DOMAINS)}")
        if self.columns is not None and self.reader not in ("auto", "columns"):
            raise ValueError(f"columns and reader: {self.reader} exclude each other: give one of them")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadResult:
    """What a declaration gave.

    Attributes:
        items: The items, in the order of the files.
        skipped: The rows left out as bad.
        repeated: Ids of the items that share a question, a tuple for each such
            question, counted before any was dropped and before the limit. Questions
            are compared without regard to case and white space, and without the
            options.
    """

    items: tuple[Item, ...]
    skipped: tuple[BadRow, ...]
    repeated: tuple[tuple[str, ...], ...]


def read_items(source: ItemSource, root: Path | None = None) -> ReadResult:
    """Read the items of a declaration.

    Args:
        source: The declaration.
        root: Folder that a relative path starts from; None for the current one.

    Returns:
        The items, with what was left out and what is repeated.

    Raises:
        InputError: Nothing can be read, a file has no good row, or a row is bad and
            the declaration does not say to skip it.
    """
    path = Path(source.path).expanduser() if root is None else root / Path(source.path).expanduser()
    name = find_reader(path, source)
    _require_fit(name, path, source)
    files = tuple(READERS[name](path, source))
    bad = tuple(row for file in files for row in file.rows if isinstance(row, BadRow))
    if bad and source.on_bad_row == "fail":
        raise input_error(bad)
    for file in files:
        _require_good_row(file)
    found = tuple(row for file in files for row in file.rows if isinstance(row, Item))
    if not found:
        raise InputError("no items are here", file=path, remedy="Check the split and the subjects asked for.")
    repeated = _repeated(found)
    items: Sequence[Item] = found
    if source.drop_repeated:
        later = {name for group in repeated for name in group[1:]}
        items = [item for item in items if item.id not in later]
    if source.limit is not None:
        items = sample(source.seed, "limit", items, [item.id for item in items], source.limit)
    return ReadResult(items=tuple(items), skipped=bad, repeated=repeated)


def write_skipped(result: ReadResult, path: Path) -> None:
    """Write the rows left out, one JSON object a line: file, row, field, problem, seen, remedy.

    Args:
        result: What was read.
        path: The JSONL file to write.
    """
    write_json_lines(path, (asdict(row) for row in result.skipped))


def input_error(bad: Sequence[BadRow]) -> InputError:
    """Make the error that reports the first of some bad rows and counts the others.

    Args:
        bad: At least one bad row.

    Returns:
        The error, which says how to leave bad rows out.
    """
    further = len(bad) - 1
    count = {0: "No further row is bad", 1: "1 further row is bad"}.get(
        further, f"{further} further rows are bad"
    )
    them = "it" if further == 0 else "them"
    skip = f"{count}; --on-bad-row skip (YAML: on_bad_row: skip) leaves {them} out."
    return _error_of(bad[0], bad[0].problem, f"{bad[0].remedy} {skip}")


class _Shown:
    """A value that has already been made into text: its repr is that text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def _error_of(bad: BadRow, problem: str, remedy: str) -> InputError:
    if bad.seen is None:
        return InputError(problem, file=bad.file, row=bad.row, field=bad.field, remedy=remedy)
    seen = _Shown(bad.seen)
    return InputError(problem, file=bad.file, row=bad.row, field=bad.field, seen=seen, remedy=remedy)


def _require_fit(name: str, path: Path, source: ItemSource) -> None:
    if name in FILE_READERS:
        if path.is_dir():
            remedy = "Use `reader: directory` for a folder of CSV files, or give the path of one file."
            raise InputError(
                f"the reader '{name}' reads one file, and this is a folder", file=path, remedy=remedy
            )
        for field in ("subjects", "subjects_of", "subjects_outside"):
            if getattr(source, field) is not None:
                remedy = "Leave it out, or give the folder of all subjects."
                raise InputError(
                    "one file has no subjects to choose from", file=path, field=field, remedy=remedy
                )
    if source.config is not None and (name in FILE_READERS or name == "directory"):
        remedy = "Leave it out: only Hugging Face data sets have configurations."
        raise InputError(
            "no configurations are here", file=path, field="config", seen=source.config, remedy=remedy
        )


def _require_good_row(file: FileRows) -> None:
    if not file.rows:
        raise InputError("the file has no rows", file=file.file, remedy="Give a file with rows.")
    first = file.rows[0]
    if isinstance(first, BadRow) and all(isinstance(row, BadRow) for row in file.rows):
        problem = f"none of the {len(file.rows)} rows can be used; the first: {first.problem}"
        raise _error_of(first, problem, first.remedy)


def _repeated(items: Sequence[Item]) -> tuple[tuple[str, ...], ...]:
    groups: dict[str, list[str]] = {}
    for item in items:
        groups.setdefault(" ".join(item.question.casefold().split()), []).append(item.id)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)
