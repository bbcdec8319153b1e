"""The rule of the claim cards: docs/claims.md says it in words, and how it came about."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.stats import t

from harmonia.analysis.bootstrap import LEVEL, Estimate

Verdict = Literal["supported", "contradicted", "inconclusive", "not computed"]

MIN_CLUSTERS = 6
"""Fewest clusters of a correlation: of five that all agree, one in sixteen does by chance."""

MIN_SEEDS = 2
"""Fewest seeds of a verdict: one seed says nothing of how far others would lie from it."""

TAIL = (1 - LEVEL) / 2
"""Share of runs in which an end of an interval may lie on the wrong side of the truth."""

_MOST_SEEDS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """How much more of one kind alone would decide an inconclusive finding.

    If the effect stays as it is and the variance parts into what falls with the seeds, with
    the items, and with both.

    Attributes:
        seeds: Seeds in each unit; None if a thousand would not do, or one seed tells
            nothing of their spread.
        items: Items in all, in the same mix; None if no number of items would do.
        units: Units (base models x domains), for a correlation over them.
    """

    seeds: int | None = None
    items: int | None = None
    units: int | None = None


def verdict_of(low: float, high: float) -> Verdict:
    """What a 95 % interval says of a claim that the effect is above 0."""
    return "supported" if low > 0 else "contradicted" if high < 0 else "inconclusive"


def over_suites(verdicts: Sequence[Verdict]) -> Verdict:
    """What the same effect on several suites says: what all say where it could be computed.

    All having to hold, nothing is corrected for several tests (an intersection-union test,
    Berger 1982): a wrong verdict is no likelier than on one suite.
    """
    computed = {verdict for verdict in verdicts if verdict != "not computed"}
    if not computed:
        return "not computed"
    return computed.pop() if len(computed) == 1 else "inconclusive"


def of_parts(verdicts: Sequence[Verdict]) -> Verdict:
    """What the parts of a claim say, all of which it needs: one that fails is enough.

    Each part wrongly fails in 2.5 % at most, so that one of two does in 5 %.
    """
    if not verdicts:
        return "not computed"
    for verdict in ("contradicted", "not computed", "inconclusive"):
        if verdict in verdicts:
            return verdict
    return "supported"


def ends_of(estimate: Estimate, tail: float = TAIL) -> tuple[float, float]:
    """Ends by Student's t, each beyond the truth in a share `tail` of runs at most.

    What seeds and items add to the variance is each stretched by its own t, not both by
    one (Banerjee 1960). Where few seeds differ little by luck, Satterthwaite's degrees of freedom
    are too many, and the more so the smaller the tail.
    """
    reach = _t(estimate.freedom, tail) ** 2 * estimate.item_variance
    if estimate.seed_variance is not None and estimate.mixed_variance is not None:
        by_seeds = estimate.seed_variance + estimate.mixed_variance
        reach += _t(estimate.units * (estimate.seeds - 1), tail) ** 2 * by_seeds
    return estimate.value - math.sqrt(reach), estimate.value + math.sqrt(reach)


def needed_for(estimate: Estimate, tail: float = TAIL) -> Needed:
    """How many seeds or items would bring the interval's end to 0, the effect as it is."""
    effect, items, mixed = estimate.value**2, estimate.item_variance, estimate.mixed_variance or 0.0
    seeds = estimate.seed_variance
    # More items leave the degrees of freedom as they are.
    room = effect / _t(estimate.freedom, tail) ** 2 - (seeds or 0.0)
    needed = Needed(
        items=max(estimate.items + 1, math.ceil(estimate.items * (items + mixed) / room))
        if room > 0
        else None
    )
    if seeds is None:
        return needed

    wanted_W = np.arange(estimate.seeds + 1, _MOST_SEEDS + 1)
    reach_W = t.isf(tail, estimate.freedom * (wanted_W - 1) / (estimate.seeds - 1))
    # The square of the half-width with so many seeds.
    left_W = reach_W**2 * (items + (seeds + mixed) * estimate.seeds / wanted_W)
    enough_W = wanted_W[left_W <= effect]
    return replace(needed, seeds=int(enough_W[0]) if len(enough_W) else None)


def _t(freedom: float, tail: float) -> float:
    return float(t.isf(tail, freedom))
