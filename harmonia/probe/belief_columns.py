"""Belief files by column: checked all rows at once, those that may be wrong then one by one.

The rules are those of `belief_record.py`. `_doubtful` finds quickly, by column, every row that
could break one; what is wrong with it, if anything, `checked` says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from harmonia.columns import columns_of
from harmonia.data.stored_items import ITEM_FIELDS, read_items_table
from harmonia.errors import InputError
from harmonia.parsing import noted_in, parquet_schema, parquet_tables, read_parquet, require_new
from harmonia.probe.answer_files import ANSWERS, SAME
from harmonia.probe.belief_record import TOLERANCE, belief_of, checked, item_of
from harmonia.probe.item_columns import (
    TOGETHER,
    ItemColumns,
    Rows,
    cells,
    flags,
    list_lengths,
    rows_of,
    texts_of,
)
from harmonia.prompts import parse_form
from harmonia.types import Belief, Category, Item, Method, Normalisation, Preset

Floats = NDArray[np.float64]

_ANSWER_FIELDS = tuple(column.name for column in columns_of(Belief) if column.name != "item")
_TYPES = {
    column.name: column.arrow for row in (Item, Belief) for column in columns_of(row) if column.name != "item"
}
_NEEDED = ("id", "question", "choices", "answer", "probs")
_SHARES = (
    "confidence",
    "letter_mass",
    "unlisted_mass",
    "agreement",
    "agreement_low",
    "agreement_high",
    "right_rate",
)
_WORDS = {
    "method": (*get_args(Method), "unknown"),
    "preset": (*get_args(Preset), "unknown"),
    "normalisation": get_args(Normalisation),
    "category": get_args(Category),
}
_REMEDY = "Let the run write the file again: harmonia run."
_LOST = "Give the file where it lies in its run directory, with the run's items beside it."


@dataclass(frozen=True, slots=True, eq=False)
class BeliefColumns:
    """The beliefs of a file, by column.

    Attributes:
        path: The file.
        items: Their items, and perhaps others.
        row_I: Each belief's item, as a row of `items`.
        answers: All that beliefs hold besides the item.
    """

    path: Path
    items: ItemColumns
    row_I: NDArray[np.int64]
    answers: pa.Table

    @classmethod
    def of(cls, beliefs: Sequence[Belief]) -> BeliefColumns:
        """The columns of beliefs in memory, as they are."""

        def table(names: Sequence[str], of: Sequence[Any]) -> pa.Table:
            return pa.table(
                {name: pa.array([getattr(one, name) for one in of], _TYPES[name]) for name in names}
            )

        items = ItemColumns(table(ITEM_FIELDS, [belief.item for belief in beliefs]))
        return cls(Path(), items, np.arange(len(beliefs)), table(_ANSWER_FIELDS, beliefs))

    def check(self) -> None:
        """Require that every belief holds together.

        Raises:
            InputError: A field of a row is missing or wrong or says otherwise than another, an id
                comes twice, or there is no belief.
        """
        if not len(self.row_I):
            raise InputError("the file holds no belief", file=self.path, remedy="Probe some items first.")
        for start in range(0, len(self.row_I), TOGETHER):
            row_I, answers = self.row_I[start : start + TOGETHER], self.answers.slice(start, TOGETHER)
            for row in np.flatnonzero(replace(self, row_I=row_I, answers=answers).doubtful()).tolist():
                (item,) = self.items.table.slice(row_I[row], 1).to_pylist()
                (answer,) = answers.slice(row, 1).to_pylist()
                checked({**item, **answer}, self.path, start + row + 1)
        if pc.count_distinct(self.ids).as_py() < len(self.row_I):
            first: dict[str, int] = {}
            for number, name in enumerate(self.ids.to_pylist(), start=1):
                require_new(first, name, file=self.path, row=number)

    @property
    def ids(self) -> pa.ChunkedArray:
        """The id of each belief's item."""
        return self.items.table["id"].take(pa.array(self.row_I))

    @property
    def numbers_I(self) -> NDArray[np.uint64]:
        """The number of each belief's item."""
        return self.items.numbers_I[self.row_I]

    def items_at(self, belief_I: NDArray[np.int64], domain: str | None = None) -> Iterator[Item]:
        """The items of some beliefs, a few in memory at a time.

        Args:
            belief_I: The beliefs, as rows of the file from 0.
            domain: Domain of items that do not name one.
        """
        said: dict[Any, Any] = {}
        for start in range(0, len(belief_I), TOGETHER):
            row_I = self.row_I[belief_I[start : start + TOGETHER]]
            some = rows_of(self.items.table, row_I)
            for values in zip(*(cells(some[name], said) for name in ITEM_FIELDS), strict=True):
                yield item_of(dict(zip(ITEM_FIELDS, values, strict=True)), self.path, domain)

    def beliefs(self, domain: str | None, belief_I: NDArray[np.int64] | None = None) -> Iterator[Belief]:
        """Beliefs, a few in memory at a time.

        Args:
            domain: Domain of items that do not name one.
            belief_I: Which ones, as rows of the file from 0; None for all.
        """
        belief_I = np.arange(len(self.row_I)) if belief_I is None else belief_I
        items = self.items_at(belief_I, domain)
        said: dict[Any, Any] = {}
        for start in range(0, len(belief_I), TOGETHER):
            some = rows_of(self.answers, belief_I[start : start + TOGETHER])
            for values in zip(*(cells(some[name], said) for name in _ANSWER_FIELDS), strict=True):
                yield belief_of(next(items), dict(zip(_ANSWER_FIELDS, values, strict=True)))

    def padded(self, name: str, otherwise_I_C: Floats | None = None) -> Floats:
        """A column of lists as an array of shape (I, C), 0 beyond an item's own options.

        Args:
            name: The column.
            otherwise_I_C: What stands for an empty cell; zeros if not given.
        """
        lengths = list_lengths(self.answers[name])
        if otherwise_I_C is None:
            otherwise_I_C = np.zeros((len(lengths), lengths.max()))
        found_I_C = otherwise_I_C.copy()
        values_O = pc.list_flatten(self.answers[name]).to_numpy()
        found_I_C[np.arange(found_I_C.shape[1]) < lengths[:, None]] = values_O
        return found_I_C

    def texts_I(self, name: str) -> NDArray[np.object_]:
        """A column of texts; None where there is none."""
        return texts_of(self.answers[name])

    def numbers(self, name: str) -> Floats:
        """A column of numbers; nan where there is none."""
        return np.asarray(self.answers[name].to_numpy(), dtype=np.float64)

    def doubtful(self) -> Rows:
        """Beliefs that may break a rule; no other one does, but for ids that come twice."""
        options_I = self.items.options_I[self.row_I]
        found = self.items.doubtful_I[self.row_I] | _no_distribution(self.answers["probs"], options_I)
        found |= _no_distribution(self.answers["asked_probs"], options_I) & ~self._is_empty("asked_probs")
        if found.any():
            return found
        pred_I, confidence_I = (one(self.padded("probs"), axis=1) for one in (np.argmax, np.max))
        right_I = pred_I == self.items.gold_I[self.row_I]
        low, mean, high = (self.numbers(f"agreement{end}") for end in ("_low", "", "_high"))
        correct_I, draws_I = (self.numbers(name) for name in ("correct", "draws"))
        # Comparisons with nan, which stands for nothing said, are false.
        parts = [
            *(self._outside(name, 0, 1) for name in _SHARES),
            *(self._outside(name, least, 2**31 - 1) for name, least in (("shots", 0), ("draws", 1))),
            *(self._not_among(name, allowed) for name, allowed in _WORDS.items()),
            self._unlike_form(),
            ~self._is_empty("pred") & (self.numbers("pred") != pred_I),
            np.abs(self.numbers("confidence") - confidence_I) > 0.99 * TOLERANCE,
            ~self._is_empty("correct") & (correct_I != right_I),
            (draws_I == 1) & ~np.isnan(mean),
            (mean < low) | (mean > high),
            flags(pc.equal(self.answers["category"], pa.array(np.where(right_I, "conflicting", "known")))),
        ]
        return np.asarray(reduce(or_, parts))

    def _is_empty(self, name: str) -> Rows:
        return flags(self.answers[name].is_null())

    def _outside(self, name: str, low: float, high: float) -> Rows:
        values = self.numbers(name)
        return ~self._is_empty(name) & ~((values >= low) & (values <= high))

    def _not_among(self, name: str, allowed: tuple[str, ...]) -> Rows:
        known = pc.is_in(self.answers[name], value_set=pa.array(allowed))
        return ~self._is_empty(name) & ~flags(known)

    def _unlike_form(self) -> Rows:
        """Whether a form is none, or has fewer demonstrations than were shown."""
        found, shots_I = np.zeros(len(self.row_I), dtype=bool), self.numbers("shots")
        for text in pc.unique(self.answers["form"]).to_pylist():
            if text not in (None, "unknown"):
                here = flags(pc.equal(self.answers["form"], text))
                try:
                    found |= here & (shots_I > parse_form(text).shots)
                except InputError:
                    found |= here
        return found


