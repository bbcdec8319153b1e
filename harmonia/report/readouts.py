"""Tables of what was learned and what was lost: fit to the training rows, and loss by readout."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from operator import attrgetter
from statistics import fmean
from typing import TypeAlias

from harmonia.analysis.tables import FIT, LETTERS, LOST, PROBE, RESULTS, FitRow, LetterRow, LossRow, ResultRow
from harmonia.groups.names import BASE
from harmonia.numbers import count
from harmonia.report.html_table import Entry, PageColumn, PageTable, build, field, fields
from harmonia.report.run_files import RunFiles
from harmonia.report.trust import LETTER_SHARES
from harmonia.report.words import ABSENT, asked_by, decimal, in_order, percent, plain, together

_ASKED = ("readout", "form", "group")
_place = attrgetter(*_ASKED)
_Same: TypeAlias = Sequence[ResultRow]

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
        *fields(FitRow, seed="Seed", rows="Rows", fit="As trained", reworded="Reworded", chance="Chance"),
        PageColumn("near", "", lambda row: "near chance" if row.near_chance else "", kind="text"),
    )
    caption = "share of its own training rows that a model answers as it was trained"
    return [
        build(
            f"{domain}: {caption}",
            columns,
            in_order(rows, "group", "seed"),
            marked=lambda row: bool(row.near_chance),
        )
        for domain, rows in run.by_domain(FIT).items()
    ]


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
        caption = f"{domain}: what became of what the base model answers right by both methods"
        cells = together(rows, "suite", "readout", "form", "other_form", "group")
        tables.append(
            build(caption, columns, cells, section=lambda rows: rows[0].suite + _ways(run, rows[0]))
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


def spread_tables(run: RunFiles) -> list[PageTable]:
    """One table a domain: how sure the answers of each group are, and how they fall on the letters."""
    found = run.by_domain(LETTERS, lambda row: row.suite != PROBE)
    return [_spread(run, domain, rows) for domain, rows in found.items()]


def _spread(run: RunFiles, domain: str, letters: Sequence[LetterRow]) -> PageTable:
    answered = {_place(same[0]): same for same in together(letters, *_ASKED)}
    readouts = {row.readout for row in letters}
    rows = [row for row in run.rows(RESULTS) if row.domain == domain and row.readout in readouts]

    def share(same: _Same, letter: str, name: str) -> str:
        here = answered.get(_place(same[0]), [])
        found = [getattr(row, name) for row in here if row.letter == letter]
        # A suite whose questions have fewer options has no row of a letter, and never answers it.
        return f"{100 * sum(found) / len({(row.suite, row.seed) for row in here}):.1f}" if found else ABSENT

    columns = [
        PageColumn[_Same]("group", "Tuned on", lambda same: plain(same[0].group), kind="head"),
        PageColumn[_Same]("asked", "Asked", _asked, kind="text"),
        PageColumn[_Same](
            "entropy", "Entropy, nats", lambda same: decimal(fmean(row.entropy for row in same))
        ),
    ]
    for name in ("answered", "prior"):
        for x in sorted({row.letter for row in letters}):
            shown = partial(share, letter=x, name=name)
            columns.append(PageColumn(f"{name} {x}", x, shown, LETTER_SHARES[name]))
    return build(
        f"{domain}: how sure the answers are, and which letters they give",
        columns,
        together(rows, *_ASKED),
        marked=lambda same: same[0].group == BASE,
        section=_asked,
    )


def _asked(same: _Same) -> str:
    return asked_by(same[0].form, same[0].readout)
