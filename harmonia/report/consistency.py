"""The tables of consistency: how far the answers moved."""

from __future__ import annotations

from functools import partial
from statistics import fmean
from typing import TypeAlias

from harmonia.analysis.run_answers import CHAT
from harmonia.analysis.tables import CONSISTENCY, ConsistencyRow
from harmonia.groups.names import BASE
from harmonia.report.html_table import Entry, PageColumn, PageTable, build
from harmonia.report.run_files import RunFiles
from harmonia.report.words import ABSENT, decimal, decimals, in_order, method_words, plain, together

_Cells: TypeAlias = list[ConsistencyRow]
"""All comparisons of a group on a suite by one method."""


def _crosses(row: ConsistencyRow) -> bool:
    return row.before_model == BASE and row.before_form.startswith("icl") and row.after_form == CHAT


def _forms(row: ConsistencyRow) -> str:
    before = row.before_form if row.before_model == BASE else f"itself {row.before_form}"
    return f"{before} → {row.after_form}{' ● paper' * _crosses(row)}"


def _moved(cells: _Cells, forms: str, name: str) -> Entry | str:
    """Mean over seeds, and the interval that holds those of all seeds."""
    here = [row for row in cells if _forms(row) == forms]
    if not here:
        return ABSENT
    low = min(getattr(row, f"{name}_low") for row in here)
    high = max(getattr(row, f"{name}_high") for row in here)
    return Entry(text=decimal(fmean(getattr(row, name) for row in here)), small=(decimals(low, high),))


def consistency_tables(run: RunFiles) -> list[PageTable]:
    """One table a domain and method: how far the distributions moved, whatever differs: form or weights."""
    tables = []
    for domain, rows in _by_domain(run):
        for readout in sorted(
            {row.readout for row in rows}, key=lambda one: (one != run.manifest.method, one)
        ):
            here = [row for row in rows if row.readout == readout]
            columns = [
                PageColumn[_Cells]("group", "Tuned on", lambda cells: plain(cells[0].group), kind="head"),
                PageColumn[_Cells]("suite", "Questions", lambda cells: plain(cells[0].suite), kind="text"),
                PageColumn[_Cells]("seeds", "Seeds", lambda cells: str(len({row.seed for row in cells}))),
            ]
            for forms in dict.fromkeys(map(_forms, here)):
                for name, heading in (("rank_agreement", "Ranks"), ("kl", "KL, nats")):
                    shown = partial(_moved, forms=forms, name=name)
                    columns.append(PageColumn(f"{forms} {name}", heading, shown, above=forms))
            caption = f"{domain}: how far the answers moved, {method_words(readout)}"
            tables.append(
                build(
                    caption, columns, together(here, "suite", "group"), section=lambda cells: cells[0].suite
                )
            )
    return tables


def into_chat(run: RunFiles) -> dict[str, list[ConsistencyRow]]:
    """From the base model in a raw form to any model in the chat form, of domains with a tuned one.

    The comparison that the paper reports, by the probe's method, which need not be letters.
    """
    found = {
        domain: [row for row in rows if _crosses(row) and run.by_probe(row)]
        for domain, rows in _by_domain(run)
    }
    return {domain: rows for domain, rows in found.items() if any(row.group != BASE for row in rows)}


def _by_domain(run: RunFiles) -> list[tuple[str, list[ConsistencyRow]]]:
    order = ("suite", "group", "seed", "before_model", "before_form", "after_form")
    return [(domain, in_order(rows, *order)) for domain, rows in run.by_domain(CONSISTENCY).items()]