def belief_columns(
    path: Path, known: dict[Path, ItemColumns] | None = None, *, prompts: bool = True
) -> BeliefColumns | None:
    """Read a Parquet file of beliefs by column, and check them.

    Args:
        path: A file that holds its items, or one of a run, whose items are in a file of their own.
        known: Files of items that were read already; what is read is put there.
        prompts: Whether prompts are read where they were kept. They are longer than all else.

    Returns:
        None where the columns are not of the types that harmonia writes: rows are then read one by one.

    Raises:
        InputError: A file is missing, damaged or wrong.
    """
    table = read_parquet(path, what="the belief file", without=() if prompts else ("prompt",))
    if "key" in table.schema.names and "question" not in table.schema.names:
        found = _of_run(path, table, {} if known is None else known)
    elif _holds_items(table.schema):
        found = _of_table(path, table)
    else:
        return None
    found.check()
    pa.default_memory_pool().release_unused()  # a check makes as much as the file holds
    return found


def belief_parts(path: Path) -> Iterator[BeliefColumns]:
    """The beliefs of a file that holds their items, some in memory at a time, unchecked; none of another."""
    schema = parquet_schema(path, what="the belief file")
    if _holds_items(schema):
        names = [name for name in schema.names if name in _TYPES]
        for table in parquet_tables(path, what="the belief file", columns=names, rows=TOGETHER):
            yield _of_table(path, table)


