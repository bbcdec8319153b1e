"""The tables that a declaration means: a file, the files of a folder, a saved data set, the hub.

Layouts of folders, below the folder itself or below the folder of `config`:

    FILE ...              the files of one data set, or one CSV file a subject
    data/FILE ...         the same, as the hub has it
    SPLIT/FILE ...        the same, a folder for each split (`dev`, `test`)
    NAME/FILE ...         a folder for each configuration or subject

The split is a file's name, or what stands there before `-00000-of-00001`, or behind the
subject of a CSV file (`anatomy_test.csv`), or the name of its folder.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harmonia.data.formats import SUFFIXES, Row, read_sheet
from harmonia.data.source import ItemSource
from harmonia.errors import InputError

SPLITS = ("train", "dev", "val", "validation", "test")

_SHARD = re.compile(r"(?P<split>.+?)-\d{5}-of-\d{5}(-.+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataTable:
    """The rows of one file, or of one split of a saved data set.

    Attributes:
        file: The file as errors name it.
        source: The file as items name it: from the path that the user declared, so that
            the same data in another place gives the same items.
        subject: What all its questions are about, where the file's name or the choice of
            subjects says so.
        rows: Its rows; who makes items of them takes each out, since of a million they are gigabytes.
    """

    file: str
    source: str
    split: str
    subject: str | None = None
    columns: tuple[str, ...]
    rows: list[Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A file, and what its path says."""

    file: Path
    subject: str | None
    split: str


def open_tables(path: Path, source: ItemSource) -> tuple[DataTable, ...]:
    """Find and read the tables that a declaration means.

    If nothing is at the path, the declaration's own is taken for the id of a data set on the hub.

    Returns:
        One table a file, or one for the split of a saved data set.

    Raises:
        InputError: Nothing fits, more than one split or configuration does, or a file
            cannot be read.
    """
    if path.is_file():
        if source.config is not None:
            remedy = "Leave it out: only data sets in folders have configurations."
            raise InputError(
                "no configurations are here", file=path, field="config", seen=source.config, remedy=remedy
            )
        return (_read(_named(path, alone=True), path, source),)
    if not path.exists():
        return (_hub_table(path, source),)
    base = path if source.config is None else path / source.config
    if not base.is_dir():
        here = _listed(entry.name for entry in path.iterdir() if entry.is_dir())
        problem = "no such configuration here"
        raise InputError(problem, file=path, field="config", seen=source.config, remedy=f"Here are: {here}.")
    if (base / "dataset_dict.json").is_file() or (base / "state.json").is_file():
        return (_saved_table(base, source),)
    return tuple(_read(found, path, source) for found in _of_split(_files(base, source), base, source))


def require_subjects(chosen: Collection[str], found: Collection[str], path: Path | str) -> None:
    """Refuse a data set without some of the subjects asked for, which would change a suite unseen.

    Raises:
        InputError: One of the chosen subjects is not there.
    """
    missing = sorted(set(chosen) - set(found))
    if missing:
        problem = f"{len(missing)} of {len(chosen)} subjects are not here"
        remedy = f"Here are: {_listed(found)}. Name those you want with `subjects`, or add the files."
        raise InputError(problem, file=path, field="subjects", seen=missing, remedy=remedy)


def _files(base: Path, source: ItemSource) -> list[_Found]:
    """The files of a folder; of its folders, those chosen as subjects."""
    inside = [base, base / "data", *(base / split for split in SPLITS)]
    if files := _of_one_format(inside, base):
        found = [_named(file, alone=False) for file in files]
        names = {one.subject for one in found if one.subject is not None}
        if source.chosen is None or not names:
            return found
        require_subjects(source.chosen, names, base)
        return [one for one in found if one.subject in source.chosen]
    others = sorted(folder for folder in base.iterdir() if folder.is_dir())
    folders = {file.parent.name: file.parent for file in _of_one_format(others, base)}
    if not folders:
        remedy = f"Give a folder with files that end in {', '.join(SUFFIXES)}."
        raise InputError("no files of questions are here", file=base, remedy=remedy)
    if source.chosen is None:
        remedy = f"Name one with `config`, or some with `subjects`: {_listed(folders)}."
        raise InputError(
            "several configurations are here and none is named", file=base, field="config", remedy=remedy
        )
    require_subjects(source.chosen, folders, base)
    return [
        _Found(file=file, subject=name, split=_named(file, alone=True).split)
        for name in sorted(source.chosen)
        for file in _of_one_format([folders[name]], base)
    ]


def _of_one_format(folders: Iterable[Path], base: Path) -> list[Path]:
    files: dict[str, list[Path]] = {}
    for folder in folders:
        for file in sorted(folder.glob("*")):
            suffix = file.suffix.lower()
            # The hub and `datasets` describe a data set beside it.
            described = file.name.startswith((".", "dataset_info"))
            if suffix in SUFFIXES and not described:
                files.setdefault(".json" if suffix == ".jsonl" else suffix, []).append(file)
    if len(files) > 1:
        raise InputError(
            f"files of several formats are here: {', '.join(files)}",
            file=base,
            seen=[file.name for found in files.values() for file in found][:8],
            remedy="Give the path of one file, or put each format into a folder of its own.",
        )
    return next(iter(files.values()), [])


