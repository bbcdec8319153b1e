"""The tables of consistency: how far the answers moved, and what became of the questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

from harmonia.analysis.outcomes import OUTCOMES
from harmonia.analysis.tables import CONSISTENCY, ConsistencyRow
from harmonia.probe.level import LEVELS
from harmonia.report.html_table import Entry, PageColumn, PageTable, build, field
from harmonia.report.run_files import RunFiles
from harmonia.report.words import (
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


def _forms(row: ConsistencyRow) -> str:
    before = row.before_form if row.before_model == "base" else f"itself {row.before_form}"
    return asked_by(f"{before} → {row.after_form}", row.readout) + (" ● paper" if row.is_paper else "")


def _within(value: float, low: float, high: float) -> Entry:
    return Entry(text=decimal(value), small=(f"{decimal(low)} to {decimal(high)}",))


def _ranks(row: ConsistencyRow) -> Entry:
    return _within(row.rank_agreement, row.rank_agreement_low, row.rank_agreement_high)


def _entropy(row: ConsistencyRow) -> Entry:
    change = _within(row.entropy_change, row.entropy_change_low, row.entropy_change_high)
    both = f"{decimal(row.entropy_before)} → {decimal(row.entropy_after)}"
    return Entry(text=change.text, small=(*change.small, both))


_field: Callable[..., PageColumn[ConsistencyRow]] = partial(field, ConsistencyRow)
_MOVED: tuple[PageColumn[ConsistencyRow], ...] = (
    _field("group", "Tuned on", "head"),
    _field("seed", "Seed"),
    _field("suite", "Questions", "text"),
    PageColumn("cell", "Before → after", _forms, kind="text"),
    _field("n", "n"),
    _field("accuracy_before", "Before", above="right", html="before"),
    _field("accuracy_after", "After", above="right", html="after"),
    PageColumn("ranks", "Ranks", _ranks, above="agreement"),
    _field("spearman", "Spearman", above="agreement"),
    _field("kendall", "Kendall", above="agreement"),
    _field("kl", "KL", above="nats"),
    _field("kl_reverse", "KL reversed", above="nats"),
    _field("js", "JS", above="nats"),
    PageColumn("entropy", "Entropy change", _entropy, above="nats"),
)


def consistency_tables(run: RunFiles) -> list[PageTable]:
    """One table a domain: how far the distributions moved in every cell, the paper's marked."""
    return [
        build(
            f"{domain}: how far the answers moved",
            _MOVED,
            cells,
            marked=lambda row: row.is_paper,
            section=lambda row: row.suite,
        )
        for domain, cells in _by_domain(run)
    ]


def outcomes_tables(run: RunFiles) -> list[PageTable]:
    """One table a domain: questions kept, lost, gained and never right, all seeds together."""
    columns = [
        PageColumn[_Seeds]("group", "Tuned on", lambda row: plain(row[0].group), kind="head"),
        PageColumn[_Seeds]("suite", "Questions", lambda row: plain(row[0].suite), kind="text"),
        PageColumn[_Seeds](
            "cell", "Before → after", lambda row: _forms(row[0]).removesuffix(" paper"), kind="text"
        ),
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
