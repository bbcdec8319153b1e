"""The formats: what stands in one file, as rows. What a row means is decided elsewhere.

CSV as in RFC 4180, JSON (an array, or one object a line) and Parquet. A row that cannot be
read is the error itself, so that it can be left out and the others kept.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harmonia.errors import InputError
from harmonia.files import require_file
from harmonia.parsing import CsvRows, json_rows, parquet_columns, parquet_rows

Row = tuple[int, Mapping[str, Any] | InputError]
"""Its line (of several the first) or row, from 1; and its fields, or what is wrong with it."""
Sheet = tuple[tuple[str, ...], list[Row]]
"""What stands in a file: the names of its columns in order, and its rows."""

SUFFIXES = (".parquet", ".csv", ".jsonl", ".json")

_WHAT = "the file of questions"
_QUESTIONS = {"question", "question_stem"}


def read_sheet(path: Path, named: Collection[str] = ()) -> Sheet:
    """Read a file.

    The suffix tells the format; by the columns `named` the header of a CSV file is known.

    Raises:
        InputError: It is not there, is of no format read here, or cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return _read_csv(path, named)
    if suffix == ".parquet":
        return parquet_columns(path, what=_WHAT), list(parquet_rows(path, what=_WHAT))
    if suffix not in SUFFIXES:
        remedy = f"Files of questions end in {', '.join(SUFFIXES)}."
        raise InputError("no format that is read here", file=path, seen=path.suffix, remedy=remedy)
    rows: list[Row] = []
    names: dict[str, str] = {}
    for number, fields in json_rows(path, what=_WHAT):
        if not isinstance(fields, InputError):
            # Names parsed of each row anew are a fifth of its memory.
            fields = {names.setdefault(name, name): value for name, value in fields.items()}
        rows.append((number, fields))
    return tuple(names), rows


def _read_csv(path: Path, named: Collection[str]) -> Sheet:
    lines = list(_csv_lines(path))
    if not lines:
        raise InputError("the file is empty", file=path, remedy="Give a file with rows.")
    _, first = lines[0]
    if isinstance(first, InputError):
        # Without it nobody can say whether the file has a header.
        raise first.but(problem=f"the first row cannot be read: {first.problem}")
    if _is_header(first, named):
        names = tuple(name.strip() for name in first)
        if len(set(names)) < len(names):
            remedy = "Give each column a name of its own."
            raise InputError("two columns have one name", file=path, row=1, seen=list(names), remedy=remedy)
        lines = lines[1:]
    else:
        names = _mmlu_names(lines)
    rows: list[Row] = [(line, _fields(row, names, path, line)) for line, row in lines]
    return names, rows


def _is_header(cells: Sequence[str], named: Collection[str]) -> bool:
    if {cell.strip().casefold() for cell in cells} & {*_QUESTIONS, *(name.casefold() for name in named)}:
        return True
    # MMLU's own archive has none: question, options and, last, a letter or an index.
    answer = cells[-1].strip()
    return not (len(cells) >= 4 and len(answer) == 1 and answer.isascii() and answer.isalnum())


def _mmlu_names(lines: Sequence[tuple[int, list[str] | InputError]]) -> tuple[str, ...]:
    # The width that most rows have, so that one broken first row does not condemn the others.
    widths = Counter(len(cells) for _, cells in lines if not isinstance(cells, InputError))
    width = widths.most_common(1)[0][0]
    return ("question", *(f"choice{k}" for k in range(width - 2)), "answer")


def _fields(
    cells: list[str] | InputError, names: Sequence[str], path: Path, line: int
) -> dict[str, str] | InputError:
    if isinstance(cells, InputError):
        return cells
    if len(cells) != len(names):
        problem = f"{len(cells)} columns instead of {len(names)}"
        remedy = "Quote cells that hold commas, or remove the row."
        return InputError(problem, file=path, row=line, seen=cells, remedy=remedy)
    return dict(zip(names, cells, strict=True))


def _csv_lines(path: Path) -> Iterator[tuple[int, list[str] | InputError]]:
    require_file(path, what=_WHAT)
    # Bytes that are not UTF-8 pass through as half surrogates, so that only their own row is bad.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as handle:
        reader = CsvRows(handle)
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield line, _not_csv(error, path, line, reader.line_num)
                continue
            if cells:
                yield line, _decoded(cells, path, line)


def _not_csv(error: csv.Error, path: Path, line: int, last: int) -> InputError:
    if "unexpected end of data" in str(error):
        # All rows below are inside that cell: leaving "one row" out would lose them unseen.
        problem = "a quotation mark opens a cell that never ends, and swallows all rows below"
        remedy = "Close the quotation mark, or double it if it belongs to the text."
        raise InputError(problem, file=path, row=line, remedy=remedy) from error
    remedy = "Put cells with quotation marks in quotation marks and double those inside."
    swallowed = f", and swallows the lines down to {last}" if last > line else ""
    return InputError(f"not CSV ({error}){swallowed}", file=path, row=line, remedy=remedy)


def _decoded(cells: list[str], path: Path, line: int) -> list[str] | InputError:
    for cell in cells:
        place = next((k for k, character in enumerate(cell) if "\udc80" <= character <= "\udcff"), None)
        if place is not None:
            seen = cell[place : place + 4].encode("utf-8", "surrogateescape")
            remedy = "Save the file as UTF-8."
            return InputError("bytes that are not UTF-8", file=path, row=line, seen=seen, remedy=remedy)
    return cells
