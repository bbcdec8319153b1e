"""What the path of a file says about the items in it: subject, split, and how to cite it.

MMLU and C-Eval name their files `SUBJECT_SPLIT.csv`; CMMLU has `SPLIT/SUBJECT.csv`;
exam files are `DOMAIN/SPLIT.jsonl`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harmonia.data.records import Place
from harmonia.errors import InputError

if TYPE_CHECKING:
    from harmonia.data.source import ItemSource

__all__ = ["SPLITS", "place_of", "subject_and_split"]

SPLITS = ("train", "dev", "val", "validation", "test")


def subject_and_split(path: Path) -> tuple[str, str]:
    """Take subject and split from a file's name, or from its folder's.

    Args:
        path: `anatomy_test.csv`, `test/anatomy.csv` or `anatomy/test.jsonl`.

    Returns:
        The subject, and the split or an empty text where the path names none.
    """
    path = path.absolute()
    stem, folder = path.stem, path.parent.name
    if stem in SPLITS:
        return folder, stem
    subject, _, ending = stem.rpartition("_")
    if subject and ending in SPLITS:
        return subject, ending
    return stem, folder if folder in SPLITS else ""


def place_of(file: Path, path: Path, source: ItemSource, split: str) -> Place:
    """Say where the rows of `file` stand.

    Args:
        file: The file.
        path: What the declaration's path resolved to: `file` or a folder above it.
        source: The declaration. Items cite its own path, so that the same data in
            another place gives the same items.
        split: The split that the file's path names; may be empty.

    Returns:
        The place, with the declared split where the path names none.

    Raises:
        InputError: The declared split is another one.
    """
    if source.split is not None and split and split != source.split:
        raise InputError(
            f"the file's split is '{split}'",
            file=file,
            field="split",
            seen=source.split,
            remedy="Leave `split` out, or give the file of that split.",
        )
    inner = file.relative_to(path).as_posix()
    cited = source.path if inner == "." else f"{source.path.rstrip('/')}/{inner}"
    return Place(file=str(file), source=cited, split=split or source.split or "")
