"""Questions in SQL about a run: its files as tables of a DuckDB in memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from harmonia.analysis import tables
from harmonia.analysis.answers import Answers, read_columns
from harmonia.analysis.consistency import levels
from harmonia.data.stored_items import read_items_table
from harmonia.errors import InputError
from harmonia.parsing import read_parquet
from harmonia.probe.fit import group_rows
from harmonia.probe.item_columns import ItemColumns
from harmonia.report.run_index import RunIndex

_ASK = "`harmonia query RUN_DIR` prints the tables and their columns."
_MEANINGS = {
    "items": "questions that were asked, each once in a domain; `subject` is what the question itself names",
    "beliefs": "what the base model believed of the training questions before tuning",
    "answers": "what each model answered to each question of the suites; group 'base' is the base model",
    "training": "rows that the tuned models were trained on; `target` is the option taught",
}
_OTHER_NAMES = {"beliefs": "belief_counts"}
"""Result tables whose name another table has."""
_TRAINING = pa.schema(
    [
        *((name, pa.string()) for name in ("domain", "group")),
        ("seed", pa.int64()),
        *((name, pa.string()) for name in ("id", "question")),
        *((name, pa.int64()) for name in ("answer", "target")),
        ("weight", pa.float64()),
        ("trained_text", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryResult:
    """What a query gave.

    Attributes:
        columns: Names of the columns; of two that are alike the second is numbered.
        rows: The rows.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


