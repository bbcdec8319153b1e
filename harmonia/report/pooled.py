"""Several runs on one page: their claim cards and accuracies together, for different base models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from markupsafe import Markup

from harmonia.analysis import ClaimsDocument, Difference, MixedModelRow
from harmonia.analysis.run_answers import CHAT
from harmonia.analysis.tables import FOLDER, MIXED_MODELS
from harmonia.files import write_json, write_text
from harmonia.groups.names import GroupName
from harmonia.outputs import fresh_directory
from harmonia.report import charts
from harmonia.report.cards import cards, policies_table
from harmonia.report.figures import around_zero, save_chart
from harmonia.report.headline import headline
from harmonia.report.html_table import Entry, PageColumn, PageTable, build
from harmonia.report.mixed import mixed_tables
from harmonia.report.rendering import rendered
from harmonia.report.sweep import ratio_curve
from harmonia.report.words import (
    ABSENT,
    between,
    counted,
    in_group_order,
    in_suite_order,
    listed,
    percent,
    plain,
    points,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledRun:
    """One of the runs.

    Attributes:
        name: Its name.
        domains: Its domains.
        link: Where its own report lies, from the page.
    """

    name: str
    domains: tuple[str, ...]
    link: str


def write_pooled_page(
    folder: Path,
    runs: Sequence[PooledRun],
    document: ClaimsDocument,
    differences: Sequence[Difference],
    mixed: Sequence[MixedModelRow],
) -> Path:
    """Write `claims.json`, `report.html`, `figures/` and `tables/` about several runs into a folder.

    Returns:
        Path of the page.
    """
    wanted = "all", CHAT, document.runs[0].method
    rows = [row for row in differences if (row.scope, row.form, row.readout) == wanted]
    with fresh_directory(folder, keep=True) as unfinished:
        text = rendered(
            "pooled.html",
            name=listed(run.name for run in runs),
            headline=headline(document),
            lead=_lead(runs, rows),
            runs=runs,
            groups=_groups_table(rows),
            policies=policies_table(document),
            figure=_figure(unfinished / "figures", rows),
            cards=cards(document),
            rule=document.rule,
            mixed=list(mixed_tables(mixed, document.runs[0].method)),
        )
        write_json(unfinished / "claims.json", asdict(document))
        MIXED_MODELS.write(unfinished / FOLDER, mixed)
        write_text(unfinished / "report.html", text)
    return folder / "report.html"


def _lead(runs: Sequence[PooledRun], rows: Sequence[Difference]) -> str:
    units = max((row.units for row in rows), default=0)
    seeds = max((row.seeds for row in rows), default=0)
    return (
        f"{counted(len(runs), 'base model')}, {counted(units, 'unit')} (a base model in a domain), "
        f"{counted(seeds, 'fine-tuning seed')} in each, compared on the same questions."
    )


def _groups_table(rows: Sequence[Difference]) -> PageTable:
    """Accuracy of each group on each suite, and how far it is from the incompatible one.

    Where nothing was tuned on `incompatible` that is `mixed_0`: the same rows.
    """
    compared = [row for row in rows if GroupName.parse(row.right).share_aligned == 0]
    against = {(row.left, row.suite): row for row in compared}
    zero = compared[0].right if compared else "incompatible"
    reference = {suite: row.accuracy_right for (_, suite), row in against.items()}

    def cell(group: str, suite: str) -> Entry | str:
        if group == zero:
            return percent(reference.get(suite))
        row = against.get((group, suite))
        if row is None:
            return ABSENT
        change = f"{points(100 * row.difference)} ({between(row.low, row.high)})"
        return Entry(text=percent(row.accuracy_left), small=(change,))

    columns = [PageColumn[str]("group", "Tuned on", plain, kind="head")]
    for suite in in_suite_order(row.suite for row in rows):
        columns.append(PageColumn(suite, plain(suite), partial(cell, suite=suite)))
    return build(
        "Share of questions answered right",
        columns,
        in_group_order([zero, *(group for group, _ in against)]),
        marked=lambda name: name == zero,
    )


def _figure(folder: Path, rows: Sequence[Difference]) -> Markup | None:
    """The sweep over the share of self-aligned rows; None where nothing was mixed."""
    swept = ratio_curve(rows)
    if not swept:
        return None
    folder.mkdir()
    words = "Points gained over ratio 0 by the share of self-aligned rows, a panel a suite."
    return save_chart(folder, "sweep", words, charts.ratios(swept, around_zero(swept)))
