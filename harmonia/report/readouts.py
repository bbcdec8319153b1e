"""Tables of what was learned and what was lost: fit to the training rows, and loss by readout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean

from harmonia.analysis.tables import FIT, LETTERS, LOST, PROBE, RESULTS, FitRow, LossRow
from harmonia.groups.names import BASE
from harmonia.report.compared import in_order
from harmonia.report.html_table import Entry, PageColumn, PageTable, build, field, within
from harmonia.report.run_files import RunFiles
from harmonia.report.words import (
    ABSENT,
    asked_by,
    count,
    decimal,
    in_form_order,
    in_group_order,
    in_suite_order,
    percent,
    plain,
)

_LOSSES = {
    "kept": "kept in both",
    "readout_lost": "readout lost",
    "other_lost": "lost in the other only",
    "knowledge_lost": "knowledge lost",
}


def fit_tables(run: RunFiles) -> list[PageTable]:
    """One table a domain: whether each tuned model learned the rows that it was trained on."""
    columns: tuple[PageColumn[FitRow], ...] = (
        field(FitRow, "group", "Tuned on", "head"),
        field(FitRow, "seed", "Seed"),
        field(FitRow, "rows", "Rows"),
        PageColumn("fit", "As trained", partial(within, name="fit")),
        PageColumn("reworded", "Reworded", partial(within, name="reworded")),
        field(FitRow, "chance", "Chance"),
        PageColumn("near", "", lambda row: "near chance" if row.near_chance else "", kind="text"),
    )
    tables = []
    for domain, rows in run.by_domain(FIT).items():
        caption = f"{domain}: share of its own training rows that a model answers as it was trained"
        tables.append(build(caption, columns, in_order(rows), marked=lambda row: bool(row.near_chance)))
    return tables


def loss_tables(run: RunFiles) -> list[PageTable]:
    """One table a domain: what was lost in which readout, all seeds of a group together."""
    columns = [
        PageColumn[Sequence[LossRow]]("group", "Tuned on", lambda rows: plain(rows[0].group), kind="head"),
        PageColumn[Sequence[LossRow]]("suite", "Questions", lambda rows: plain(rows[0].suite), kind="text"),
        PageColumn[Sequence[LossRow]]("asked", "Asked", lambda rows: _ways(run, rows[0]), kind="text"),
        PageColumn[Sequence[LossRow]]("known", "Right before", partial(_lost, name="right_before")),
        *(
            PageColumn[Sequence[LossRow]](name, words.capitalize(), partial(_lost, name=name))
            for name, words in _LOSSES.items()
        ),
    ]
    tables = []
    for domain, rows in run.by_domain(LOST).items():
        groups, suites = in_group_order(row.group for row in rows), in_suite_order(row.suite for row in rows)
        forms = in_form_order(form for row in rows for form in (row.form, row.other_form))
        cells: dict[tuple[int | str, ...], list[LossRow]] = {}
        for row in rows:
            ways = row.readout, forms.index(row.form), forms.index(row.other_form)
            cells.setdefault((suites.index(row.suite), *ways, groups.index(row.group)), []).append(row)
        caption = f"{domain}: what became of what the base model answers right by both methods"
        ordered = [cells[place] for place in sorted(cells)]
        tables.append(
            build(caption, columns, ordered, section=lambda rows: rows[0].suite + _ways(run, rows[0]))
        )
    return tables


def _ways(run: RunFiles, row: LossRow) -> str:
    """How the probe's method was asked, and how the other."""
    return f"{asked_by(row.form, run.manifest.method or 'letter')}; {asked_by(row.other_form, row.readout)}"


def _lost(rows: Sequence[LossRow], name: str) -> Entry | str:
    """A count over all seeds, and its share of what was right before."""
    number, known = (sum(getattr(row, one) for row in rows) for one in (name, "right_before"))
    if name == "right_before":
        return count(number)
    return Entry(text=percent(number / known), small=(count(number),)) if known else ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spread:
    """How one group answers in one form by one method: means over suites and seeds."""

    group: str
    asked: str
    entropy: float
    letters: dict[str, float]


def spread_tables(run: RunFiles) -> list[PageTable]:
    """One table a domain: how sure the answers of each group are, and how they fall on the letters."""
    tables = []
    for domain, rows in run.by_domain(RESULTS).items():
        asked = {row.readout for row in run.rows(LETTERS) if row.domain == domain and row.suite != PROBE}
        rows = [row for row in rows if row.readout in asked]
        groups, forms = in_group_order(row.group for row in rows), in_form_order(row.form for row in rows)
        places = {(row.readout, forms.index(row.form), groups.index(row.group)) for row in rows}
        spreads = [_spread(run, domain, groups[k], forms[f], readout) for readout, f, k in sorted(places)]
        columns = [
            PageColumn[_Spread]("group", "Tuned on", lambda one: plain(one.group), kind="head"),
            PageColumn[_Spread]("asked", "Asked", lambda one: one.asked, kind="text"),
            PageColumn[_Spread]("entropy", "Entropy, nats", lambda one: decimal(one.entropy)),
        ]
        for letter in sorted({letter for one in spreads for letter in one.letters}):
            share = partial(_answered, letter=letter)
            columns.append(PageColumn(f"letter {letter}", letter, share, "Answered, %"))
        caption = f"{domain}: how sure the answers are, and which letters they give"
        tables.append(
            build(
                caption,
                columns,
                spreads,
                marked=lambda one: one.group == BASE,
                section=lambda one: one.asked,
            )
        )
    return tables


def _spread(run: RunFiles, domain: str, group: str, form: str, readout: str) -> _Spread:
    wanted = domain, group, form, readout
    answered: dict[str, float] = {}
    asked = set()
    for row in run.rows(LETTERS):
        if (row.domain, row.group, row.form, row.readout) == wanted and row.suite != PROBE:
            asked.add((row.suite, row.seed))
            answered[row.letter] = answered.get(row.letter, 0.0) + row.answered
    found = run.rows(RESULTS)
    return _Spread(
        group=group,
        asked=asked_by(form, readout),
        entropy=fmean(
            row.entropy for row in found if (row.domain, row.group, row.form, row.readout) == wanted
        ),
        # A suite whose questions have fewer options has no row of a letter, and never answers it.
        letters={letter: total / len(asked) for letter, total in answered.items()},
    )


def _answered(one: _Spread, letter: str) -> str:
    return f"{100 * one.letters[letter]:.1f}" if letter in one.letters else ABSENT
