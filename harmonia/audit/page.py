"""`report.html` of an audit: what to know first, then examples of each category with their words marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from harmonia.audit.rows import AuditRow
from harmonia.audit.rule import CATEGORIES, AuditCategory
from harmonia.audit.run import Audit, Audited
from harmonia.audit.summary import CategoryShare, shares_of
from harmonia.numbers import count, counted
from harmonia.probe.stability import wilson
from harmonia.report.html_table import PageColumn, PageTable, build, field, fields
from harmonia.report.parts import Page, PageSection, closing, macro, prose, table
from harmonia.report.words import beginning, listed, percent, reach

_LONGEST = 1200
"""Characters of a text that are shown."""

_ORDER: tuple[AuditCategory, ...] = ("conflicting", "unknown", "uncertain", "known", "form")
_MEANINGS: dict[AuditCategory, str] = {
    "known": "teaches what the model would say",
    "conflicting": "teaches something while the model is sure of something else",
    "unknown": "teaches something of which the model has no answer of its own",
    "form": "states no fact: its words stand in the instruction or are the file's form",
    "uncertain": "is none of these clearly",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of an answer; a confident conflict has the word that the model expects, and how surely."""

    text: str
    expected: str | None = None
    prob: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A row to show; `low` and `high` are the ends of the 95 % interval of its confidence."""

    row: AuditRow
    instruction: str
    pieces: tuple[Piece, ...]
    low: float
    high: float


def audit_page(audit: Audit, found: Audited) -> Page:
    """The page."""
    from harmonia.report.figures import shares_figure

    shares = shares_of(found.counts, found.of)
    sampled = len(found.rows) < found.of
    return Page(
        kind="harmonia audit",
        title=audit.file.path.name,
        finding=_lead(shares, found),
        warnings=found.warnings,
        picture=shares_figure(
            "Rows by category",
            f"Share of the rows{'; bars are 95 % intervals of the whole file' if sampled else ''}.",
            [("rows", one.category, one.share, one.share_low, one.share_high) for one in shares],
        ),
        sections=[
            PageSection(
                anchor="shares",
                title="Shares",
                gist="how many rows are in each category, and what it means",
                parts=[table(_shares(shares, sampled=sampled))],
                opened=True,
            ),
            *_groups(found, audit.settings.draws),
            *closing(found.notes, _about(audit, found), without="Nothing was left out or cut."),
        ],
    )


def pieces_of(row: AuditRow) -> Iterator[Piece]:
    """The answer that decided, cut at its confident conflicts, and around the first where it is too long."""
    spans = zip(
        row.span_turns, row.span_starts, row.span_stops, row.span_expected, row.span_probs, strict=True
    )
    found = sorted(span for span in spans if span[0] == row.turn)
    at = max(0, found[0][1] - _LONGEST // 2) if found and found[0][2] > _LONGEST else 0
    end = at + _LONGEST
    if at:
        yield Piece(text="... ")
    for _, start, stop, expected, prob in found:
        if stop > end:
            break
        yield Piece(text=row.answer[at:start])
        yield Piece(text=row.answer[start:stop], expected=expected, prob=prob)
        at = stop
    yield Piece(text=beginning(row.answer, end)[at:])


def _shares(shares: Sequence[CategoryShare], *, sampled: bool) -> PageTable:
    return build(
        "Rows by category",
        (
            field(CategoryShare, "category", "Category", "head"),
            *fields(CategoryShare, rows="Rows"),
            field(CategoryShare, "share", "Share")
            if sampled
            else PageColumn("share", "Share", lambda one: percent(one.share)),
            PageColumn("meaning", "The row ...", lambda one: _MEANINGS[one.category], kind="prose"),
        ),
        shares,
    )


def _lead(shares: Sequence[CategoryShare], found: Audited) -> list[str]:
    share = {one.category: one for one in shares}
    conflicting = share["conflicting"]
    some = len(found.rows) < found.of
    rows = f"{count(len(found.rows))} of {counted(found.of, 'row')}" if some else "All rows"
    rows += f" (bad ones left out: {count(len(found.bad))})" if found.bad else ""
    parts = listed(f"{percent(share[name].share)} {name}" for name in CATEGORIES if name != "conflicting")
    return [
        f"{counted(conflicting.rows, 'row')} ({_percent(conflicting)}) "
        f"{'fights' if conflicting.rows == 1 else 'fight'} what the model believes.",
        f"{rows} were audited: {parts}.",
    ]


def _percent(one: CategoryShare) -> str:
    # Where all rows were audited, nothing is left to sample.
    interval = f"; 95 %: {reach(one.share_low, one.share_high)}" if one.share_low < one.share_high else ""
    return f"{percent(one.share)}{interval}"


def _groups(found: Audited, draws: int) -> Iterator[PageSection]:
    for name in _ORDER:
        if shown := found.examples.get(name):
            rows = found.counts[name]
            more = f"; {len(shown)} of them" if len(shown) < rows else ""
            yield PageSection(
                anchor=name,
                title=f"{name.capitalize()}: {counted(rows, 'row')}",
                gist=_MEANINGS[name],
                parts=[
                    prose(
                        f"The largest conflict first{more}. Conflict: how little the model would say what "
                        "the row teaches, 0 to 1. Confidence: the share of draws that give this category, or "
                        "of multiple choice those that answer alike.",
                        note=True,
                    ),
                    *(macro("audited", _example(row, draws)) for row in shown),
                ],
                opened=name == "conflicting",
            )


def _example(row: AuditRow, draws: int) -> Example:
    low, high = wilson(row.confidence * draws, draws)
    return Example(
        row=row,
        instruction=beginning(row.instruction, _LONGEST),
        pieces=tuple(pieces_of(row)),
        low=low,
        high=high,
    )


def _about(audit: Audit, found: Audited) -> dict[str, Any]:
    return {
        "model": audit.model.identity,
        "file's sha256": audit.file.sha256,
        "bad rows left out": len(found.bad),
        **audit.settings.model_dump(mode="json"),
    }