class RunTables:
    """A run's tables, each read when a query names it.

    No query reaches a file: DuckDB holds the tables in memory, and its access to all else is closed.

    Args:
        run: A run directory; the run may be at work.

    Raises:
        InputError: It is none.

    Attributes:
        meanings: What each table holds, by its name.
    """

    def __init__(self, run: Path) -> None:
        self._index = RunIndex.read(run)
        self._items: dict[Path, ItemColumns] = {}
        self._readers: dict[str, Callable[[], pa.Table]] = {
            "items": self._read_items,
            "beliefs": self._read_beliefs,
            "answers": self._read_answers,
            "training": self._read_training,
        }
        self.meanings = dict(_MEANINGS)
        for table in tables.TABLES:
            path = table.files(tables.FOLDER)[0]
            if (run / path).is_file():
                name = _OTHER_NAMES.get(table.name, table.name)
                self._readers[name] = partial(read_parquet, run / path, what="the table")
                self.meanings[name] = path

    def columns(self, name: str) -> list[tuple[str, str]]:
        """(column, type) of a table, none where the run has not come that far."""
        try:
            return [row[:2] for row in self.ask(f'DESCRIBE SELECT * FROM "{name}"').rows]
        except InputError:
            return []

    def ask(self, sql: str) -> QueryResult:
        """Answer one `SELECT`.

        Raises:
            InputError: It is none, it is wrong, or a file of the run is missing or damaged.
        """
        import duckdb

        with duckdb.connect(config={"python_enable_replacements": False}) as database:
            try:
                statements = database.extract_statements(sql)
                shows = re.match(
                    r"\s*show\b", sql, re.IGNORECASE
                )  # of tables that a query has not named: none
                if shows or [one.type for one in statements] != [duckdb.StatementType.SELECT]:
                    raise InputError("not one SELECT", field="SQL", seen=sql, remedy=_ASK)
                for name in self._readers:
                    if re.search(rf"\b{name}\b", sql, re.IGNORECASE):
                        database.register(name, self._readers[name]())
                database.execute("SET enable_external_access = false")
                database.execute("SET lock_configuration = true")
                found = database.execute(statements[0])
                names = _apart(name for name, *_ in found.description or ())
                return QueryResult(columns=names, rows=tuple(found.fetchall()))
            except duckdb.Error as error:
                said = " ".join(str(error).partition("\n\nLINE")[0].split()).removesuffix(".")
                # DuckDB knows no table that the query does not name, and would point to its own.
                said = re.sub(r"(Table with name .* does not exist)! Did you mean.*", r"\1", said)
                raise InputError(said, field="SQL", remedy=_ASK) from error

    def _read_items(self) -> pa.Table:
        found = []
        for domain, path in self._index.items.items():
            table = read_items_table(self._index.run / path)
            names = ["subject" if name == "domain" else name for name in table.schema.names]
            found.append(_with(table.rename_columns(names), domain=domain))
        return self._together(found, "questions")

    def _read_beliefs(self) -> pa.Table:
        found = []
        for domain, path in self._index.beliefs.items():
            table, answers = self._asked(path)
            by_id = dict(zip(answers.ids_I, levels(answers, self._index.threshold), strict=True))
            level = [by_id[name] for name in table["id"].to_pylist()]
            table = table.append_column("level", pa.array(level, pa.string()))
            found.append(_with(table, domain=domain))
        return self._together(found, "beliefs")

    def _read_answers(self) -> pa.Table:
        found, excluded = [], self._index.excluded
        for place, path in self._index.answers.items():
            table, _ = self._asked(path)
            out = None if excluded is None else excluded.get((place.domain, place.suite), ())
            counted = [None if out is None else name not in out for name in table["id"].to_pylist()]
            table = table.append_column("counted", pa.array(counted, pa.bool_())).drop_columns("form")
            found.append(_with(table, **{name: getattr(place, name) for name in tables.RESULTS.key}))
        return self._together(found, "answers")

    def _asked(self, path: str) -> tuple[pa.Table, Answers]:
        """A file of answers with what follows from the distributions, in its order; and as arrays, by id."""
        found = read_columns(self._index.run / path, self._items)
        items, row_I = found.items, found.row_I
        if "key" not in items.table.schema.names:
            raise InputError("not answers of a run", file=self._index.run / path, remedy="Run it again.")
        probs_I_C, gold_I = found.padded("probs"), items.gold_I[row_I]
        pred_I = probs_I_C.argmax(axis=1)
        place_I = np.arange(len(row_I))
        columns = {
            "form": found.answers["form"],
            **{name: items.table[name].take(pa.array(row_I)) for name in ("key", "id")},
            "probs": found.answers["probs"],
            "pred": pa.array(pred_I),
            "answer": pa.array(gold_I),
            "correct": pa.array(pred_I == gold_I),
            "confidence": pa.array(probs_I_C[place_I, pred_I]),
            "right_prob": pa.array(probs_I_C[place_I, gold_I]),
            "letter_mass": found.answers["letter_mass"],
        }
        return pa.table(columns), Answers.of_columns(found)

    def _read_training(self) -> pa.Table:
        rows = [
            {**asdict(row), **asdict(who), "trained_text": row.messages[-1].content}
            for who, path in self._index.training.items()
            for _, row in group_rows(self._index.run / path)
        ]
        table = pa.Table.from_pylist(rows, schema=_TRAINING)
        return self._together([table] if len(table) else [], "training sets")

    def _together(self, found: list[pa.Table], what: str) -> pa.Table:
        if not found:
            remedy = "Ask again when the run has come that far."
            raise InputError(f"the run has no {what} yet", file=self._index.run, remedy=remedy)
        return pa.concat_tables(found, promote_options="default")


def _apart(names: Iterable[str]) -> tuple[str, ...]:
    """Names of columns, of which none is another's: a second `id` is `id_1`."""
    found: dict[str, None] = {}
    for name in names:
        numbered = (f"{name}_{number}" for number in count(1))
        found[name if name not in found else next(one for one in numbered if one not in found)] = None
    return tuple(found)


def _with(table: pa.Table, **values: str | int | None) -> pa.Table:
    """A table behind columns of one value each."""
    kinds = {name: pa.int64() if name == "seed" else pa.string() for name in values}
    columns = {name: pa.array([value] * len(table), kinds[name]) for name, value in values.items()}
    return pa.table(columns | {name: table[name] for name in table.schema.names})
