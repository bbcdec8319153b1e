"""CSV with a header -> dataclasses, each cell checked against its field's type."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from harmonia.errors import InputError
from harmonia.files import read_text

__all__ = ["read_csv"]

Row = TypeVar("Row")

_SHARES = ("accuracy", "confidence", "letter_mass", "right", "agreement", "ece")
_ROUNDING = 1e-9
_REMEDY = "Let the run write this file again."


def read_csv(path: Path, record: type[Row], *, key: tuple[str, ...]) -> tuple[Row, ...]:
    """Read a table whose columns are the fields of a dataclass, in any order.

    Args:
        path: The CSV file; columns that are no field are passed over.
        record: A dataclass with fields of type str, int, float, or one of them or None,
            for which an empty cell stands. A field with a default needs no column.
        key: Fields that together name a row; no two rows may share them.

    Returns:
        The rows in the file's order.

    Raises:
        InputError: A column is missing, a cell is not of its type or out of range, or
            two rows have one key.
    """
    lines = csv.reader(io.StringIO(read_text(path, what="the table"), newline=""), strict=True)
    rows: list[Row] = []
    seen: dict[tuple[Any, ...], int] = {}
    try:
        header = next(lines, [])
        places = _places(path, header, record)
        for cells in lines:
            if not cells:
                continue
            row = _row(path, lines.line_num, cells, header, places, record)
            name = tuple(getattr(row, field) for field in key)
            if name in seen:
                problem = f"the same {', '.join(key)} as in row {seen[name]}"
                raise InputError(problem, file=path, row=lines.line_num, seen=name, remedy=_REMEDY)
            seen[name] = lines.line_num
            rows.append(row)
    except csv.Error as error:
        raise InputError(f"not CSV ({error})", file=path, row=lines.line_num, remedy=_REMEDY) from error
    return tuple(rows)


def _places(path: Path, header: list[str], record: type[Any]) -> dict[str, tuple[int, Any]]:
    places = {}
    optional = {field.name for field in fields(record) if field.default is not MISSING}
    for field, kind in get_type_hints(record).items():
        if field not in header and field in optional:
            continue
        if field not in header:
            raise InputError("no such column", file=path, row=1, field=field, seen=header, remedy=_REMEDY)
        places[field] = (header.index(field), kind)
    return places


def _row(
    path: Path,
    line: int,
    cells: list[str],
    header: list[str],
    places: dict[str, tuple[int, Any]],
    record: type[Row],
) -> Row:
    if len(cells) != len(header):
        problem = f"{len(cells)} cells under {len(header)} columns"
        raise InputError(problem, file=path, row=line, seen=cells, remedy=_REMEDY)
    values = {}
    for field, (place, kind) in places.items():
        try:
            values[field] = _value(field, cells[place], kind)
        except ValueError as error:
            raise InputError(
                str(error), file=path, row=line, field=field, seen=cells[place], remedy=_REMEDY
            ) from error
    return record(**values)


def _value(field: str, text: str, kind: Any) -> Any:
    if text == "":
        if kind in (int | None, float | None):
            return None
        raise ValueError("empty")
    if kind in (int, int | None):
        try:
            number = int(text)
        except ValueError:
            raise ValueError("not a whole number") from None
        if number < 0:
            raise ValueError("less than 0")
        return number
    if kind in (float, float | None):
        return _float(field, text)
    return text


def _float(field: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ValueError("not a number") from None
    if not math.isfinite(number):
        raise ValueError("not a finite number")
    if field.startswith(_SHARES) and not -_ROUNDING <= number <= 1 + _ROUNDING:
        raise ValueError("not between 0 and 1")
    return number
