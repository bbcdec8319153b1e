"""Reading and writing files so that a half-written one never looks finished."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harmonia.errors import InputError

__all__ = [
    "fresh_directory",
    "fresh_file",
    "note",
    "read_text",
    "require_file",
    "write_csv",
    "write_json",
    "write_json_lines",
    "write_text",
]


@contextmanager
def fresh_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, renamed over it when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def fresh_directory(path: Path) -> Iterator[Path]:
    """Yield an empty temporary folder beside `path`, renamed over it when the block ends well."""
    partial = path.with_name(f".{path.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        shutil.rmtree(path, ignore_errors=True)
        os.replace(partial, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


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


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> None:
    """Write a table in one step, its columns named or those of the first row."""
    names = list(columns) if columns is not None else list(rows[0]) if rows else []
    with fresh_file(path) as partial, partial.open("w", encoding="utf-8", newline="") as handle:
        if names:
            writer = csv.DictWriter(handle, names, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


def require_file(path: Path, *, what: str) -> Path:
    """Return `path` if it is a file.

    Raises:
        InputError: It is not there or not a file.
    """
    if not path.is_file():
        raise InputError(f"{what} is not a file", file=path, remedy="Give the path of an existing file.")
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


def note(journal: Path | None, entry: Mapping[str, Any]) -> None:
    """Append one JSON line to a journal of finished work; None keeps none."""
    if journal is None:
        return
    journal.parent.mkdir(parents=True, exist_ok=True)
    with journal.open("a", encoding="utf-8") as handle:
        handle.write(json.dumps(entry, ensure_ascii=False) + "\n")