def _named(file: Path, *, alone: bool) -> _Found:
    """What a file's path says. A CSV file of MMLU, C-Eval or CMMLU is named after its subject."""
    folder = file.absolute().parent.name
    split = folder if folder in SPLITS else ""
    shard = _SHARD.fullmatch(file.stem)
    if shard is not None or file.stem in SPLITS:
        return _Found(file=file, subject=None, split=shard["split"] if shard else file.stem)
    if file.suffix.lower() == ".csv":
        subject, _, ending = file.stem.rpartition("_")
        if subject and ending in SPLITS:
            return _Found(file=file, subject=subject, split=ending)
        if not alone:
            return _Found(file=file, subject=file.stem, split=split)
    return _Found(file=file, subject=None, split=split)


def _of_split(found: list[_Found], base: Path, source: ItemSource) -> list[_Found]:
    splits = {one.split for one in found}
    if source.split not in splits and (source.split is not None or len(splits) > 1):
        raise _which_split(base, source, splits)
    chosen = [one for one in found if source.split in (None, one.split)]
    first: dict[str, Path] = {}
    for one in chosen:
        other = first.setdefault(one.subject or str(one.file), one.file)
        if other != one.file and one.file.suffix.lower() == ".csv":
            problem = f"two files for the subject '{one.subject}', the other being {other}"
            raise InputError(problem, file=one.file, remedy="Keep one of them in this folder.")
    return chosen


def _read(found: _Found, path: Path, source: ItemSource) -> DataTable:
    if source.split is not None and found.split and found.split != source.split:
        problem = f"the file's split is '{found.split}'"
        remedy = "Leave `split` out, or give the file of that split."
        raise InputError(problem, file=found.file, field="split", seen=source.split, remedy=remedy)
    columns, rows = read_sheet(found.file, source.columns.names)
    inner = found.file.relative_to(path).as_posix()
    return DataTable(
        file=str(found.file),
        source=source.path if inner == "." else f"{source.path.rstrip('/')}/{inner}",
        split=found.split or source.split or "",
        # CMMLU's files bear the subject alone as their name.
        subject=found.subject or (found.file.stem if columns[:2] == ("", "Question") else None),
        columns=columns,
        rows=rows,
    )


def _saved_table(base: Path, source: ItemSource) -> DataTable:
    import datasets

    try:
        saved = datasets.load_from_disk(str(base))
    except (OSError, ValueError) as error:
        remedy = "Download or write it once more."
        raise InputError(f"the data set cannot be read ({error})", file=base, remedy=remedy) from error
    return dataset_table(saved, str(base), source)


def _hub_table(path: Path, source: ItemSource) -> DataTable:
    # Below a folder that exists here it is a slip of the pen, not worth half a minute of asking the hub.
    if re.fullmatch(r"[\w-]+/[\w.-]+", source.path) is None or path.parent.exists():
        remedy = "Give an existing file or folder, or OWNER/NAME of a data set on the hub."
        raise InputError("nothing is here", file=path, field="path", seen=source.path, remedy=remedy)
    import datasets

    try:
        loaded = datasets.load_dataset(source.path, source.config, split=source.split)
    except (OSError, ValueError, RuntimeError) as error:
        problem = f"neither a file or folder here, nor to be had from the Hugging Face hub ({error})"
        remedy = "Correct the path, or download the data set's folder and give the path to it."
        raise InputError(problem, file=path, remedy=remedy) from error
    return dataset_table(loaded, source.path, source)


def dataset_table(dataset: Any, file: str, source: ItemSource) -> DataTable:
    """The table of a data set of the library `datasets`, or of the split asked for.

    Raises:
        InputError: It has no such split, or several and none is named.
    """
    split = source.split or ""
    if isinstance(dataset, dict):
        splits = set(dataset)
        if source.split is None and len(splits) == 1:
            split = next(iter(splits))
        if split not in splits:
            raise _which_split(file, source, splits)
        dataset = dataset[split]
    elif dataset.split is not None:
        split = str(dataset.split)
        if source.split not in (None, split):
            raise _which_split(file, source, {split})
    return DataTable(
        file=file,
        source=source.path,
        split=split,
        columns=tuple(dataset.column_names),
        rows=list(enumerate(dataset, start=1)),
    )


def _which_split(file: Path | str, source: ItemSource, splits: set[str]) -> InputError:
    named = _listed(name for name in splits if name)
    if source.split is None:
        problem = "several splits are here and none is named"
        remedy = f"Name one with `split`: {named}" + (
            ", or give one file." if isinstance(file, Path) else "."
        )
        return InputError(problem, file=file, field="split", remedy=remedy)
    problem = "no such split here"
    return InputError(problem, file=file, field="split", seen=source.split, remedy=f"Here are: {named}.")


def _listed(names: Iterable[str]) -> str:
    ordered = sorted(names)
    return ", ".join(ordered[:12]) + (", ..." if len(ordered) > 12 else "") if ordered else "none"
