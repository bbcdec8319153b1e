"""The tables of consistency: how far the answers moved, and what became of the questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harmonia.report.grid import seed_of
from harmonia.report.records import Cell, RunFiles
from harmonia.report.table import Column, Entry, Table, build
from harmonia.report.words import (
    ABSENT,
    count,
    decimal,
    in_form_order,
    in_group_order,
    in_suite_order,
    percent,
    plain,
)

__all__ = ["CATEGORIES", "consistency_tables", "outcomes_tables"]

CATEGORIES = ("known", "conflicting", "uncertain")
_OUTCOMES = ("kept", "lost", "gained", "never")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seeds:
    """The same comparison under all seeds."""

    cells: tuple[Cell, ...]

    @property
    def any(self) -> Cell:
        """What the seeds have in common stands in each."""
        return self.cells[0]

    def total(self, field: str) -> int | None:
        """Sum of a count over the seeds; None where one of them lacks it."""
        values = [getattr(cell, field) for cell in self.cells]
        return None if None in values else sum(values)


_MOVED = (
    Column[Cell]("group", "Tuned on", lambda row: plain(row.group), kind="head"),
    Column[Cell]("seed", "Seed", lambda row: seed_of(row.seed)),
    Column[Cell]("suite", "Questions", lambda row: plain(row.suite), kind="text"),
    Column[Cell]("cell", "Before → after", lambda row: _forms(row), kind="text"),
    Column[Cell]("n", "n", lambda row: count(row.n)),
    Column[Cell]("before", "Before", lambda row: percent(row.accuracy_before), above="right"),
    Column[Cell]("after", "After", lambda row: percent(row.accuracy_after), above="right"),
    Column[Cell](
        "ranks",
        "Ranks",
        lambda row: _within(row.rank_agreement, row.rank_agreement_low, row.rank_agreement_high),
        above="agreement",
    ),
    Column[Cell]("spearman", "Spearman", lambda row: _decimal(row.spearman), above="agreement"),
    Column[Cell]("kendall", "Kendall", lambda row: _decimal(row.kendall), above="agreement"),
    Column[Cell]("kl", "KL", lambda row: decimal(row.kl), above="nats"),
    Column[Cell]("kl_reverse", "KL reversed", lambda row: decimal(row.kl_reverse), above="nats"),
    Column[Cell]("js", "JS", lambda row: decimal(row.js), above="nats"),
    Column[Cell]("entropy", "Entropy change", lambda row: _entropy(row), above="nats"),
)


def _forms(row: Cell) -> str:
    before = row.before_form if row.before_model == "base" else f"itself {row.before_form}"
    return f"{before} → {row.after_form}" + (" ● paper" if row.is_paper else "")


def _decimal(value: float | None) -> str:
    return ABSENT if value is None else decimal(value)


def _within(value: float | None, low: float | None, high: float | None) -> Entry | str:
    if value is None or low is None or high is None:
        return _decimal(value)
    return Entry(text=decimal(value), small=(f"{decimal(low)} to {decimal(high)}",))


def _entropy(row: Cell) -> Entry | str:
    change = _within(row.entropy_change, row.entropy_change_low, row.entropy_change_high)
    if isinstance(change, str):
        return change
    both = f"{_decimal(row.entropy_before)} → {_decimal(row.entropy_after)}"
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
        Column[_Seeds]("group", "Tuned on", lambda row: plain(row.any.group), kind="head"),
        Column[_Seeds]("suite", "Questions", lambda row: plain(row.any.suite), kind="text"),
        Column[_Seeds](
            "cell", "Before → after", lambda row: _forms(row.any).removesuffix(" paper"), kind="text"
        ),
    ]
    for category in ("", *CATEGORIES):
        for outcome in _OUTCOMES:
            name = f"{category}_{outcome}" if category else outcome
            above = category or "all questions"
            columns.append(Column(name, outcome.capitalize(), _total(name), above=above))
    return [
        build(
            f"{domain}: what became of the questions",
            columns,
            _together(cells),
            marked=lambda row: row.any.is_paper,
            section=lambda row: row.any.suite,
        )
        for domain, cells in _by_domain(run)
    ]


def _total(name: str) -> Callable[[_Seeds], str]:
    return lambda row: count(row.total(name))


def _together(cells: Sequence[Cell]) -> list[_Seeds]:
    found: dict[tuple[str, ...], list[Cell]] = {}
    for cell in cells:
        key = (cell.suite, cell.group, cell.before_model, cell.before_form, cell.after_form)
        found.setdefault(key, []).append(cell)
    return [_Seeds(cells=tuple(same)) for same in found.values()]


def _by_domain(run: RunFiles) -> list[tuple[str, list[Cell]]]:
    groups = in_group_order(row.group for row in run.consistency)
    suites = in_suite_order(row.suite for row in run.consistency)
    forms = in_form_order(form for row in run.consistency for form in (row.before_form, row.after_form))

    def place(row: Cell) -> tuple[int, ...]:
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
