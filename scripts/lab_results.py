"""Markdown tables of several runs together, for docs/lab-results.md.

python scripts/lab_results.py RUN_DIR [RUN_DIR ...]
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from harmonia.analysis import Difference
from harmonia.analysis.bootstrap import PairedUnit, paired_bootstrap
from harmonia.analysis.consistency import levels
from harmonia.analysis.diagnosis import CONTROL
from harmonia.analysis.findings import Finding
from harmonia.analysis.run_answers import CHAT, RunAnswers, units_of
from harmonia.groups.names import BASE, GroupName
from harmonia.pipeline.pool import pool
from harmonia.types import SUITES, Method


def main(runs: list[Path]) -> None:
    """Print claims, what is known and where it is lost, groups and the sweep."""
    pooled = pool(runs)
    effect_table([finding for claim in pooled.document.claims for finding in claim.findings])
    known_table([answers for _, answers in pooled.runs])
    wanted = "all", CHAT, pooled.document.runs[0].method
    rows = [row for row in pooled.differences if (row.scope, row.form, row.readout) == wanted]
    against = [row for row in rows if row.right == "incompatible"]
    order = list(dict.fromkeys(row.left for row in against))
    shares = {name: GroupName.parse(name).share_aligned for name in order}
    order.sort(key=lambda name: (shares[name] is not None, shares[name] or 0.0))
    print("\n| tuned on | " + " | ".join(SUITES) + " |\n" + "| --- " * (1 + len(SUITES)) + "|")
    reference = [next(row for row in against if row.suite == suite) for suite in SUITES]
    shown = " | ".join(f"{100 * row.accuracy_right:.1f}" for row in reference)
    print(f"| incompatible (ratio 0) | {shown} |")
    for name in order:
        cells = [next(row for row in against if (row.left, row.suite) == (name, suite)) for suite in SUITES]
        print(f"| {name.replace('_', ' ')} | " + " | ".join(map(_cell, cells)) + " |")


def effect_table(findings: Sequence[Finding]) -> None:
    """Print every effect of the cards, a column a suite; what is not supported says its verdict."""
    print("| measured | " + " | ".join(SUITES) + " |\n" + "| --- " * (1 + len(SUITES)) + "|")
    found = {(finding.what, finding.suite): finding for finding in findings}
    for what in dict.fromkeys(finding.what for finding in findings):
        cells = (_effect(found[what, suite]) for suite in SUITES)
        print(f"| {what.replace('|', '/')} | " + " | ".join(cells) + " |")


def _effect(finding: Finding) -> str:
    if finding.effect is None or finding.low is None or finding.high is None:
        return str(finding.verdict)
    digits = {"points": 1, "nats": 3, "correlation": 2}[finding.unit]
    values = (f"{value:+.{digits}f}" for value in (finding.effect, finding.low, finding.high))
    verdict = "" if finding.verdict == "supported" else f", {finding.verdict}"
    return "{} ({} to {})".format(*values) + verdict


SUITE = SUITES[0]
READ: dict[str, tuple[str, Method]] = {
    "chat, letters": (CHAT, "letter"),
    "5-shot, letters": ("icl5", "letter"),
    "chat, in words": (CHAT, "cloze"),
    "5-shot, in words": ("icl5", "cloze"),
}
"""Readouts of the table of what is known: form and method."""


def known_table(runs: Sequence[RunAnswers]) -> None:
    """Print how much of what a base model knows each kind of model answers rightly, and how.

    Known is what the base model is right and sure of as it is probed, of the held-out facts of
    its domain (`homogeneous`). Cells are means over units and seeds. Behind them stands the
    difference from the models tuned on general instructions alone, with its interval.
    """
    groups = [BASE, *dict.fromkeys(group for run in runs for group in run.groups)]
    heads = (*READ, "fit", "reworded")
    print("\n| tuned on | " + " | ".join(heads) + " |")
    print("| --- " * (1 + len(heads)) + "|")
    for group in groups:
        cells = [_known_cell(runs, group, form, method) for form, method in READ.values()]
        fits = [fit for run in runs for domain in run.domains for fit in run.fits(domain, group).values()]
        learned = [
            (fit.fit, fit.reworded) for fit in fits if fit.fit is not None and fit.reworded is not None
        ]
        shown = [f"{np.mean(column):.3f}" for column in zip(*learned, strict=True)] or ["", ""]
        print(f"| {group.replace('_', ' ')} | " + " | ".join([*cells, *shown]) + " |")


def _known_cell(runs: Sequence[RunAnswers], group: str, form: str, method: Method) -> str:
    units, means = [], []
    for run in runs:
        for domain in run.domains:
            sure = run.base(domain, run.probe_form, SUITE)
            if sure is None:
                continue
            known_I = levels(sure) == "known"
            base = run.base(domain, form, SUITE, method) if group == BASE else None
            asked = [base] if base else run.tuned(domain, group, form, SUITE, method).values()
            means += [one.correct_I[known_I].mean() for one in asked]
            if group in (BASE, CONTROL):
                continue
            units += [
                PairedUnit(
                    items_I=unit.items_I[known_I],
                    clusters_I=unit.clusters_I[known_I],
                    left_S_I=unit.left_S_I[:, known_I],
                    right_S_I=unit.right_S_I[:, known_I],
                )
                for unit in units_of(
                    [run], group, CONTROL, suite=SUITE, domain=domain, form=form, readout=method
                )
            ]
    if not means:
        return ""
    if not units:
        return f"{np.mean(means):.3f}"
    found = paired_bootstrap(units, address=f"known/{group}/{form}/{method}")
    return (
        f"{np.mean(means):.3f} ({100 * found.value:+.1f}; {100 * found.low:+.1f} to {100 * found.high:+.1f})"
    )


def _cell(row: Difference) -> str:
    difference, low, high = (f"{100 * value:+.1f}" for value in (row.difference, row.low, row.high))
    return f"{100 * row.accuracy_left:.1f} ({difference}; {low} to {high})"


if __name__ == "__main__":
    main([Path(run) for run in sys.argv[1:]])
