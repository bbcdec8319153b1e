"""The tables of consistency: how far the answers moved, and what became of the questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from harmonia.analysis.tables import ConsistencyRow
from harmonia.probe.level import LEVELS
from harmonia.report.grid import seed_of
from harmonia.report.html_table import Column, Entry, Table, build
from harmonia.report.run_files import RunFiles
from harmonia.report.words import (
    count,
    decimal,
    in_form_order,
    in_group_order,
    in_suite_order,
    percent,
    plain,
)

__all__ = ["consistency_tables", "outcomes_tables"]

_OUTCOMES = ("kept", "lost", "gained", "never")


_Seeds: TypeAlias = list[ConsistencyRow]
"""The same comparison under all seeds; what they have in common stands in the first."""


_MOVED = (
    Column[ConsistencyRow]("group", "Tuned on", lambda row: plain(row.group), kind="head"),
    Column[ConsistencyRow]("seed", "Seed", lambda row: seed_of(row.seed)),
    Column[ConsistencyRow]("suite", "Questions", lambda row: plain(row.suite), kind="text"),
    Column[ConsistencyRow]("cell", "Before → after", lambda row: _forms(row), kind="text"),
    Column[ConsistencyRow]("n", "n", lambda row: count(row.n)),
    Column[ConsistencyRow]("before", "Before", lambda row: percent(row.accuracy_before), above="right"),
    Column[ConsistencyRow]("after", "After", lambda row: percent(row.accuracy_after), above="right"),
    Column[ConsistencyRow](
        "ranks",
        "Ranks",
        lambda row: _within(row.rank_agreement, row.rank_agreement_low, row.rank_agreement_high),
        above="agreement",
    ),
    Column[ConsistencyRow]("spearman", "Spearman", lambda row: decimal(row.spearman), above="agreement"),
    Column[ConsistencyRow]("kendall", "Kendall", lambda row: decimal(row.kendall), above="agreement"),
    Column[ConsistencyRow]("kl", "KL", lambda row: decimal(row.kl), above="nats"),
    Column[ConsistencyRow]("kl_reverse", "KL reversed", lambda row: decimal(row.kl_reverse), above="nats"),
    Column[ConsistencyRow]("js", "JS", lambda row: decimal(row.js), above="nats"),
    Column[ConsistencyRow]("entropy", "Entropy change", lambda row: _entropy(row), above="nats"),
)


def _forms(row: ConsistencyRow) -> str:
    before = row.before_form if row.before_model == "base" else f"itself {row.before_form}"
    return f"{before} → {row.after_form}" + (" ● paper" if row.is_paper else "")


def _within(value: float, low: float, high: float) -> Entry:
    return Entry(text=decimal(value), small=(f"{decimal(low)} to {decimal(high)}",))


def _entropy(row: ConsistencyRow) -> Entry:
    change = _within(row.entropy_change, row.entropy_change_low, row.entropy_change_high)
    both = f"{decimal(row.entropy_before)} → {decimal(row.entropy_after)}"
    return Entry(text=change.text, small=(*change.small, both))


def consistency_tables(run: RunFiles) -> list[Table]:
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


def outcomes_tables(run: RunFiles) -> list[Table]:
    """One table a domain: questions kept, lost, gained and never right, all seeds together."""
    columns = [
        Column[_Seeds]("group", "Tuned on", lambda row: plain(row[0].group), kind="head"),
        Column[_Seeds]("suite", "Questions", lambda row: plain(row[0].suite), kind="text"),
        Column[_Seeds](
            "cell", "Before → after", lambda row: _forms(row[0]).removesuffix(" paper"), kind="text"
        ),
    ]
    for category in ("", *LEVELS):
        for outcome in _OUTCOMES:
            name = f"{category}_{outcome}" if category else outcome
            above = category or "all questions"
            columns.append(Column(name, outcome.capitalize(), _total(name), above=above))
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


def _total(name: str) -> Callable[[_Seeds], str]:
    return lambda row: count(sum(getattr(cell, name) for cell in row))


def _together(cells: Sequence[ConsistencyRow]) -> list[_Seeds]:
    found: dict[tuple[str, ...], _Seeds] = {}
    for cell in cells:
        key = (cell.suite, cell.group, cell.before_model, cell.before_form, cell.after_form)
        found.setdefault(key, []).append(cell)
    return list(found.values())


def _by_domain(run: RunFiles) -> list[tuple[str, list[ConsistencyRow]]]:
    groups = in_group_order(row.group for row in run.consistency)
    suites = in_suite_order(row.suite for row in run.consistency)
    forms = in_form_order(form for row in run.consistency for form in (row.before_form, row.after_form))

    def place(row: ConsistencyRow) -> tuple[int, ...]:
        return (
            suites.index(row.suite),
            groups.index(row.group),
            -1 if row.seed is None else row.seed,
            row.before_model != "base",
            forms.index(row.before_form),
            forms.index(row.after_form),
        )

    return [
        (domain, sorted((row for row in run.consistency if row.domain == domain), key=place))
        for domain in sorted({row.domain for row in run.consistency})
    ]
