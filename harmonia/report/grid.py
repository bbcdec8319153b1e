"""Tables of models by suite and form, one a domain."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from harmonia.analysis import Place
from harmonia.analysis.tables import ResultRow
from harmonia.report.html_table import Column, Entry, Table, build
from harmonia.report.words import ABSENT, count, in_form_order, in_group_order, in_suite_order, percent, plain

__all__ = ["accuracy_tables", "grids", "seed_of"]


Row = TypeVar("Row", bound=Place)


def grids(rows: Iterable[Row], caption: str, show: Callable[[Row], Entry]) -> list[Table]:
    """One table a domain: a line a model, a column a suite and form.

    Args:
        rows: One row for each model, suite and form.
        caption: What the tables show, to stand after the domain.
        show: What stands in a cell.
    """
    rows = list(rows)
    return [
        _grid([row for row in rows if row.domain == domain], f"{domain}: {caption}", show)
        for domain in sorted({row.domain for row in rows})
    ]


def accuracy_tables(rows: Iterable[ResultRow]) -> list[Table]:
    """One table a domain: share of questions answered right."""
    return grids(rows, "share of questions answered right", _accuracy)


def _accuracy(row: ResultRow) -> Entry:
    interval = f"{100 * row.accuracy_low:.1f} to {100 * row.accuracy_high:.1f}"
    macro = f"macro {percent(row.accuracy_macro)}"
    return Entry(text=percent(row.accuracy), small=(interval, macro, f"n = {count(row.n)}"))


def seed_of(seed: int | None) -> str:
    """A seed as a cell shows it."""
    return ABSENT if seed is None else str(seed)


def _grid(here: list[Row], caption: str, show: Callable[[Row], Entry]) -> Table:
    groups = in_group_order(row.group for row in here)
    models: dict[tuple[str, int | None], dict[tuple[str, str], Row]] = {}
    for row in sorted(here, key=lambda row: (groups.index(row.group), -1 if row.seed is None else row.seed)):
        models.setdefault((row.group, row.seed), {})[row.suite, row.form] = row

    def cell(suite: str, form: str) -> Callable[[dict[tuple[str, str], Row]], Entry | str]:
        return lambda found: show(found[suite, form]) if (suite, form) in found else ABSENT

    def first(found: dict[tuple[str, str], Row]) -> Row:
        return next(iter(found.values()))

    columns = [
        Column[dict[tuple[str, str], Row]](
            "model", "Tuned on", lambda found: plain(first(found).group), kind="head"
        ),
        Column[dict[tuple[str, str], Row]]("seed", "Seed", lambda found: seed_of(first(found).seed)),
    ]
    for suite in in_suite_order(row.suite for row in here):
        for form in in_form_order(row.form for row in here if row.suite == suite):
            columns.append(Column(f"{suite} {form}", form, cell(suite, form), above=plain(suite)))
    return build(caption, columns, models.values(), marked=lambda found: first(found).group == "base")
