"""Tables of what was learned and what was lost: fit to the training rows, and loss by readout."""

from __future__ import annotations

from functools import partial

from harmonia.analysis.tables import FIT, FitRow
from harmonia.report.html_table import Entry, PageColumn, PageTable, build, field
from harmonia.report.run_files import RunFiles
from harmonia.report.words import ABSENT, in_group_order, percent


def fit_tables(run: RunFiles) -> list[PageTable]:
    """One table a domain: whether each tuned model learned the rows that it was trained on."""
    columns: tuple[PageColumn[FitRow], ...] = (
        field(FitRow, "group", "Tuned on", "head"),
        field(FitRow, "seed", "Seed"),
        field(FitRow, "rows", "Rows"),
        PageColumn("fit", "As trained", partial(_within, name="fit")),
        PageColumn("reworded", "Reworded", partial(_within, name="reworded")),
        field(FitRow, "chance", "Chance"),
        PageColumn("near", "", lambda row: "near chance" if row.near_chance else "", kind="text"),
    )
    tables = []
    for domain, rows in run.by_domain(FIT).items():
        groups = in_group_order(row.group for row in rows)
        ordered = sorted(rows, key=lambda row: (groups.index(row.group), row.seed))
        caption = f"{domain}: share of its own training rows that a model answers as it was trained"
        tables.append(build(caption, columns, ordered, marked=lambda row: bool(row.near_chance)))
    return tables


def _within(row: FitRow, name: str) -> Entry | str:
    """A share with its interval in percent."""
    share, low, high = (getattr(row, f"{name}{end}") for end in ("", "_low", "_high"))
    if share is None:
        return ABSENT
    return Entry(text=percent(share), small=(f"{100 * low:.1f} to {100 * high:.1f}",))
