"""Kept, lost and gained: from what a model believed before to what became of it, as figure and table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TypeAlias

import altair as alt

from harmonia.analysis.consistency import Consistency
from harmonia.analysis.tables import ConsistencyRow
from harmonia.groups.names import BASE
from harmonia.numbers import count
from harmonia.probe.level import LEVELS
from harmonia.report import theme
from harmonia.report.chart_parts import SHARES, Chart, by_row, ordinal, told
from harmonia.report.consistency import into_chat
from harmonia.report.figures import Panel, figure
from harmonia.report.html_table import PageColumn, PageTable, build
from harmonia.report.parts import Part
from harmonia.report.run_files import RunFiles
from harmonia.report.words import listed, plain, together

OUTCOMES = {"kept": "kept", "gained": "gained", "lost": "lost", "never": "never right"}
_FEWEST = 0.07
"""Share of a bar from which a count has room in it."""

Counts: TypeAlias = dict[str, Counter[str]]
"""Questions by whose they are, such as a training set, and by outcome, or level and outcome: `known_lost`."""


def counts_of(rows: Iterable[tuple[str, Consistency]]) -> Counts:
    """Questions of all comparisons of a name together."""
    found: Counts = {}
    for name, row in rows:
        names = [*OUTCOMES, *(f"{level}_{one}" for level in LEVELS for one in OUTCOMES)]
        found.setdefault(name, Counter()).update({one: getattr(row, one) for one in names})
    return found


def outcomes_figure(panels: Mapping[str, Counts], of: str) -> Part | None:
    """From what the model before believed to what became of it; `of` says which questions these are."""
    return figure(
        "outcomes",
        "What was kept, lost and gained, by what the model before believed",
        f"{of} Known: right and confident before; conflicting: wrong and confident; uncertain: all else. A "
        "number is a count of questions; kept and gained together are right after, kept and lost were right "
        "before.",
        (Panel(name=name, words=_said(counts), chart=_chart(counts)) for name, counts in panels.items()),
    )


def run_outcomes(run: RunFiles) -> Part | None:
    """The figure of a run: what became of the base model's beliefs after each training set."""
    tuned = {domain: [row for row in rows if row.group != BASE] for domain, rows in into_chat(run).items()}
    panels = {domain: counts_of((plain(row.group), row) for row in rows) for domain, rows in tuned.items()}
    return outcomes_figure(
        panels, "Questions of all suites and seeds together, asked of the base model in the probe’s form."
    )


def outcomes_tables(run: RunFiles) -> list[PageTable]:
    """One table a domain: questions kept, lost, gained and never right, all seeds together."""
    tables = []
    for domain, rows in into_chat(run).items():
        columns = [
            PageColumn[_Rows]("group", "Tuned on", lambda same: plain(same[0].group), kind="head"),
            PageColumn[_Rows]("suite", "Questions", lambda same: plain(same[0].suite), kind="text"),
        ]
        for level in ("", *LEVELS):
            for one, words in OUTCOMES.items():
                name = f"{level}_{one}" if level else one
                columns.append(PageColumn(name, words, partial(_total, name=name), level or "all questions"))
        forms = listed(dict.fromkeys(f"{row.before_form} to {row.after_form}" for row in rows))
        caption = f"{domain}: what became of the questions, from {forms}"
        lines = together(rows, "suite", "group")
        tables.append(build(caption, columns, lines, section=lambda same: same[0].suite))
    return tables


_Rows: TypeAlias = list[ConsistencyRow]


def _total(same: _Rows, name: str) -> str:
    return count(sum(getattr(row, name) for row in same))


def _said(counts: Counts) -> str:
    parts = []
    for name, of in counts.items():
        for level in LEVELS:
            there = {words: of[f"{level}_{one}"] for one, words in OUTCOMES.items() if of[f"{level}_{one}"]}
            said = listed(f"{number} {words}" for words, number in there.items()) if there else "none"
            parts.append(f"{name}, {level}: {said}")
    return "; ".join(parts)


def _chart(counts: Counts) -> Chart:
    """Bars of a whole by level: how many of its questions went where."""
    values = []
    for rank, level in enumerate(LEVELS):
        for name, of in counts.items():
            n = sum(of[f"{level}_{one}"] for one in OUTCOMES)
            for order, (one, words) in enumerate(OUTCOMES.items() if n else ()):
                questions = of[f"{level}_{one}"]
                shown = str(questions) if questions >= _FEWEST * n else ""
                value = {"name": name, "level": level, "place": rank, "outcome": words, "order": order}
                values.append(
                    value | {"questions": questions, "share": questions / n, "of": n, "shown": shown}
                )
    outcomes = list(OUTCOMES.values())
    legend = alt.Legend(title=None, columns=4, symbolType="square", symbolStrokeWidth=0)
    x = partial(alt.X, "share:Q", title="share of the questions", axis=SHARES, stack="zero")
    place = alt.Chart().encode(
        y=alt.Y("name:N", title=None, sort=list(counts)),
        order="order:Q",
        tooltip=told("name", "level", "outcome", "questions", "of", share="%"),
    )
    bars = place.mark_bar(height={"band": 0.8}, stroke=theme.PAPER, strokeWidth=0.6).encode(
        x=x(),
        color=alt.Color("outcome:N", scale=ordinal(outcomes, theme.OUTCOME_COLOURS), legend=legend),
    )
    blank = alt.FieldEqualPredicate(field="outcome", equal="never right")
    numbers = place.mark_text(fontSize=10).encode(
        x=x(bandPosition=0.5),
        text="shown:N",
        color=alt.condition(blank, alt.value(theme.INK), alt.value(theme.ON_SHADE)),
    )
    return by_row(alt.layer(bars, numbers), "level", values, 19 * len(counts))
