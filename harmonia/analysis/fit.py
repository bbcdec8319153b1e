"""How well a tuned model answers the very rows that it was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from harmonia.columns import Count, Share
from harmonia.probe.fit import FittedRow
from harmonia.probe.stability import shares


@dataclass(frozen=True, kw_only=True)
class TrainingFit:
    """The share of its own training rows that a tuned model answers as trained, right or wrong.

    Intervals are 95 % Wilson intervals, rows as the sample. A set without questions, such as
    general instructions alone, has none of the shares.

    Attributes:
        rows: Rows that teach an option.
        fit: Share answered as trained, in the very words of the training.
        reworded: The same behind another wording: the exam's line of introduction above the question.
        chance: What guessing gives: mean of 1/options.
        near_chance: Whether the interval of `fit` reaches down to chance: nothing shows that any row was
            learned. A claim card calls rows hardly learned where their fit is nearer to chance than to 1.
    """

    rows: Count
    fit: Share | None
    fit_low: Share | None
    fit_high: Share | None
    reworded: Share | None
    reworded_low: Share | None
    reworded_high: Share | None
    chance: Share | None
    near_chance: bool | None


def fit_of(rows: Sequence[FittedRow]) -> TrainingFit:
    """Sum up what a tuned model answers to its training rows."""
    n = len(rows)
    fit = shares("fit", sum(row.trained == row.target for row in rows), n)
    reworded = shares("reworded", sum(row.reworded == row.target for row in rows), n)
    chance = fmean(1 / row.options for row in rows) if n else None
    near = fit["fit_low"] <= chance if n else None
    return TrainingFit(rows=n, **fit, **reworded, chance=chance, near_chance=near)
