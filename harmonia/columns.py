"""Tables declared once: the fields of a row's dataclass are the columns.

The declaration writes a table (Parquet, result tables with a CSV twin for people), reads and
checks it, and docs/tables.md is made from it. What a column means stands in the dataclass's
docstring, its unit and range in its type.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar, get_origin, get_type_hints

import pyarrow as pa

from harmonia.errors import InputError
from harmonia.files import write_csv, write_parquet, write_parquet_batches
from harmonia.parsing import parquet_rows, parquet_schema, read_parquet, require_new, type_parts
from harmonia.parsing.described import attributes_of

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_ROUNDING = 1e-9
_TOGETHER = 1024
_REMEDY = "Let the run write its tables again: harmonia run."
_ARROW = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


@dataclass(frozen=True, slots=True)
class Measure:
    """Unit of a column's numbers, and their range."""

    unit: str
    low: float = -math.inf
    high: float = math.inf


Share = Annotated[float, Measure("share", 0, 1)]
ShareChange = Annotated[float, Measure("difference of shares", -1, 1)]
Correlation = Annotated[float, Measure("correlation", -1, 1)]
Nats = Annotated[float, Measure("nats")]
PValue = Annotated[float, Measure("p-value", 0, 1)]
Count = Annotated[int, Measure("count", 0)]

