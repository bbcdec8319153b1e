"""Several runs on one page: their claim cards and accuracies together, for different base models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

from harmonia.analysis import ClaimsDocument, Difference, MixedModelRow
from harmonia.analysis.run_answers import CHAT
from harmonia.analysis.tables import FOLDER, MIXED_MODELS, ResultRow
from harmonia.files import write_json
from harmonia.groups.names import GroupName
from harmonia.numbers import counted
from harmonia.outputs import fresh_directory
from harmonia.report import figures
from harmonia.report.chance import chance_warnings
from harmonia.report.headline import finding
from harmonia.report.html_table import Entry, PageColumn, PageTable, build
from harmonia.report.missing import failures
from harmonia.report.mixed import mixed_parts
from harmonia.report.parts import Page, PageSection, macro, prose, tables
from harmonia.report.sections import claims_section
from harmonia.report.words import (
    ABSENT,
    between,
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
        results: Its accuracies.
        stages: The status of each of its tasks.
    """

    name: str
    domains: tuple[str, ...]
    link: str
    results: tuple[ResultRow, ...] = ()
    stages: Mapping[str, str] = field(default_factory=dict)


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
    method = document.runs[0].method
    rows = [row for row in differences if (row.scope, row.form, row.readout) == ("all", CHAT, method)]
    results = [[row for row in run.results if row.readout == method] for run in runs]
    page = Page(
        kind="harmonia report on several runs",
        title=listed(run.name for run in runs),
        finding=[*finding(document), _lead(runs, rows)],
        warnings=[
            *(said for run in runs for said in failures(run.stages, len(run.stages), run.name)),
            *chance_warnings(row for of_run in results for row in of_run),
        ],
        picture=figures.finding(results, rows),
        sections=_sections(runs, document, rows, mixed),
    )
    with fresh_directory(folder, keep=True) as unfinished:
        page.write(unfinished)
        write_json(unfinished / "claims.json", asdict(document))
        MIXED_MODELS.write(unfinished / FOLDER, mixed)
    return folder / "report.html"


def _sections(
    runs: Sequence[PooledRun],
    document: ClaimsDocument,
    rows: Sequence[Difference],
    mixed: Sequence[MixedModelRow],
) -> list[PageSection]:
    return [
        claims_section(document),
        PageSection(
            anchor="accuracy",
            title="Accuracy",
            gist="per training set and suite, mean over base models, domains and seeds",
            parts=[
                *tables(
                    [_groups_table(rows)],
                    "Share of questions answered right in the chat form (chat0); under it the "
                    "difference from the incompatible group in percentage points with its 95 % interval "
                    "over questions and seeds.",
                ),
                figures.sweep(rows),
            ],
            opened=True,
        ),
        PageSection(
            anchor="runs",
            title="The runs",
            gist="each has a report of its own, with its settings, letters, groups, losses and limits",
            parts=[macro("links", runs)],
            opened=True,
        ),
        PageSection(
            anchor="mixed",
            title="Two mixed models",
            gist="beside the bootstrap; no verdict rests on them",
            parts=[
                *mixed_parts(mixed, document.runs[0].method),
                prose("All estimates, of each readout, are in tables/mixed_models.csv.", note=True),
            ]
            if mixed
            else [],
            without="Too few models for them.",
        ),
    ]


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
