"""Reading questions for a command, and what is told of the reading."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harmonia.cli.progress import err

if TYPE_CHECKING:
    from harmonia.data import ItemSource, ReadResult


def read(source: ItemSource) -> ReadResult:
    """Read questions, and tell on the screen what should be known of it."""
    from harmonia.data import read_items

    result = read_items(source)
    for note in result.notes:
        err.print(f"{source.path}: {note}")
    return result


def skipped_beside(out: Path, source: ItemSource) -> Path:
    """Where bad rows left out of questions are listed whose answers go to `out`.

    Raises:
        InputError: They are to be left out, and there is a file of somebody else's.
    """
    from harmonia.errors import InputError
    from harmonia.table_file import TableFile

    path = out.with_name(f"{out.name}.skipped.jsonl")
    if source.on_bad_row == "skip":
        columns = InputError("").parts()
        TableFile(what="the bad rows", columns=columns).require_place(path, inputs=[source.path])
    return path


def write_skipped_rows(result: ReadResult, path: Path, *, told_as: Path | None = None) -> None:
    """Write the bad rows left out, if there are any, and say where: `told_as`, if they move there later."""
    from harmonia.data import write_skipped

    if result.skipped:
        write_skipped(result, path)
        err.print(f"the bad rows: {told_as or path}")
