"""`report.html` of a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harmonia.audit.rule import AuditCategory
from harmonia.compare.lead import lead_of
from harmonia.compare.result import Found
from harmonia.compare.tables import (
    CategoryAfter,
    FactOutcome,
    NearestRows,
    SubsetChange,
    SuiteComparison,
    SuiteLosses,
)
from harmonia.numbers import count
from harmonia.probe.stability import wilson
from harmonia.report.chance import LITTLE, guessed
from harmonia.report.html_table import PageColumn, PageTable, build, field, fields
from harmonia.report.parts import Page, PageSection, Part, closing, macro, prose, tables
from harmonia.report.words import beginning, listed, method_words

_EXAMPLES = 30
_LONGEST = 400


def comparison_page(found: Found, names: tuple[str, str] | None, about: Mapping[str, Any]) -> Page:
    """The page; `names` are what the models are called, `about` says how it was made."""
    from harmonia.report.outcomes import outcomes_figure

    lost = _losses(found)
    more = f" {_EXAMPLES} of {count(len(lost))} are shown." if len(lost) > _EXAMPLES else ""
    return Page(
        kind="harmonia compare",
        title=f"What became of {names[0]} in {names[1]}" if names else "What became of what the model knew",
        finding=lead_of(found, suites=False),
        picture=_picture(found),
        warnings=_warnings(found.compared),
        sections=[
            PageSection(
                anchor="outcomes",
                title="Kept, lost, gained",
                gist="what became of what the model before believed",
                parts=[outcomes_figure(_outcomes(found.compared), "A bar holds the questions asked.")],
                without="No questions with options were asked.",
                opened=True,
            ),
            PageSection(
                anchor="tables",
                title="Tables",
                gist="how much changed, and what was kept, lost and gained",
                parts=tables(_tables(found)),
                opened=True,
            ),
            PageSection(
                anchor="lost",
                title="Known facts that are lost",
                gist="those first whose answer the model after finds least probable",
                parts=[
                    prose(
                        "Each was chosen because the model before was right: some would be missed by a "
                        f"second asking, too.{more}",
                        note=True,
                    ),
                    *(macro("lost", *one) for one in lost[:_EXAMPLES]),
                ]
                if lost
                else [],
                without="None.",
            ),
            *closing(found.notes, about, without="Nothing else is to be told of the asking."),
        ],
    )


def _picture(found: Found) -> Part | None:
    """Questions answered right; where none were asked, rows whose answer the models say."""
    from harmonia.report.figures import shares_figure

    if found.compared:
        asked = [
            (series, _asked(row), share, *wilson(share * row.n, row.n))
            for row in found.compared
            for series, share in (("before", row.accuracy_before), ("after", row.accuracy_after))
        ]
        what, over = "Share of questions answered right", "questions"
    else:
        asked = [
            (when, row.category, *(getattr(row, f"says_{when}{end}") for end in ("", "_low", "_high")))
            for row in found.rows
            for when in ("before", "after")
        ]
        what, over = "Share of rows whose answer the model says, by what the audit called them", "rows"
    return shares_figure(f"{what}, before and after", f"Bars are 95 % intervals over {over}.", asked)


def _warnings(rows: Sequence[SuiteComparison]) -> list[str]:
    """Where the models answer no more than guessing gives, a sentence on all suites alike."""
    found: dict[tuple[tuple[str, ...], str], list[SuiteComparison]] = {}
    for row in rows:
        if at := row.at_chance:
            found.setdefault((tuple(at), method_words(row.readout)), []).append(row)
    said = [
        guessed(
            "Neither model can" if len(at) == 2 else f"The model {at[0]} cannot",
            f"{listed(row.suite for row in alike)}, {how}",
            [getattr(row, f"accuracy_{when}") for row in alike for when in at],
            [row.chance for row in alike],
        )
        for (at, how), alike in found.items()
    ]
    return [*said, LITTLE] if any("before" in at for at, _ in found) else said


def _outcomes(rows: Sequence[SuiteComparison]) -> dict[str, Any]:
    """What became of each suite's questions, by what the model before believed."""
    from harmonia.report.outcomes import counts_of

    return {"": counts_of((_asked(row), row) for row in rows)} if rows else {}


def _tables(found: Found) -> list[PageTable]:
    return [
        *(_compared(found.compared), _changes(found.changes), _lost(found.lost)),
        *(_facts(found.facts), _rows(found.rows), _nearest(found.nearest)),
    ]