Row = TypeVar("Row", bound="DataclassInstance")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table.

    Attributes:
        name: Its name.
        kind: Python type of its values; what is none of a file's types is a `dict`.
        many: Whether a cell is a list of them.
        measure: Their unit and range.
        optional: Whether a cell may be empty.
        meaning: What it says, in words.
        values: All texts that it may hold; empty for any.
    """

    name: str
    kind: type
    many: bool
    measure: Measure
    optional: bool
    meaning: str
    values: tuple[str, ...] = ()

    @property
    def arrow(self) -> pa.DataType:
        """Its type in Parquet."""
        return pa.list_(_ARROW[self.kind]) if self.many else _ARROW[self.kind]

    def problem(self, value: Any) -> str | None:
        """What is wrong with a value; None if nothing."""
        if value is None:
            return None if self.optional else "empty"
        low, high = self.measure.low - _ROUNDING, self.measure.high + _ROUNDING
        if isinstance(value, float) and not math.isfinite(value):
            return "not a finite number"
        if isinstance(value, (int, float)) and not low <= value <= high:
            return f"not between {self.measure.low:g} and {self.measure.high:g}"
        if self.values and value not in self.values:
            return f"not one of {', '.join(self.values)}"
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Generic[Row]):
    """A table of a run.

    Attributes:
        name: Name of its files.
        row: Dataclass of its rows; its fields are the columns.
        key: Columns that together name a row.
        sparse: Whether columns that may be empty, and are, are left out of its files.
    """

    name: str
    row: type[Row]
    key: tuple[str, ...]
    sparse: bool = False

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns, in order."""
        return columns_of(self.row)

    def files(self, folder: str) -> tuple[str, str]:
        """The Parquet file and its CSV twin in a folder, as paths in a run directory."""
        return f"{folder}/{self.name}.parquet", f"{folder}/{self.name}.csv"

    def write(self, folder: Path, rows: Iterable[Row]) -> None:
        """Write the table and its twin into a folder, each in one step."""
        records = [asdict(row) for row in rows]
        schema = pa.schema([(column.name, column.arrow) for column in self.columns])
        write_parquet(folder / f"{self.name}.parquet", pa.Table.from_pylist(records, schema=schema))
        write_csv(folder / f"{self.name}.csv", records, schema.names)

    def write_file(self, path: Path, values: Mapping[str, Sequence[Any]], about: Mapping[str, Any]) -> None:
        """Write the table as a Parquet file of its own, in one step.

        Args:
            path: The file.
            values: Of each column its values.
            about: How they were made, kept as JSON in the file's metadata under `harmonia`.
        """
        empty = {name for name, cells in values.items() if all(cell is None for cell in cells)}
        kept = [one for one in self.columns if not (self.sparse and one.optional and one.name in empty)]
        arrays = {column.name: pa.array(values[column.name], column.arrow) for column in kept}
        write_parquet(path, pa.table(arrays), about)

    def write_stream(self, path: Path, rows: Iterable[Row], about: Mapping[str, Any]) -> None:
        """Write rows as `write_file` does, some in memory at a time; no column is left out."""
        schema = pa.schema([(column.name, column.arrow) for column in self.columns])
        left = iter(rows)
        batches = (
            pa.table(
                {
                    one.name: pa.array([getattr(row, one.name) for row in some], one.arrow)
                    for one in self.columns
                }
            )
            for some in iter(lambda: list(islice(left, _TOGETHER)), [])
        )
        write_parquet_batches(path, batches, schema, about)

    def stream(self, folder: Path, *names: str) -> Iterator[dict[str, Any]]:
        """Give some columns of a folder's table row by row, each cell checked.

        Raises:
            InputError: As `read` does, but for keys.
        """
        path = folder / f"{self.name}.parquet"
        columns = [column for column in self.columns if column.name in names]
        schema = parquet_schema(path, what="the table")
        for column in columns:
            if column.name not in schema.names or schema.field(column.name).type != column.arrow:
                raise InputError(
                    "no such column of its type",
                    file=path,
                    field=column.name,
                    seen=schema.names,
                    remedy=_REMEDY,
                )
        for number, values in parquet_rows(path, what="the table", columns=names):
            self._require_right(columns, values, path, number)
            yield values

    @staticmethod
    def _require_right(columns: Iterable[Column], values: Mapping[str, Any], path: Path, number: int) -> None:
        for column in columns:
            if problem := column.problem(values[column.name]):
                raise InputError(
                    problem,
                    file=path,
                    row=number,
                    field=column.name,
                    seen=values[column.name],
                    remedy=_REMEDY,
                )

    def read(self, folder: Path) -> tuple[Row, ...]:
        """Read the table of a folder and check every cell.

        Raises:
            InputError: The file is missing or damaged, a column is not there or of another
                type, a cell is empty or out of range, or two rows have one key.
        """
        path = folder / f"{self.name}.parquet"
        columns = self.columns
        table = self.typed(read_parquet(path, what="the table"), path)
        seen: dict[tuple[Any, ...], int] = {}
        twice = f"the same {', '.join(self.key)} as in row {{}}"
        rows = []
        for number, values in enumerate(table.to_pylist(), start=1):
            self._require_right(columns, values, path, number)
            key = tuple(values[name] for name in self.key)
            require_new(seen, key, file=path, row=number, field=None, problem=twice, remedy=_REMEDY)
            rows.append(self.row(**{name: _as_declared(value) for name, value in values.items()}))
        return tuple(rows)

    def typed(self, table: pa.Table, path: Path) -> pa.Table:
        """The table's columns of what a file holds; their types are right, their cells unread.

        Raises:
            InputError: A column is not there or of another type.
        """
        for column in self.columns:
            here = table.schema.field(column.name).type if column.name in table.schema.names else None
            if here is None and self.sparse and column.optional:
                table = table.append_column(column.name, pa.nulls(len(table), column.arrow))
            elif here != column.arrow:
                problem = "no such column" if here is None else f"a column of type {here}"
                raise InputError(
                    problem, file=path, field=column.name, seen=table.schema.names, remedy=_REMEDY
                )
        return table.select([column.name for column in self.columns])


def _as_declared(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


@cache
def columns_of(row: type[DataclassInstance]) -> tuple[Column, ...]:
    """The columns of a row's dataclass, in order."""
    said, hints = attributes_of(row), get_type_hints(row, include_extras=True)
    return tuple(_column(one.name, hints[one.name], _meaning(one.name, said)) for one in fields(row))


def _meaning(name: str, said: Mapping[str, str]) -> str:
    """What a column says; the ends of an interval need no words of their own."""
    if name in said:
        return said[name]
    of, _, end = name.rpartition("_")
    return f"{ {'low': 'Lower', 'high': 'Upper'}[end] } end of the 95 % interval of `{of}`."


def _column(name: str, hint: Any, meaning: str) -> Column:
    parts = list(type_parts(hint))
    measures = [part for part in parts if isinstance(part, Measure)]
    values = tuple(part for part in parts if isinstance(part, str))  # of a Literal
    return Column(
        name=name,
        kind=str if values else next((part for part in parts if part in _ARROW), dict),
        many=any(get_origin(part) is tuple for part in parts),
        measure=measures[0] if measures else Measure(""),
        optional=type(None) in parts,
        meaning=meaning,
        values=values,
    )
