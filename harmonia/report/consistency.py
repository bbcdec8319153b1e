"""The tables of consistency: how far the answers moved, and what became of the questions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from statistics import fmean
from typing import TypeAlias

from harmonia.analysis.outcomes import OUTCOMES
from harmonia.analysis.tables import CONSISTENCY, ConsistencyRow
from harmonia.groups.names import BASE
from harmonia.probe.level import LEVELS
from harmonia.report.html_table import Entry, PageColumn, PageTable, build
from harmonia.report.run_files import RunFiles
from harmonia.report.words import (
    ABSENT,
    asked_by,
    count,
    decimal,
    in_form_order,
    in_group_order,
    in_suite_order,
    plain,
)

_Seeds: TypeAlias = list[ConsistencyRow]
"""The same comparison under all seeds; what they have in common stands in the first."""


_Cells: TypeAlias = list[ConsistencyRow]
"""All comparisons of a group on a suite by one method."""


def _forms(row: ConsistencyRow) -> str:
    before = row.before_form if row.before_model == BASE else f"itself {row.before_form}"
    return asked_by(f"{before} → {row.after_form}", row.readout) + (" ● paper" if row.is_paper_forms else "")


def _moved(cells: _Cells, forms: str, name: str) -> Entry | str:
    """Mean over seeds, and the interval that holds those of all seeds."""
    here = [row for row in cells if _forms(row) == forms]
    if not here:
        return ABSENT
    low = min(getattr(row, f"{name}_low") for row in here)
    high = max(getattr(row, f"{name}_high") for row in here)
    return Entry(
        text=decimal(fmean(getattr(row, name) for row in here)), small=(f"{decimal(low)} to {decimal(high)}",)
    )


def consistency_tables(run: RunFiles) -> list[PageTable]:
    """One table a domain: how far the distributions moved, whatever differs: form, weights or both."""
    tables = []
    for domain, rows in _by_domain(run):
        together: dict[tuple[str, ...], _Cells] = {}
        for row in rows:
            together.setdefault((row.suite, row.group, row.readout), []).append(row)
        columns = [
            PageColumn[_Cells]("group", "Tuned on", lambda cells: plain(cells[0].group), kind="head"),
            PageColumn[_Cells]("suite", "Questions", lambda cells: plain(cells[0].suite), kind="text"),
            PageColumn[_Cells]("seeds", "Seeds", lambda cells: str(len({row.seed for row in cells}))),
        ]
        for forms in dict.fromkeys(map(_forms, rows)):
            for name, heading in (("rank_agreement", "Ranks"), ("kl", "KL, nats")):
                shown = partial(_moved, forms=forms, name=name)
                columns.append(PageColumn(f"{forms} {name}", heading, shown, above=forms))
        caption = f"{domain}: how far the answers moved"
        tables.append(build(caption, columns, together.values(), section=lambda cells: cells[0].suite))
    return tables


def outcomes_tables(run: RunFiles) -> list[PageTable]:
    """One table a domain: questions kept, lost, gained and never right, all seeds together."""
    columns = [
        PageColumn[_Seeds]("group", "Tuned on", lambda row: plain(row[0].group), kind="head"),
        PageColumn[_Seeds]("suite", "Questions", lambda row: plain(row[0].suite), kind="text"),
        PageColumn[_Seeds]("cell", "Before → after", lambda row: _forms(row[0]), kind="text"),
    ]
    for category in ("", *LEVELS):
        for outcome in OUTCOMES.values():
            name = f"{category}_{outcome}" if category else outcome
            total = partial(_total, name=name)
            columns.append(PageColumn(name, outcome.capitalize(), total, category or "all questions"))
    return [
        build(
            f"{domain}: what became of the questions",
            columns,
            _together(cells),
            marked=lambda row: row[0].is_paper,
            section=lambda row: row[0].suite,
        )
        for domain, cells in _by_domain(run)
    ]


def _total(row: _Seeds, name: str) -> str:
    return count(sum(getattr(cell, name) for cell in row))


def _together(cells: Sequence[ConsistencyRow]) -> list[_Seeds]:
    found: dict[tuple[str, ...], _Seeds] = {}
    for cell in cells:
        key = (cell.suite, cell.group, cell.before_model, cell.readout, cell.before_form, cell.after_form)
        found.setdefault(key, []).append(cell)
    return list(found.values())


def _by_domain(run: RunFiles) -> list[tuple[str, list[ConsistencyRow]]]:
    rows = run.rows(CONSISTENCY)
    groups, suites = in_group_order(row.group for row in rows), in_suite_order(row.suite for row in rows)
    forms = in_form_order(form for row in rows for form in (row.before_form, row.after_form))

    def place(row: ConsistencyRow) -> tuple[int | str, ...]:
        seed = -1 if row.seed is None else row.seed
        asked = forms.index(row.before_form), forms.index(row.after_form)
        readout = not run.by_probe(row), row.readout
        who = groups.index(row.group), seed, row.before_model != "base"
        return suites.index(row.suite), *who, *readout, *asked

    return [(domain, sorted(cells, key=place)) for domain, cells in run.by_domain(CONSISTENCY).items()]
