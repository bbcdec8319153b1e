"""Parquet files."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harmonia.errors import InputError
from harmonia.files import require_file
from harmonia.parsing.json_text import parse_json

_BATCH_ROWS = 1024

_LARGE = 1 << 26
_PACKED = 200
"""A column that unpacks to more than `_LARGE` bytes, and to so many times its own, is no data of people."""
_ROWS_A_BYTE = 100
"""Rows of questions or beliefs differ: so many in a byte, where there are over a million, are all alike."""


def read_parquet(path: Path, *, what: str, without: Collection[str] = ()) -> Any:
    """Read a whole file, but for columns of the names `without`.

    Returns:
        A `pyarrow.Table` whose values are what their types say.

    Raises:
        InputError: The file is missing, is not Parquet, or is damaged.
    """
    with _opened(path, what) as file:
        names = [name for name in file.schema_arrow.names if name not in without]
        table = file.read(names if without else None)
        table.validate(full=True)
        return table


def parquet_rows(
    path: Path, *, what: str, columns: Sequence[str] | None = None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (row number from 1, column to value) of a file, a batch in memory at a time.

    `columns` are those to read, which the file has; None for all.

    Raises:
        InputError: The file is missing, is not Parquet, or is damaged.
    """
    start = 1
    for table in parquet_tables(path, what=what, columns=columns, rows=_BATCH_ROWS):
        yield from enumerate(table.to_pylist(), start=start)
        start += len(table)


def parquet_tables(
    path: Path, *, what: str, columns: Sequence[str] | None = None, rows: int
) -> Iterator[Any]:
    """Yield a file as `pyarrow.Table`s of so many rows at most; as for `parquet_rows`."""
    import pyarrow as pa

    with _opened(path, what) as file:
        for batch in file.iter_batches(batch_size=rows, columns=columns and list(columns)):
            batch.validate(full=True)
            yield pa.Table.from_batches([batch])


def parquet_columns(path: Path, *, what: str) -> tuple[str, ...]:
    """Names of a file's columns.

    Raises:
        InputError: The file is missing or is not Parquet.
    """
    return tuple(parquet_schema(path, what=what).names)


def parquet_schema(path: Path, *, what: str) -> Any:
    """The `pyarrow.Schema` of a file.

    Raises:
        InputError: The file is missing or is not Parquet.
    """
    with _opened(path, what) as file:
        return file.schema_arrow


def noted_in(schema: Any, path: Path) -> dict[str, Any]:
    """What harmonia noted, in the `pyarrow.Schema` of a file, about how it was made; empty if nothing."""
    about = parse_json((schema.metadata or {}).get(b"harmonia", b"{}"), file=path)
    return about if isinstance(about, dict) else {}


@contextmanager
def _opened(path: Path, what: str) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    require_file(path, what=what)
    try:
        # A path would be taken for the address of a server where it has a colon.
        with pa.OSFile(str(path)) as source, pq.ParquetFile(source, page_checksum_verification=True) as file:
            _require_bounded(file.metadata, path, what)
            yield file
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        # An error of the system has a number, one of the content has none.
        if getattr(error, "errno", None) is not None or isinstance(error, InputError):
            raise
        said = str(error).partition("\n")[0][:200]
        problem = f"{what} is not Parquet, or is damaged ({said})"
        raise InputError(problem, file=path, remedy="Download it or write it again.") from error


def _require_bounded(found: Any, path: Path, what: str) -> None:
    """Require, by what a file says of itself, that a small one does not unpack to gigabytes."""
    remedy = "Ask whoever wrote it; harmonia reads no such file."
    if found.num_rows > max(10**6, _ROWS_A_BYTE * path.stat().st_size):
        problem = f"{what} has {found.num_rows:,} rows in {path.stat().st_size:,} bytes"
        raise InputError(problem, file=path, remedy=remedy)
    for group in range(found.num_row_groups):
        for place in range(found.num_columns):
            column = found.row_group(group).column(place)
            size, packed = column.total_uncompressed_size, column.total_compressed_size
            if size > max(_LARGE, _PACKED * packed):
                problem = f"{what} unpacks {packed:,} bytes to {size:,}"
                raise InputError(problem, file=path, field=column.path_in_schema, remedy=remedy)
