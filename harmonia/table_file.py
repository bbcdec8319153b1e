"""Records that people process, as a file: Parquet, JSON Lines or CSV, as its name ends."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import GenericAlias
from typing import Any

from harmonia.errors import InputError
from harmonia.files import from_cell, require_file, write_csv, write_json_lines, write_parquet
from harmonia.outputs import Inputs, require_file_place
from harmonia.parsing import CsvRows, parquet_columns, parquet_rows, parse_json, read_json_lines

_ENDINGS = (".parquet", ".jsonl", ".csv")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFile:
    """A kind of records.

    Attributes:
        what: What the file is, for errors.
        columns: Name and type of each column: str, int, float, bool, or a list of one of them.
        optional: Columns, of `columns`, that are written only where a row has a value.
        ending: How a file is written whose name has no ending.
    """

    what: str
    columns: Mapping[str, Any]
    optional: frozenset[str] = frozenset()
    ending: str = ".parquet"

    def require_place(self, path: Path, *, inputs: Inputs = ()) -> None:
        """Require that a file of that name can be written, and nothing of others is lost by it.

        Raises:
            InputError: It cannot, its ending is not known, it is read, or there is a file
                with other columns.
        """
        self._ending(path)
        require_file_place(path, inputs=inputs, ours=self._wrote)

    def write(
        self, path: Path, rows: Iterable[Mapping[str, Any]], about: Mapping[str, Any] | None = None
    ) -> None:
        """Write records in one step.

        `about` is how they were made. Parquet keeps it as JSON in the file's own metadata under the key
        `harmonia`; the other two have no place for it.
        """
        empty = set()
        if self.optional:  # whether a column says anything, all rows must tell
            rows = list(rows)
            empty = {name for name in self.optional if all(row.get(name) is None for row in rows)}
        columns = [name for name in self.columns if name not in empty]
        table = ({name: row.get(name) for name in columns} for row in rows)
        ending = self._ending(path)
        if ending == ".jsonl":
            write_json_lines(path, table)
        elif ending == ".csv":
            cells = ({name: _cell(value) for name, value in row.items()} for row in table)
            write_csv(path, cells, columns)
        else:
            self._write_parquet(path, list(table), columns, about or {})

    def read(self, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield (number, record) of a file of these records, or of others' in one of the three forms.

        Records are numbered by row in Parquet and by line in the others.

        Raises:
            InputError: The file is missing, or is not what its ending says.
        """
        if self.is_parquet(path):
            return parquet_rows(path, what=self.what)
        return (
            self._csv_rows(path) if path.suffix.lower() == ".csv" else read_json_lines(path, what=self.what)
        )

    def is_parquet(self, path: Path) -> bool:
        """Whether a file is to be read as Parquet: those of 0.1 are, under any name.

        Raises:
            InputError: The file is missing.
        """
        with require_file(path, what=self.what).open("rb") as handle:
            return path.suffix.lower() == ".parquet" or handle.read(4) == b"PAR1"

    def _ending(self, path: Path) -> str:
        ending = path.suffix.lower() or self.ending
        if ending not in _ENDINGS:
            problem = "no records are written in files of this ending"
            remedy = f"Let the name end in {', '.join(_ENDINGS)}."
            raise InputError(problem, file=path, field="out", seen=path.suffix, remedy=remedy)
        return ending

    def _wrote(self, path: Path) -> bool:
        """Whether a file has the columns of these records."""
        try:
            if self._ending(path) == ".parquet":
                found = parquet_columns(path, what=self.what)
            elif self._ending(path) == ".csv":
                # Of no records there is still the line of names.
                with path.open(encoding="utf-8-sig", newline="") as handle:
                    found = tuple(next(CsvRows(handle)))
            else:
                found = tuple(next(self.read(path))[1])
        except (InputError, StopIteration, csv.Error, UnicodeDecodeError):
            return False
        return set(self.columns) - self.optional <= set(found)

    def _write_parquet(
        self, path: Path, rows: list[dict[str, Any]], columns: list[str], about: Mapping[str, Any]
    ) -> None:
        import pyarrow as pa

        plain = {str: pa.string(), int: pa.int32(), float: pa.float64(), bool: pa.bool_()}
        types = plain | {GenericAlias(list, kind): pa.list_(name) for kind, name in plain.items()}
        schema = pa.schema([(name, types[self.columns[name]]) for name in columns])
        write_parquet(path, pa.Table.from_pylist(rows, schema=schema), about)

    def _csv_rows(self, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
        remedy = "Write the table again."
        with path.open(encoding="utf-8-sig", newline="") as handle:
            rows = CsvRows(handle)
            try:
                names: list[str] = next(rows, [])
                for cells in filter(None, rows):
                    row = rows.line_num
                    if len(cells) != len(names):
                        raise InputError("not as many cells as columns", file=path, row=row, remedy=remedy)
                    pairs = zip(names, cells, strict=True)
                    yield row, {name: self._value(name, cell, path, row) for name, cell in pairs}
            except (csv.Error, UnicodeDecodeError) as error:
                problem = f"{self.what} is not CSV ({error})"
                raise InputError(problem, file=path, row=rows.line_num, remedy=remedy) from error

    def _value(self, name: str, cell: str, path: Path, row: int) -> Any:
        if not cell:
            return None
        if self.columns.get(name, str) is str:
            return from_cell(cell)
        try:
            return parse_json(cell, file=path, row=row)
        except InputError as error:
            remedy = "Write a number, true or false, or a list of them or of texts in JSON."
            raise InputError(
                "not a value of this column", file=path, row=row, field=name, seen=cell, remedy=remedy
            ) from error


def _cell(value: Any) -> Any:
    """A value as CSV holds it: lists and truth values in JSON."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, tuple, bool)) else value
