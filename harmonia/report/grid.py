"""Tables of models by suite, readout and form, one a domain."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import product
from typing import TypeVar

from harmonia.analysis import Place
from harmonia.analysis.tables import RESULTS, ResultRow
from harmonia.numbers import count
from harmonia.report.html_table import Entry, PageColumn, PageTable, build
from harmonia.report.run_files import RunFiles
from harmonia.report.words import (
    ABSENT,
    asked_by,
    in_form_order,
    in_order,
    in_suite_order,
    percent,
    plain,
    reach,
    seed_of,
)

Row = TypeVar("Row", bound=Place)


def grids(
    by_domain: Mapping[str, Sequence[Row]], caption: str, show: Callable[[Row], Entry]
) -> list[PageTable]:
    """One table a domain: a line a model, a column a suite, readout and form.

    Args:
        by_domain: One row for each model, suite, form and readout.
        caption: What the tables show, to stand after the domain.
        show: What stands in a cell.
    """
    return [_grid(rows, f"{domain}: {caption}", show) for domain, rows in by_domain.items()]


def accuracy_tables(run: RunFiles) -> list[PageTable]:
    """One table a domain: share of questions answered right."""
    return grids(run.by_domain(RESULTS), "share of questions answered right", _accuracy)


def _accuracy(row: ResultRow) -> Entry:
    share, macro = percent(row.accuracy), percent(row.accuracy_macro)
    reached = reach(row.accuracy_low, row.accuracy_high)
    return Entry(text=share, small=(reached, *[f"macro {macro}"] * (macro != share), f"n = {count(row.n)}"))


def _grid(here: Sequence[Row], caption: str, show: Callable[[Row], Entry]) -> PageTable:
    found: dict[tuple[object, ...], Row] = {
        (row.group, row.seed, row.suite, row.form, row.readout): row for row in here
    }
    models = dict.fromkeys((row.group, row.seed) for row in in_order(here, "group", "seed"))

    def cell(model: tuple[str, int | None], asked: tuple[str, str, str]) -> Entry | str:
        return show(found[*model, *asked]) if (*model, *asked) in found else ABSENT

    columns = [
        PageColumn[tuple[str, int | None]]("model", "Tuned on", lambda model: plain(model[0]), kind="head"),
        PageColumn[tuple[str, int | None]]("seed", "Seed", lambda model: seed_of(model[1])),
    ]
    for suite in in_suite_order(row.suite for row in here):
        ways = dict.fromkeys((row.readout, row.form) for row in here if row.suite == suite)
        readouts, forms = ([*dict.fromkeys(part)] for part in zip(*ways, strict=True))
        for readout, form in product(readouts, in_form_order(forms)):
            shown, words = partial(cell, asked=(suite, form, readout)), asked_by(form, readout)
            columns.append(PageColumn(f"{suite} {words}", words, shown, above=plain(suite)))
    return build(caption, columns, models, marked=lambda model: model[0] == "base")
