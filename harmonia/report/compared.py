"""Tables of what groups differ in: accuracy, with intervals, and confounds."""

from __future__ import annotations

from harmonia.analysis import Difference
from harmonia.analysis.run_answers import CHAT
from harmonia.groups.confounds import ConfoundsRow
from harmonia.report.html_table import Column, Entry, Table, build
from harmonia.report.run_files import RunFiles
from harmonia.report.words import (
    ABSENT,
    between,
    count,
    counted,
    in_group_order,
    in_suite_order,
    listed,
    percent,
    plain,
    points,
)

__all__ = ["confounds_tables", "differences_table"]


def differences_table(run: RunFiles) -> Table | None:
    """Every planned comparison in chat form, over all domains and, of several, domain by domain."""
    chat = [row for row in run.differences if row.form == CHAT]
    many = len({row.domain for row in chat if row.scope == "domain"}) > 1
    rows = [row for row in chat if row.scope == "all" or (many and row.scope == "domain")]
    if not rows:
        return None
    groups = in_group_order(row.left for row in rows)
    suites = in_suite_order(row.suite for row in rows)
    columns = (
        Column[Difference]("domain", "Domain", lambda row: row.domain, kind="text"),
        Column[Difference](
            "pair", "Difference", lambda row: f"{plain(row.left)} minus {plain(row.right)}", kind="head"
        ),
        Column[Difference]("suite", "Questions", lambda row: plain(row.suite), kind="text"),
        Column[Difference]("difference", "Points", _difference),
        Column[Difference]("over", "Over", _over, kind="text"),
        Column[Difference]("p", "p", lambda row: _p(row.p)),
        Column[Difference]("p_holm", "p, Holm", lambda row: _p(row.p_holm)),
    )
    return build(
        "Differences in accuracy in chat form, percentage points",
        columns,
        sorted(
            rows,
            key=lambda row: (row.scope, row.domain, groups.index(row.left), suites.index(row.suite)),
        ),
        marked=lambda row: row.scope == "all",
        section=lambda row: row.domain,
    )


def _difference(row: Difference) -> Entry:
    return Entry(text=points(100 * row.difference), small=(between(row.low, row.high),))


def _over(row: Difference) -> str:
    return listed([counted(row.items, "question"), counted(row.seeds, "seed")])


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def confounds_tables(run: RunFiles) -> list[Table]:
    """One table a domain: what else differs between the training sets."""
    columns = (
        Column[ConfoundsRow]("group", "Group", lambda row: plain(row.group), kind="head"),
        Column[ConfoundsRow]("rows", "Rows", lambda row: count(row.rows)),
        Column[ConfoundsRow]("letters", "Target letters, %", lambda row: _letters(run, row), kind="long"),
        Column[ConfoundsRow](
            "tv_harmonious",
            "harmonious",
            lambda row: _shown(row.letters_tv_harmonious),
            above="Letters’ distance from",
        ),
        Column[ConfoundsRow](
            "tv_uniform",
            "equal shares",
            lambda row: _shown(row.letters_tv_uniform),
            above="Letters’ distance from",
        ),
        Column[ConfoundsRow]("confidence", "Base confidence", _confidence),
        Column[ConfoundsRow](
            "question", "question", lambda row: f"{row.question_chars_p50:.0f}", above="Median characters"
        ),
        Column[ConfoundsRow](
            "reply", "reply", lambda row: f"{row.answer_chars_p50:.0f}", above="Median characters"
        ),
        Column[ConfoundsRow]("repeated", "Repeated", lambda row: count(row.repeated)),
        Column[ConfoundsRow]("flagged", "Labels in doubt", _flagged),
    )
    tables = []
    for domain in sorted({row.domain for row in run.confounds}):
        here = {row.group: row for row in run.confounds if row.domain == domain}
        records = [here[group] for group in in_group_order(here)]
        tables.append(build(f"{domain}: what else differs between the training sets", columns, records))
    return tables


def _letters(run: RunFiles, row: ConfoundsRow) -> str:
    found = [one for one in run.target_letters if (one.domain, one.group) == (row.domain, row.group)]
    return "  ".join(f"{one.letter} {100 * one.share:.0f}" for one in found)


def _confidence(row: ConfoundsRow) -> Entry:
    middle = f"{percent(row.confidence_p10)} to {percent(row.confidence_p90)}"
    return Entry(text=percent(row.confidence_p50), small=(middle,))


def _flagged(row: ConfoundsRow) -> str:
    if not row.labels_stated:
        return ABSENT
    return f"{count(row.labels_flagged)} of {count(row.labels_stated)}"


def _shown(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.2f}"
