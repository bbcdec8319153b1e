"""Declared tables: written by us, read by pyarrow and csv; and what is wrong with one is named."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow.parquet as pq
import pytest

from harmonia.analysis.tables import TABLES
from harmonia.columns import Count, Share, Table
from harmonia.data.stored_items import ITEMS
from harmonia.errors import InputError
from harmonia.probe.answer_files import ANSWERS


@dataclass(frozen=True, kw_only=True)
class _Row:
    """A city.

    Attributes:
        name: Its name.
        people: Who lives there.
        old: Share of them that is old,
            or empty.
        kind: What it is.
    """

    name: str
    people: Count
    old: Share | None = None
    old_low: Share | None = None
    kind: Literal["port", "spa"] = "spa"


CITIES = Table(name="cities", row=_Row, key=("name",))
ROWS = (_Row(name="a, b", people=3, old=0.25, kind="port"), _Row(name="c", people=0))


def test_a_table_and_its_twin(tmp_path: Path) -> None:
    CITIES.write(tmp_path, ROWS)
    assert CITIES.read(tmp_path) == ROWS
    stored = pq.read_table(tmp_path / "cities.parquet")
    assert stored["people"].to_pylist() == [3, 0] and stored["old"].to_pylist() == [0.25, None]
    with (tmp_path / "cities.csv").open(newline="") as handle:
        assert list(csv.reader(handle)) == [
            ["name", "people", "old", "old_low", "kind"],
            ["a, b", "3", "0.25", "", "port"],
            ["c", "0", "", "", "spa"],
        ]


def test_columns_are_what_the_dataclass_says() -> None:
    found = {column.name: column for column in CITIES.columns}
    assert found["old"].meaning == "Share of them that is old, or empty."
    assert found["old_low"].meaning == "Lower end of the 95 % interval of `old`."
    assert [found[name].optional for name in ("people", "old")] == [False, True]
    assert (found["people"].kind, found["people"].measure.unit, found["kind"].values) == (
        *(int, "count"),
        ("port", "spa"),
    )


@pytest.mark.parametrize(
    ("row", "field", "problem"),
    [
        (_Row(name="c", people=-1), "people", "not between 0 and inf"),
        (_Row(name="c", people=1, old=1.5), "old", "not between 0 and 1"),
        (_Row(name="c", people=1, kind="spy"), "kind", "not one of port, spa"),  # type: ignore[arg-type]
        (_Row(name="a, b", people=1), None, "the same name as in row 1"),
    ],
)
def test_a_wrong_cell_is_named(tmp_path: Path, row: _Row, field: str | None, problem: str) -> None:
    CITIES.write(tmp_path, (ROWS[0], row))
    with pytest.raises(InputError) as caught:
        CITIES.read(tmp_path)
    assert (caught.value.row, caught.value.field, caught.value.problem) == (2, field, problem)


def test_every_column_of_a_run_has_a_meaning_and_every_key_is_a_column() -> None:
    for table in (*TABLES, ITEMS, ANSWERS):
        names = [column.name for column in table.columns]
        assert all(column.meaning for column in table.columns) and set(table.key) <= set(names)
        assert len(set(names)) == len(names)