def _holds_items(schema: pa.Schema) -> bool:
    return all(_readable(schema, name) for name in (*_TYPES, *set(_NEEDED) - set(schema.names)))


def _of_table(path: Path, table: pa.Table) -> BeliefColumns:
    columns = {name: _typed(table, name) for name in _TYPES}
    items = ItemColumns(pa.table({name: columns[name] for name in ITEM_FIELDS}))
    answers = pa.table({name: columns[name] for name in _ANSWER_FIELDS})
    return BeliefColumns(path, items, np.arange(len(table)), answers)


def _of_run(path: Path, table: pa.Table, known: dict[Path, ItemColumns]) -> BeliefColumns:
    note = noted_in(table.schema, path)
    place = (path.resolve().parent / str(note.get("items"))).resolve()
    if place not in known:
        if not place.is_file():
            # As it is noted: from where the answers lie now, it may lead anywhere.
            problem = "the file of its items is not there"
            raise InputError(problem, file=path, seen=note.get("items"), remedy=_LOST)
        known[place] = ItemColumns(read_items_table(place))
    items, rows = known[place], ANSWERS.typed(table, path)
    row_I = pc.index_in(rows["key"], value_set=items.table["key"].combine_chunks())
    if row_I.null_count:
        row = int(np.flatnonzero(flags(row_I.is_null()))[0])
        key = rows["key"][row].as_py()
        raise InputError(
            f"no such item in {place}", file=path, row=row + 1, field="key", seen=key, remedy=_LOST
        )
    columns = {name: rows[name] for name in rows.schema.names}
    if note.get("as_asked"):
        columns["asked_probs"] = rows["probs"]
    columns |= {
        name: pa.array([value] * len(rows), _TYPES[name]) for name, value in _same(note, path).items()
    }
    whole = {name: columns.get(name, pa.nulls(len(rows))).cast(_TYPES[name]) for name in _ANSWER_FIELDS}
    return BeliefColumns(path, items, np.asarray(row_I.to_numpy(), dtype=np.int64), pa.table(whole))


def _same(note: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """What a file of a run notes that all its answers have in common."""
    asked = note.get("asked")
    if not isinstance(asked, dict) or not set(SAME) <= set(asked):
        problem = f"the file's metadata do not say how the items were asked: {', '.join(SAME)}"
        raise InputError(problem, file=path, field="asked", seen=asked, remedy=_REMEDY)
    for name in SAME:
        kind = int if pa.types.is_integer(_TYPES[name]) else str
        if asked[name] is not None and type(asked[name]) is not kind:
            problem = f"the file's metadata hold no {kind.__name__} here"
            raise InputError(problem, file=path, field=f"asked.{name}", seen=asked[name], remedy=_REMEDY)
    return {name: asked[name] for name in SAME}


def _typed(table: pa.Table, name: str) -> Any:
    if name not in table.schema.names:
        return pa.nulls(len(table), _TYPES[name])
    return table[name].cast(_TYPES[name])


def _readable(schema: pa.Schema, name: str) -> bool:
    """Whether a column is of the type that is wanted, or not there and not needed."""
    if name not in schema.names:
        return name not in _NEEDED
    return _like(schema.field(name).type, _TYPES[name])


def _like(here: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether values of one type are values of the other just as well."""
    if pa.types.is_list(wanted):
        return bool(pa.types.is_list(here)) and _like(here.value_type, wanted.value_type)
    if pa.types.is_floating(wanted):
        return bool(pa.types.is_floating(here))
    if pa.types.is_integer(wanted):
        return here in (pa.int32(), pa.int64())
    return bool(here == wanted)


def _no_distribution(column: Any, options_I: NDArray[np.int64]) -> Rows:
    lengths, probs_O = list_lengths(column), pc.list_flatten(column).to_numpy()
    row_O = pc.list_parent_indices(column).to_numpy()
    outside_I = np.bincount(row_O, ~((probs_O >= 0) & (probs_O <= 1)), len(lengths))
    sum_I = np.bincount(row_O, probs_O, len(lengths))
    off_I = ~(np.abs(sum_I - 1) < 0.99 * TOLERANCE)
    return np.asarray((lengths != options_I) | (outside_I > 0) | off_I)
