"""Reading and writing files so that a half-written one never looks finished."""

from __future__ import annotations

import csv
import errno
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from harmonia.errors import HarmoniaError, InputError

FULL = (errno.ENOSPC, errno.EDQUOT)
"""Errors of a disk, or of one's share of it, that is full."""

_FORMULA = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")
_NUMBER = re.compile(
    r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?( \([\d.+−]+ to [\d.+−]+\))?"
)  # with its interval

_FULL_WORDS = re.compile(r"No space left on device|os error 28")
_FULL_BELOW = 2**20
"""Bytes free; a disk with less is taken for full where a library fails without saying why."""


@contextmanager
def fresh_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path that becomes `path` when the block ends well; links are followed."""
    place = Path(os.path.realpath(path))
    partial = place.with_name(f".{place.name}.partial")
    try:
        with disk_told(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            yield partial
            sync(partial)
            os.replace(partial, place)
            sync(place.parent)
    finally:
        with suppress(OSError):
            partial.unlink()


def sync(path: Path) -> None:
    """Wait until a file, or what a folder lists, is on the disk and outlasts a power cut."""
    try:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError:
        # Not every file system can do it for folders.
        if not path.is_dir():
            raise


@contextmanager
def disk_told(place: Path) -> Iterator[None]:
    """Let a full disk be an `OSError` that names the place; libraries have errors of their own for it."""
    try:
        yield
    except HarmoniaError:
        raise
    except OSError as error:
        if error.errno in FULL:
            error.filename = error.filename or str(place)
        raise
    except Exception as error:
        above = next(one for one in (place, *place.parents) if one.exists())
        if _FULL_WORDS.search(str(error)) or shutil.disk_usage(above).free < _FULL_BELOW:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(place)) from error
        raise


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text in one step."""
    with fresh_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON in one step."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_json_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write one JSON object a line in one step."""
    with fresh_file(path) as partial, partial.open("w", encoding="utf-8") as handle:
        for row in rows:
            handle.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")


def write_parquet(path: Path, table: Any, about: Mapping[str, Any] | None = None) -> None:
    """Write a `pyarrow.Table` in one step, its pages with checksums.

    `about` is how it was made, kept as JSON in the file's metadata under `harmonia`.
    """
    import pyarrow.parquet as pq

    if about is not None:
        note = json.dumps(dict(about), sort_keys=True)
        table = table.replace_schema_metadata({"harmonia": note})

    # A path would be taken for the address of a server where it has a colon.
    with fresh_file(path) as partial, partial.open("wb") as handle:
        pq.write_table(table, handle, write_page_checksum=True)


def write_parquet_batches(path: Path, batches: Iterable[Any], schema: Any, about: Mapping[str, Any]) -> None:
    """Write `pyarrow.Table`s of a schema one after the other, as `write_parquet` does one."""
    import pyarrow.parquet as pq

    schema = schema.with_metadata({"harmonia": json.dumps(dict(about), sort_keys=True)})
    with (
        fresh_file(path) as partial,
        partial.open("wb") as handle,
        pq.ParquetWriter(handle, schema, write_page_checksum=True) as writer,
    ):
        for batch in batches:
            writer.write_table(batch.cast(schema))


def write_csv(path: Path, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Write a table in one step.

    A text that a spreadsheet would take for a formula gets an apostrophe in front;
    `from_cell` takes it off.
    """
    with fresh_file(path) as partial, partial.open("w", encoding="utf-8", newline="") as handle:
        plain = csv.DictWriter(handle, columns, lineterminator="\n")
        quoted = csv.DictWriter(handle, columns, lineterminator="\n", quoting=csv.QUOTE_ALL)
        plain.writeheader()
        for row in rows:
            # The library leaves a carriage return bare, and readers end the row there.
            writer = quoted if any("\r" in str(value) for value in row.values()) else plain
            writer.writerow({name: as_cell(value) for name, value in row.items()})


def from_cell(cell: str) -> str:
    """The text that `write_csv` wrote as this cell."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def as_cell(value: Any) -> Any:
    """A value as a table for people has it: no text is one that a spreadsheet takes for a formula."""
    if isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def require_file(path: Path, *, what: str, remedy: str = "Give the path of an existing file.") -> Path:
    """Return `path` if it is a file.

    Raises:
        InputError: It is not there or not a file.
    """
    if not path.is_file():
        raise InputError(f"{what} is not a file", file=path, remedy=remedy)
    return path


def read_text(path: Path, *, what: str) -> str:
    """Read a whole UTF-8 file.

    Raises:
        InputError: The file is missing or holds bytes that are not UTF-8.
    """
    require_file(path, what=what)
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"byte {error.start} is not UTF-8",
            file=path,
            seen=error.object[error.start : error.start + 4],
            remedy="Save the file as UTF-8.",
        ) from error