def _asked(row: Any) -> str:
    return f"{row.suite}, {method_words(row.readout)}"


def _compared(rows: Sequence[SuiteComparison]) -> PageTable:
    return build(
        "How much changed; small print has 95 % intervals",
        (
            PageColumn("suite", "Asked", _asked, kind="head"),
            *fields(SuiteComparison, n="Questions"),
            *fields(
                SuiteComparison,
                above="Right",
                **{"accuracy_before": "before", "accuracy_after": "after", "accuracy_change": "points"},
                p="McNemar p",
            ),
            *fields(SuiteComparison, rank_agreement="Rank agreement", kl="KL, nats"),
        ),
        rows,
    )


def _changes(rows: Sequence[SubsetChange]) -> PageTable:
    return build(
        "What became of the questions, by what the model before believes and by domain",
        (
            PageColumn("asked", "Asked", _asked, kind="text"),
            PageColumn("name", "Part", lambda row: row.name or "no domain", kind="head"),
            *fields(SubsetChange, n="Questions", kept="Kept", lost="Lost", gained="Gained"),
            *fields(SubsetChange, never="Never right", change="Points"),
            *fields(SubsetChange, lost_share="Lost of those right", p_holm="p, Holm"),
        ),
        rows,
        marked=lambda row: row.by == "all",
        section=lambda row: f"{_asked(row)}/{row.by}",
    )


def _lost(rows: Sequence[SuiteLosses]) -> PageTable:
    return build(
        "Readout lost or knowledge lost: questions that the model before has right by both methods",
        (
            PageColumn(
                "suite", "Asked", lambda row: f"{_asked(row)} and {method_words(row.other)}", kind="head"
            ),
            *fields(SuiteLosses, right_before="Right before", kept="Kept", readout_lost="Readout lost"),
            *fields(SuiteLosses, other_lost="Other readout lost", knowledge_lost="Knowledge lost"),
        ),
        rows,
    )


def _facts(rows: Sequence[FactOutcome]) -> PageTable:
    before = list(dict.fromkeys(row.before for row in rows))
    after = list(dict.fromkeys(row.after for row in rows))

    def column(name: str) -> PageColumn[AuditCategory]:
        def cell(was: AuditCategory) -> str:
            return str(sum(row.before == was and row.after == name for row in rows))

        return PageColumn(name, name, cell, above="after")

    return build(
        "Facts in words: verdict of the model before, and of the model after",
        (PageColumn("before", "before", lambda was: was, kind="head"), *map(column, after)),
        before,
    )


def _rows(rows: Sequence[CategoryAfter]) -> PageTable:
    return build(
        "Rows of the fine-tuning file, by what the audit called them: whose answer does a model know?",
        (
            field(CategoryAfter, "category", "Called", "head"),
            *fields(CategoryAfter, rows="Rows asked", says_before="Before", says_after="After"),
            *fields(CategoryAfter, conflicting_after="Sure of something else after"),
            *fields(CategoryAfter, other_after="All else after"),
        ),
        rows,
    )


def _nearest(rows: Sequence[NearestRows]) -> PageTable:
    return build(
        "Known facts, by the category of the row whose words are nearest",
        (
            field(NearestRows, "category", "Nearest row", "head"),
            *fields(NearestRows, known="Known before", lost="Lost", lost_share="Share"),
        ),
        rows,
    )


def _losses(found: Found) -> list[tuple[str, str, str]]:
    """Known facts that are lost, those in words first: what was asked, and what each model says."""
    lead = found.compared[0].readout if found.compared else None
    facts = [
        (f"{one.question}\n{one.answer}", one.reason_before, f"{one.after}: {one.reason_after}")
        for one in sorted(found.facts, key=lambda one: one.prob_after)
        if one.outcome == "lost"
    ]
    questions = [
        (
            one.question,
            f"right, with a probability of {one.confidence_before:.2f}",
            f"wrong, with {one.confidence_after:.2f}; the right answer has {one.answer_after:.2f}",
        )
        for one in sorted(found.outcomes, key=lambda one: one.answer_after)
        if one.level == "known" and one.outcome == "lost" and one.readout == lead
    ]
    return [(beginning(question, _LONGEST), was, now) for question, was, now in (*facts, *questions)]
