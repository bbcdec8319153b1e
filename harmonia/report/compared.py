"""Tables of what groups differ in: accuracy, with intervals, and confounds."""

from __future__ import annotations

from harmonia.analysis import Difference
from harmonia.analysis.run_answers import CHAT
from harmonia.analysis.tables import DIFFERENCES
from harmonia.groups.confounds import CONFOUNDS, TARGET_LETTERS, ConfoundsRow
from harmonia.numbers import count, counted
from harmonia.report.html_table import Entry, PageColumn, PageTable, build, field, fields
from harmonia.report.run_files import RunFiles
from harmonia.report.words import ABSENT, asked_by, between, in_order, listed, percent, plain, points, reach


def differences_table(run: RunFiles) -> PageTable:
    """Every planned comparison in chat form, over all domains and, of several, domain by domain."""
    chat = [row for row in run.rows(DIFFERENCES) if row.form == CHAT]
    many = len({row.domain for row in chat if row.scope == "domain"}) > 1
    rows = [row for row in chat if row.scope == "all" or (many and row.scope == "domain")]
    rows.sort(key=lambda row: (not run.by_probe(row), row.readout))
    return build(
        "Differences in accuracy in chat form, percentage points",
        (
            *([field(Difference, "domain", "Domain", "text")] if many else []),
            PageColumn(
                "pair", "Difference", lambda row: f"{plain(row.left)} minus {plain(row.right)}", kind="head"
            ),
            *fields(Difference, suite="Questions"),
            PageColumn("asked", "Asked", lambda row: asked_by(row.form, row.readout), kind="text"),
            PageColumn("difference", "Points", _difference),
            PageColumn("over", "Over", _over, kind="text"),
            *fields(Difference, p="p", p_holm="p, Holm"),
        ),
        in_order(rows, "scope", "domain", "left", "suite"),
        marked=lambda row: many and row.scope == "all",
        section=lambda row: row.domain,
    )


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
        *fields(ConfoundsRow, seed="Seed", rows="Rows"),
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
        build(
            f"{domain}: what else differs between the training sets", columns, in_order(rows, "group", "seed")
        )
        for domain, rows in run.by_domain(CONFOUNDS).items()
    ]


def _confidence(row: ConfoundsRow) -> Entry:
    if row.confidence_p50 is None or row.confidence_p10 is None or row.confidence_p90 is None:
        return Entry(text=ABSENT)
    return Entry(text=percent(row.confidence_p50), small=(reach(row.confidence_p10, row.confidence_p90),))


def _flagged(row: ConfoundsRow) -> str:
    stated = row.labels_stated
    return f"{count(row.labels_flagged)} of {count(stated)}" if stated else ABSENT


def _shown(value: float | None, digits: int = 2) -> str:
    return ABSENT if value is None else f"{value:.{digits}f}"
