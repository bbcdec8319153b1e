"""Hugging Face data sets as tables: Parquet files, `save_to_disk` folders, the hub.

Parquet is read with pyarrow alone, so that a downloaded data set needs no network
and no import of `datasets`. Layouts known, below the folder itself or below the
folder of `config`: `*.parquet`, `data/*.parquet`, and one folder a subject or
configuration with `*.parquet` inside. The split is the part of a file's name before
`-00000-of-00001`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harmonia.data.naming import SPLITS, place_of
from harmonia.data.records import Place
from harmonia.data.subjects import chosen_subjects, require_subjects
from harmonia.errors import InputError
from harmonia.parsing import parquet_columns, parquet_rows

if TYPE_CHECKING:
    from harmonia.data.source import ItemSource

__all__ = ["Table", "is_saved_dataset", "open_tables", "parquet_folders"]

_SHARD = re.compile(r"(?P<split>.+?)-\d{5}-of-\d{5}(-.+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table that has been found but not yet read.

    Attributes:
        place: Where its rows stand.
        subject: The folder it was chosen by; None where no subject was chosen so.
        columns: Names of its columns.
        rows: Reads the rows, each a mapping of column to value.
    """

    place: Place
    subject: str | None
    columns: tuple[str, ...]
    rows: Callable[[], Iterator[Mapping[str, Any]]]


def open_tables(path: Path, source: ItemSource) -> tuple[Table, ...]:
    """Find the tables that a declaration means.

    Args:
        path: A Parquet file or a folder; if nothing is there, the declaration's own
            path is taken for the id of a data set on the hub.
        source: The declaration: `config`, `split` and the choice of subjects count.

    Returns:
        One table a Parquet file, or one for the split of a `datasets` data set.

    Raises:
        InputError: Nothing fits, or more than one split or configuration does.
    """
    if path.is_file():
        return (_parquet_table(path, path, source, None),)
    if not path.exists():
        if not _may_be_on_hub(path, source):
            remedy = "Give an existing file or folder, or OWNER/NAME of a data set on the hub."
            raise InputError("nothing is here", file=path, field="path", seen=source.path, remedy=remedy)
        return (_hub_table(path, source),)
    base = path if source.config is None else path / source.config
    if not base.is_dir():
        raise InputError(
            "no such configuration here",
            file=path,
            field="config",
            seen=source.config,
            remedy=f"Here are: {_listed(entry.name for entry in path.iterdir() if entry.is_dir())}.",
        )
    if is_saved_dataset(base):
        return (_saved_table(base, path, source),)
    found = [(file, subject) for folder, subject in _folders(base, source) for file in _parquet_files(folder)]
    splits = {_split_of(file) for file, _ in found}
    if source.split is not None:
        found = [(file, subject) for file, subject in found if _split_of(file) == source.split]
    if not found or (source.split is None and len(splits) > 1):
        raise _which_split(base, source, splits)
    return tuple(_parquet_table(file, path, source, subject) for file, subject in found)


def is_saved_dataset(folder: Path) -> bool:
    """Say whether `Dataset.save_to_disk` or `DatasetDict.save_to_disk` wrote a folder."""
    return (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file()


def parquet_folders(folder: Path) -> tuple[Path, ...]:
    """Return the folders with Parquet files: the folder itself, its `data/`, or those inside it."""
    if any(folder.glob("*.parquet")):
        return (folder,)
    if any(folder.glob("data/*.parquet")):
        return (folder / "data",)
    return tuple(sorted({file.parent for file in folder.glob("*/*.parquet")}))


def _may_be_on_hub(path: Path, source: ItemSource) -> bool:
    # Below a folder that exists here it is a slip of the pen, not worth half a minute of asking the hub.
    return re.fullmatch(r"[\w-]+/[\w.-]+", source.path) is not None and not path.parent.exists()


def _folders(base: Path, source: ItemSource) -> list[tuple[Path, str | None]]:
    folders = parquet_folders(base)
    if not folders:
        raise InputError(
            "no Parquet files are here",
            file=base,
            remedy="Give a folder with `*.parquet`, `data/*.parquet` or `SUBJECT/*.parquet`.",
        )
    if len(folders) == 1:
        return [(folders[0], None)]
    names = {folder.name: folder for folder in folders}
    chosen = chosen_subjects(source)
    if chosen is None:
        raise InputError(
            "several configurations are here and none is named",
            file=base,
            field="config",
            remedy=f"Name one with `config`, or some with `subjects`: {_listed(names)}.",
        )
    require_subjects(chosen, names, base)
    return [(names[name], name) for name in sorted(chosen)]


def _parquet_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.parquet"))


def _split_of(file: Path) -> str:
    shard = _SHARD.fullmatch(file.stem)
    if shard is not None:
        return shard["split"]
    return file.stem if file.stem in SPLITS else ""


def _parquet_table(file: Path, path: Path, source: ItemSource, subject: str | None) -> Table:
    return Table(
        place=place_of(file, path, source, _split_of(file)),
        subject=subject,
        columns=parquet_columns(file, what="the data set"),
        rows=lambda: (row for _, row in parquet_rows(file, what="the data set")),
    )


def _saved_table(base: Path, path: Path, source: ItemSource) -> Table:
    import datasets

    try:
        saved = datasets.load_from_disk(str(base))
    except (OSError, ValueError) as error:
        raise _unreadable(base, error) from error
    return _dataset_table(saved, str(base), source)


def _hub_table(path: Path, source: ItemSource) -> Table:
    import datasets

    try:
        loaded = datasets.load_dataset(source.path, source.config, split=source.split)
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(
            f"neither a file or folder here, nor to be had from the Hugging Face hub ({error})",
            file=path,
            remedy="Correct the path, or download the data set's folder and give the path to it.",
        ) from error
    return _dataset_table(loaded, source.path, source)


def _dataset_table(dataset: Any, file: str, source: ItemSource) -> Table:
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
    place = Place(file=file, source=source.path, split=split)
    return Table(place=place, subject=None, columns=tuple(dataset.column_names), rows=lambda: iter(dataset))


def _which_split(file: Path | str, source: ItemSource, splits: set[str]) -> InputError:
    named = _listed(name or "(no name)" for name in splits)
    if source.split is None:
        problem = "several splits are here and none is named"
        return InputError(problem, file=file, field="split", remedy=f"Name one with `split`: {named}.")
    problem = "no such split here"
    return InputError(problem, file=file, field="split", seen=source.split, remedy=f"Here are: {named}.")


def _unreadable(file: Path, error: Exception) -> InputError:
    return InputError(
        f"the data set cannot be read ({error})", file=file, remedy="Download or write it once more."
    )


def _listed(names: Any) -> str:
    ordered = sorted(names)
    return ", ".join(ordered[:12]) + (", ..." if len(ordered) > 12 else "") if ordered else "none"
