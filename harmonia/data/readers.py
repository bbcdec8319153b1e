"""The table of readers, and which one a path calls for.

A reader takes the path and its declaration and yields the rows of each file. To add
one, write its file and a line here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harmonia.data import ceval, columns, directory, exam, mappings, mmlu
from harmonia.data.csv_rows import peek_cells, read_header
from harmonia.data.json_rows import read_json_rows
from harmonia.data.records import BadRow, FileRows
from harmonia.data.tables import is_saved_dataset, parquet_folders
from harmonia.errors import InputError
from harmonia.files import require_file

if TYPE_CHECKING:
    from harmonia.data.source import ItemSource

__all__ = ["FILE_READERS", "READERS", "Reader", "find_reader"]

Reader = Callable[[Path, "ItemSource"], Iterator[FileRows]]

FILE_READERS: Mapping[str, Reader] = {"exam": exam.read, "mmlu": mmlu.read, "ceval": ceval.read}
"""Readers of one file, which have nothing to choose subjects or configurations from."""

READERS: Mapping[str, Reader] = {
    **FILE_READERS,
    "directory": directory.read,
    "columns": columns.read,
    "known": mappings.read_known,
    **{name: mappings.reader_of(name) for name in mappings.KNOWN},
}


def find_reader(path: Path, source: ItemSource) -> str:
    """Decide which reader a declaration means.

    Args:
        path: What its path resolved to.
        source: The declaration.

    Returns:
        A key of `READERS`: the one named, or for `auto` the one that suffix, header
        and fields call for.

    Raises:
        InputError: No reader has that name, nothing is at the path, or nothing
            decides.
    """
    if source.reader != "auto":
        if source.reader not in READERS:
            raise _undecided("no such reader", path, source.reader)
        return source.reader
    if source.columns is not None:
        return "columns"
    if path.is_dir():
        return _of_folder(path)
    suffix = path.suffix.lower()
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix](require_file(path, what="the path"))
    if path.exists():
        raise _undecided("no reader knows this kind of file", path, path.suffix)
    # It may be on the hub.
    return "known"


def _of_folder(path: Path) -> str:
    tables = is_saved_dataset(path) or bool(parquet_folders(path)) or any(path.glob("*/state.json"))
    sheets = any(path.glob("*.csv")) or any(path.glob("*/*.csv"))
    if tables == sheets:
        problem = "both tables and CSV files are here" if tables else "neither tables nor CSV files are here"
        raise _undecided(problem, path, sorted(entry.name for entry in path.iterdir())[:8])
    return "known" if tables else "directory"


def _of_json_lines(path: Path) -> str:
    for row in read_json_rows(path):
        if isinstance(row, BadRow):
            continue
        fields = row[1]
        if "question" not in fields and "raw" not in fields:
            raise _undecided("the first object has no field `question`", path, sorted(fields))
        return "exam"
    # Not one object: the reader says which line is wrong and how.
    return "exam"


def _of_csv(path: Path) -> str:
    header = read_header(path)
    if header is not None:
        return "ceval" if ceval.is_ceval(header) else "mmlu"
    cells = peek_cells(path)
    answer = cells[-1].strip()
    if len(cells) >= 4 and len(answer) == 1 and answer.isascii() and answer.isalnum():
        return "mmlu"
    raise _undecided("the first row is neither a header nor question, options and answer", path, list(cells))


def _of_parquet(path: Path) -> str:
    return "known"


_BY_SUFFIX: Mapping[str, Callable[[Path], str]] = {
    ".jsonl": _of_json_lines,
    ".csv": _of_csv,
    ".parquet": _of_parquet,
}


def _undecided(problem: str, path: Path, seen: Any) -> InputError:
    remedy = f"Give the path of one file, or name the reader with `reader`: {', '.join(READERS)}."
    return InputError(problem, file=path, field="reader", seen=seen, remedy=remedy)
