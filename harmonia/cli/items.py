"""Reading questions for a command: its options and KEY=VALUE settings, and what is told of the reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harmonia.data import ItemSource, ReadResult


def source_of(
    path: str, options: Mapping[str, Any], settings: Sequence[str] | None, *, shots: bool = False
) -> ItemSource:
    """The declaration of a command's questions, or of its demonstrations.

    Args:
        path: Where they are.
        options: Settings that the command has options for.
        settings: `key=value` texts of `ItemSource`, for both; `shots.key=value` for the
            demonstrations alone.
        shots: Whether these are the demonstrations; a limit is of the questions alone.

    Raises:
        InputError: A setting is not of that form.
        ValidationError: There is no such setting, or its value is wrong.
    """
    from harmonia.data import ItemSource
    from harmonia.pipeline.settings_file import apply_overrides

    told = apply_overrides({"shots": {}}, settings or ())
    of_shots = told.pop("shots")
    values = {**options, **told}
    if shots:
        values.pop("limit", None)
        values |= of_shots
    return ItemSource.model_validate({**values, "path": path})


def read(source: ItemSource) -> ReadResult:
    """Read questions, and tell on the screen what should be known of it."""
    from harmonia.cli.progress import err
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
    from harmonia.cli.progress import err
    from harmonia.data import write_skipped

    if result.skipped:
        write_skipped(result, path)
        err.print(f"the bad rows: {told_as or path}")
