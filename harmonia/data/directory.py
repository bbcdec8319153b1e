"""A folder of CSV files, one a subject, in the form of MMLU, C-Eval or CMMLU.

The files stand in the folder itself or in its folders of splits (`dev/`, `test/`). Which
form a file has is seen from its header.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from harmonia.data import ceval, mmlu
from harmonia.data.csv_rows import read_header
from harmonia.data.naming import SPLITS, subject_and_split
from harmonia.data.records import FileRows
from harmonia.data.subjects import chosen_subjects, require_subjects
from harmonia.errors import InputError

if TYPE_CHECKING:
    from harmonia.data.source import ItemSource

__all__ = ["read"]


def read(path: Path, source: ItemSource) -> Iterator[FileRows]:
    """Read the files of a folder in the order of their names.

    Args:
        path: The folder.
        source: Its declaration; `split` and the choice of subjects decide which files
            are read.

    Yields:
        The rows of each file.

    Raises:
        InputError: The folder has no CSV file of the split, several splits and none is
            named, not all the subjects asked for, or a file that cannot be read.
    """
    files = _files(path, source.split)
    chosen = chosen_subjects(source)
    if chosen is not None:
        require_subjects(chosen, files.keys(), path)
        files = {subject: file for subject, file in files.items() if subject in chosen}
    for file in files.values():
        header = read_header(file)
        reader = ceval.read if header is not None and ceval.is_ceval(header) else mmlu.read
        inner = source.model_copy(
            update={"path": f"{source.path.rstrip('/')}/{file.relative_to(path).as_posix()}"}
        )
        yield from reader(file, inner)


def _files(path: Path, split: str | None) -> dict[str, Path]:
    there: dict[str, dict[str, Path]] = {}
    for folder in (path, *(path / name for name in SPLITS)):
        for file in sorted(folder.glob("*.csv")):
            subject, named = subject_and_split(file)
            other = there.setdefault(named, {}).setdefault(subject, file)
            if other != file:
                problem = f"two files for the subject '{subject}', the other being {other}"
                raise InputError(problem, file=file, remedy="Keep one of them in this folder.")
    remedy = f"Name one with `split`: {', '.join(sorted(there)) or 'none is here'}."
    if split is not None:
        if split not in there:
            problem = "no CSV file of that split is here"
            raise InputError(problem, file=path, field="split", seen=split, remedy=remedy)
        return there[split]
    if len(there) != 1:
        problem = "several splits are here and none is named" if there else "no CSV file is here"
        raise InputError(problem, file=path, field="split", remedy=remedy)
    return next(iter(there.values()))
