"""Markdown tables of several runs together, for docs/lab-results.md.

python scripts/lab_results.py RUN_DIR [RUN_DIR ...]
"""

from __future__ import annotations

import sys
from pathlib import Path

from harmonia.analysis import Difference
from harmonia.analysis.run_answers import CHAT
from harmonia.groups.names import GroupName
from harmonia.pipeline.pool import pool
from harmonia.report.cards import cards
from harmonia.types import SUITES


def main(runs: list[Path]) -> None:
    """Print claims, groups and the sweep."""
    pooled = pool(runs)
    print("| claim | measured | suite | effect | 95 % interval | verdict |\n" + "| --- " * 6 + "|")
    for card in cards(pooled.document):
        for line in card.table.lines:
            what, suite, effect, interval, _, verdict = line.entries
            measured = ", ".join((what.text.replace("|", "/"), *effect.small))
            print(
                f"| {card.claim} {card.verdict} | {measured} | {suite.text} "
                f"| {effect.text} | {interval.text} | {verdict.text} |"
            )
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


def _cell(row: Difference) -> str:
    difference, low, high = (f"{100 * value:+.1f}" for value in (row.difference, row.low, row.high))
    return f"{100 * row.accuracy_left:.1f} ({difference}; {low} to {high})"


if __name__ == "__main__":
    main([Path(run) for run in sys.argv[1:]])
