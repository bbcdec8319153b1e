"""Questions that are in memory already: a DataFrame, a data set of `datasets`, or `Item`s.

A row means the same as in a file and is checked by the same code.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harmonia.data.cells import RowPlace
from harmonia.data.formats import Row
from harmonia.data.items import options_of
from harmonia.data.read import ReadResult, items_of, read_items
from harmonia.data.source import ItemSource
from harmonia.data.tables import DataTable, dataset_table
from harmonia.errors import InputError
from harmonia.parsing import require_new, table_of_settings
from harmonia.types import Item

Questions = Any
"""A path or hub id, a pandas DataFrame, a `datasets.Dataset`, `Item`s, an `ItemSource`, a `ReadResult`."""

_ACCEPTED = "Give a path, a pandas DataFrame, a datasets.Dataset, or Items."


def items_from(questions: Questions, settings: Mapping[str, Any] | None = None) -> ReadResult:
    """The items of whatever holds questions.

    Args:
        questions: What holds them.
        settings: Settings of `ItemSource` but `path`, for what has columns.

    Raises:
        InputError: It is nothing of this kind, a setting is wrong, or a row is bad and the
            settings do not say to skip it.
    """
    if isinstance(questions, ReadResult):
        return questions
    if isinstance(questions, ItemSource):
        return read_items(questions)
    if isinstance(questions, (str, Path)):
        return read_items(_source(str(questions), settings))
    for library, kind in (("pandas", "DataFrame"), ("datasets", "Dataset"), ("datasets", "DatasetDict")):
        # Who has such a thing has imported its library.
        module = sys.modules.get(library)
        if module is not None and isinstance(questions, getattr(module, kind)):
            source = _source(kind, settings)
            frame = library == "pandas"
            table = _frame_table(questions, source) if frame else dataset_table(questions, kind, source)
            return items_of((table,), source)
    if is_at_hand(questions):
        return _kept(tuple(questions))
    raise InputError("nothing that questions are read from", field="items", seen=questions, remedy=_ACCEPTED)


def is_at_hand(questions: Questions) -> bool:
    """Whether they are items already, so that there are no columns to have settings for."""
    return isinstance(questions, ReadResult) or (
        isinstance(questions, Sequence)
        and not isinstance(questions, str)
        and all(isinstance(one, Item) for one in questions)
    )


def _source(path: str, settings: Mapping[str, Any] | None) -> ItemSource:
    return table_of_settings(ItemSource, {**(settings or {}), "path": path}, "items")


def _kept(items: tuple[Item, ...]) -> ReadResult:
    first: dict[str, int] = {}
    for number, item in enumerate(items, start=1):
        _require_sound(item, number)
        require_new(first, item.id, file="Items", row=number)
    return ReadResult(items=items, skipped=(), repeated=())


def _require_sound(item: Item, number: int) -> None:
    """Require of an item what the rows of a file are checked for; its class checks nothing."""
    place = RowPlace(file="Items", row=number)
    for name in ("id", "question", "domain", "explanation", "source", "split"):
        place.text(getattr(item, name), name, blank=name not in ("id", "question"))
    if item.cluster is not None:
        place.text(item.cluster, "cluster")
    if not isinstance(item.choices, (tuple, list)):
        raise place.wrong("choices", "not a list of options", item.choices)
    options_of(item.choices, [f"choices[{k}]" for k in range(len(item.choices))], "choices", place)
    if type(item.answer) is not int or item.answer not in range(len(item.choices)):
        raise place.wrong("answer", "the answer is not the index of an option", item.answer)


def _frame_table(frame: Any, source: ItemSource) -> DataTable:
    names = tuple(map(str, frame.columns))
    if len(set(names)) < len(names):
        remedy = "Give each column a name of its own."
        raise InputError("two columns have one name", file=source.path, seen=list(names), remedy=remedy)
    return DataTable(
        file=source.path,
        source=source.path,
        split=source.split or "",
        columns=names,
        rows=list(_rows(frame, names)),
    )


def _rows(frame: Any, names: Sequence[str]) -> Iterator[Row]:
    columns = [[_plain(value) for value in frame.iloc[:, place]] for place in range(len(names))]
    for number, values in enumerate(zip(*columns, strict=True), start=1):
        yield number, dict(zip(names, values, strict=True))


def _plain(value: Any) -> Any:
    """A cell as a file would hold it: what stands for nothing is null, arrays are lists."""
    import numpy as np
    import pandas as pd

    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, np.generic):
        value = value.item()
    return None if pd.api.types.is_scalar(value) and pd.isna(value) else value
