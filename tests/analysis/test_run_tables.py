"""The rows of a run's tables, worked by hand."""

from __future__ import annotations

from dataclasses import replace

from made_answers import belief

from harmonia.analysis.run_tables import beliefs_row


def test_beliefs_are_counted_and_only_what_is_told_is_averaged() -> None:
    found = [
        replace(belief("a", (0.9, 0.1), 0), draws=4, agreement=1.0, right_rate=1.0, category="known"),
        replace(belief("b", (0.6, 0.4), 1), draws=4, agreement=0.5, right_rate=0.5, category="uncertain"),
        # Of a file that tells neither the level nor how far the draws agree: .7 is above the threshold.
        replace(belief("c", (0.7, 0.3), 1), draws=4),
    ]
    row = beliefs_row("d", found, 0.65)
    assert (row.n, row.draws, row.known, row.conflicting, row.uncertain) == (3, 4, 1, 1, 1)
    assert (row.agreement, row.right_rate) == (0.75, 0.75)
    once = beliefs_row("d", [replace(one, draws=1, agreement=None, right_rate=None) for one in found], 0.65)
    assert (once.draws, once.agreement, once.right_rate) == (1, None, None)
