"""Belief files: Parquet, JSONL or CSV as harmonia writes them, or JSONL records of other probes.

A JSONL record needs `id`, `question`, `choices`, `answer` and `probs`; the authors'
published probe results are of this form. Its other fields are left unread. A sample log of
lm-evaluation-harness is read too (`samples.py`), and the answers of a run (`answer_files.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import GenericAlias
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonia.columns import columns_of
from harmonia.data.stored_items import ITEM_FIELDS
from harmonia.errors import InputError
from harmonia.parsing import require_new
from harmonia.probe.belief_columns import BeliefColumns, belief_columns
from harmonia.probe.belief_record import belief_of, checked, item_of
from harmonia.probe.samples import is_sample, sample_record
from harmonia.remade import Remade
from harmonia.table_file import TableFile
from harmonia.types import Belief, Item

BELIEFS = TableFile(
    what="the belief file",
    columns={
        column.name: GenericAlias(list, column.kind) if column.many else column.kind
        for row in (Item, Belief)
        for column in columns_of(row)
        if column.name != "item"
    },
    optional=frozenset({"prompt", "cluster", "borderline"}),
)


def write_beliefs(path: Path, beliefs: Sequence[Belief], about: Mapping[str, Any]) -> None:
    """Write beliefs in one step, as Parquet, JSONL or CSV by the name's ending.

    Args:
        path: The file.
        beliefs: Its rows.
        about: How they were made (model hash, template hash, token ids, ...); see `TableFile`.
    """
    BELIEFS.write(path, map(_row, beliefs), about)


def read_beliefs(path: Path, *, domain: str | None = None) -> tuple[Belief, ...]:
    """Read a belief file; as for `iter_beliefs`."""
    return tuple(iter_beliefs(path, domain=domain))


class StoredBeliefs(Remade[Belief]):
    """The beliefs of a Parquet file, held by column: each time they are gone through they are made anew.

    Args:
        columns: The file.
        domain: Domain of records that do not name one.
        row_I: Which of them, as rows of the file from 0; None for all.
    """

    def __init__(
        self, columns: BeliefColumns, domain: str | None, row_I: NDArray[np.int64] | None = None
    ) -> None:
        self._columns, self._domain = columns, domain
        self._row_I = np.arange(len(columns.row_I)) if row_I is None else row_I

    def __len__(self) -> int:
        return len(self._row_I)

    def __iter__(self) -> Iterator[Belief]:
        return self._columns.beliefs(self._domain, self._row_I)

    def at(self, row: int) -> Belief:
        """One of them, by its place from 0."""
        return next(iter(self.picked([row])))

    def picked(self, rows: Sequence[int]) -> StoredBeliefs:
        """Some of them, in the order given."""
        return StoredBeliefs(self._columns, self._domain, self._row_I[np.asarray(rows, dtype=np.int64)])


def stored_beliefs(path: Path, *, domain: str | None = None) -> Sequence[Belief]:
    """Open a belief file, a million of which need not be in memory; as for `iter_beliefs`."""
    if BELIEFS.is_parquet(path) and (found := belief_columns(path)):
        return StoredBeliefs(found, domain)
    return read_beliefs(path, domain=domain)


def iter_beliefs(path: Path, *, domain: str | None = None) -> Iterator[Belief]:
    """Read a belief file, a belief at a time.

    Args:
        path: Parquet, JSONL or CSV.
        domain: Domain of records that do not name one.

    Raises:
        InputError: The file is missing or not of these forms, a record is wrong, or an
            id comes twice.
    """
    if BELIEFS.is_parquet(path) and (found := belief_columns(path)):
        yield from found.beliefs(domain)
        return
    first: dict[str, int] = {}
    for number, values in BELIEFS.read(path):
        record = vars(
            checked(sample_record(values, path, number) if is_sample(values) else values, path, number)
        )
        belief = belief_of(item_of(record, path, domain), record)
        require_new(first, belief.item.id, file=path, row=number)
        yield belief
    if not first:
        raise InputError("the file holds no belief", file=path, remedy="Probe some items first.")


def _row(belief: Belief) -> dict[str, Any]:
    return {name: getattr(belief.item if name in ITEM_FIELDS else belief, name) for name in BELIEFS.columns}
