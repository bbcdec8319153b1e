"""CSV rows with the line each one starts on, whose broken rows can be left out.

Quoted cells may hold commas, quotation marks and line ends, as in RFC 4180.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harmonia.data.records import BadRow, bad_row
from harmonia.errors import InputError
from harmonia.files import require_file

__all__ = ["CsvRow", "peek_cells", "read_csv_rows", "read_header", "with_width"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvRow:
    """The cells of a row, and the line it starts on, from 1."""

    line: int
    cells: tuple[str, ...]


def read_csv_rows(path: Path) -> list[CsvRow | BadRow]:
    """Read all rows of a CSV file, its header too; empty lines are no rows.

    Args:
        path: The file; a byte order mark at its start is taken off.

    Returns:
        The rows in order, with a `BadRow` where one cannot be read.

    Raises:
        InputError: `path` is not a file, or a quoted cell never ends.
    """
    return list(_rows(path))


def peek_cells(path: Path) -> tuple[str, ...]:
    """Return the cells of the first row.

    Args:
        path: A CSV file.

    Returns:
        Its first row, header or not.

    Raises:
        InputError: `path` is not a file, is empty, or its first row cannot be read.
    """
    first = next(_rows(path), None)
    if first is None:
        raise InputError("the file is empty", file=path, remedy="Give a file with rows.")
    if isinstance(first, BadRow):
        # Without it nobody can say whether the file has a header.
        problem = f"the first row cannot be read: {first.problem}"
        raise InputError(problem, file=path, row=first.row, remedy=first.remedy)
    return first.cells


def read_header(path: Path) -> tuple[str, ...] | None:
    """Return the column names of a CSV file of questions, in small letters.

    A first row is a header if a cell of it is `question` and another `answer`, or
    others `a` and `b`, large or small.

    Args:
        path: A CSV file.

    Returns:
        The names, or None if the file has no header.

    Raises:
        InputError: `path` is not a file, is empty, its first row cannot be read, or
            two columns have one name.
    """
    names = tuple(cell.strip().lower() for cell in peek_cells(path))
    if "question" not in names or not ("answer" in names or {"a", "b"} <= set(names)):
        return None
    if len(set(names)) < len(names):
        remedy = "Give each column a name of its own."
        raise InputError("two columns have one name", file=path, row=1, seen=list(names), remedy=remedy)
    return names


def with_width(row: CsvRow, width: int, path: Path) -> CsvRow | BadRow:
    """Return the row if it has `width` cells, else what is wrong with it."""
    if len(row.cells) == width:
        return row
    return bad_row(
        InputError(
            f"{len(row.cells)} columns instead of {width}",
            file=path,
            row=row.line,
            seen=list(row.cells),
            remedy="Quote cells that hold commas, or remove the row.",
        )
    )


def _rows(path: Path) -> Iterator[CsvRow | BadRow]:
    require_file(path, what="the CSV file")
    # Bytes that are not UTF-8 pass through as half surrogates, so that only their own row is bad.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as handle:
        reader = csv.reader(handle, strict=True)
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                _raise_if_open(error, path, line)
                yield _broken(path, line, str(error))
                continue
            if cells:
                yield _decoded(path, line, cells)


def _raise_if_open(error: csv.Error, path: Path, line: int) -> None:
    # All rows below are inside that cell: leaving "one row" out would lose them unseen.
    if "unexpected end of data" in str(error):
        raise InputError(
            "a quotation mark opens a cell that never ends, and swallows all rows below",
            file=path,
            row=line,
            remedy="Close the quotation mark, or double it if it belongs to the text.",
        ) from error


def _broken(path: Path, line: int, reason: str) -> BadRow:
    remedy = "Put cells with quotation marks in quotation marks and double those inside."
    return bad_row(InputError(f"not CSV ({reason})", file=path, row=line, remedy=remedy))


def _decoded(path: Path, line: int, cells: list[str]) -> CsvRow | BadRow:
    for cell in cells:
        place = next((k for k, character in enumerate(cell) if "\udc80" <= character <= "\udcff"), None)
        if place is not None:
            seen = cell[place : place + 4].encode("utf-8", "surrogateescape")
            remedy = "Save the file as UTF-8."
            return bad_row(
                InputError("bytes that are not UTF-8", file=path, row=line, seen=seen, remedy=remedy)
            )
    return CsvRow(line=line, cells=tuple(cells))
