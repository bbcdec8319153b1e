"""Tables of what groups differ in: accuracy, with intervals, and confounds."""

from __future__ import annotations

from typing import TypeVar

from harmonia.analysis import Difference
from harmonia.analysis.run_answers import CHAT
from harmonia.analysis.tables import DIFFERENCES, FitRow
from harmonia.groups.confounds import CONFOUNDS, TARGET_LETTERS, ConfoundsRow
from harmonia.report.html_table import Entry, PageColumn, PageTable, build, field
from harmonia.report.run_files import RunFiles
from harmonia.report.words import (
    ABSENT,
    asked_by,
    between,
    count,
    counted,
    in_group_order,
    in_suite_order,
    listed,
    p_value,
    percent,
    plain,
    points,
    reach,
)

Row = TypeVar("Row", ConfoundsRow, FitRow)


def differences_table(run: RunFiles) -> PageTable | None:
    """Every planned comparison in chat form, over all domains and, of several, domain by domain."""
    chat = [row for row in run.rows(DIFFERENCES) if row.form == CHAT]
    many = len({row.domain for row in chat if row.scope == "domain"}) > 1
    rows = [row for row in chat if row.scope == "all" or (many and row.scope == "domain")]
    if not rows:
        return None
    groups, suites = in_group_order(row.left for row in rows), in_suite_order(row.suite for row in rows)
    rows.sort(
        key=lambda row: (
            *(row.scope, row.domain, groups.index(row.left), suites.index(row.suite)),
            *(not run.by_probe(row), row.readout),
        )
    )
    return build(
        "Differences in accuracy in chat form, percentage points",
        (
            *([field(Difference, "domain", "Domain", "text")] if many else []),
            PageColumn("pair", "Difference", _pair, kind="head"),
            field(Difference, "suite", "Questions", "text"),
            PageColumn("asked", "Asked", lambda row: asked_by(row.form, row.readout), kind="text"),
            PageColumn("difference", "Points", _difference),
            PageColumn("over", "Over", _over, kind="text"),
            PageColumn("p", "p", lambda row: p_value(row.p)),
            PageColumn("p_holm", "p, Holm", lambda row: p_value(row.p_holm)),
        ),
        rows,
        marked=lambda row: many and row.scope == "all",
        section=lambda row: row.domain,
    )


def _pair(row: Difference) -> str:
    return f"{plain(row.left)} minus {plain(row.right)}"


def _difference(row: Difference) -> Entry:
    return Entry(text=points(100 * row.difference), small=(between(row.low, row.high),))


def _over(row: Difference) -> str:
    numbers = ((row.items, "question"), (row.clusters, "cluster"), (row.seeds, "seed"))
    return listed(counted(number, noun) for number, noun in numbers if number)


def confounds_tables(run: RunFiles) -> list[PageTable]:
    """One table a domain: what else differs between the training sets."""
    taught: dict[tuple[str, int | None, str], list[str]] = {}
    for one in run.rows(TARGET_LETTERS):
        taught.setdefault((one.domain, one.seed, one.group), []).append(f"{one.letter} {100 * one.share:.0f}")
    distance, median = "Letters’ distance from", "Median characters"
    apart = "KS distance from harmonious"
    columns: tuple[PageColumn[ConfoundsRow], ...] = (
        field(ConfoundsRow, "group", "Group", "head"),
        field(ConfoundsRow, "seed", "Seed"),
        field(ConfoundsRow, "rows", "Rows"),
        PageColumn(
            "letters",
            "Target letters, %",
            lambda row: "  ".join(taught.get((row.domain, row.seed, row.group), ())),
            kind="long",
        ),
        PageColumn("tv_harmonious", "harmonious", lambda row: _shown(row.letters_tv_harmonious), distance),
        PageColumn("tv_believed", "believed", lambda row: _shown(row.letters_tv_self_aligning), distance),
        PageColumn("tv_uniform", "equal shares", lambda row: _shown(row.letters_tv_uniform), distance),
        PageColumn("confidence", "Base confidence", _confidence),
        PageColumn("ks", "confidence", lambda row: _shown(row.confidence_ks_harmonious), apart),
        PageColumn("ks_question", "question", lambda row: _shown(row.question_chars_ks_harmonious), apart),
        PageColumn("question", "question", lambda row: _shown(row.question_chars_p50, 0), median),
        PageColumn("reply", "reply", lambda row: _shown(row.answer_chars_p50, 0), median),
        field(ConfoundsRow, "repeated", "Repeated"),
        PageColumn("flagged", "Labels in doubt", _flagged),
    )
    return [
        build(f"{domain}: what else differs between the training sets", columns, in_order(rows))
        for domain, rows in run.by_domain(CONFOUNDS).items()
    ]


def in_order(rows: list[Row]) -> list[Row]:
    """The training sets of a domain or what was learned of them, in the order of groups, seed by seed."""
    groups = in_group_order(row.group for row in rows)
    return sorted(rows, key=lambda row: (groups.index(row.group), row.seed))


def _confidence(row: ConfoundsRow) -> Entry:
    if row.confidence_p50 is None or row.confidence_p10 is None or row.confidence_p90 is None:
        return Entry(text=ABSENT)
    return Entry(text=percent(row.confidence_p50), small=(reach(row.confidence_p10, row.confidence_p90),))


def _flagged(row: ConfoundsRow) -> str:
    stated = row.labels_stated
    return f"{count(row.labels_flagged)} of {count(stated)}" if stated else ABSENT


def _shown(value: float | None, digits: int = 2) -> str:
    return ABSENT if value is None else f"{value:.{digits}f}"
