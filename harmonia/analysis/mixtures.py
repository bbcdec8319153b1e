"""C5: whether a mixture of rows beats full consistency, whichever mixture is the best.

The best of several mixtures is not chosen and then tested: all of them are bounded at once.
docs/claims.md has the rule, and what simulations say of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from harmonia.analysis.bootstrap import Estimate, cut, paired_bootstrap
from harmonia.analysis.findings import Finding, finding_of
from harmonia.analysis.run_answers import CHAT, RunAnswers
from harmonia.analysis.sweep import Sweep, sweeps_of
from harmonia.analysis.verdicts import TAIL, ends_of

Floats = NDArray[np.float64]

WIDEST_GAP = 0.25
"""Widest gap between neighbouring ratios, 0 and 1 among them, of a sweep that can contradict C5."""

_BEATS = "accuracy after the best mixture minus after ratio 1"
_MOVES_LESS = "KL from the base model after the best mixture minus after ratio 0"


def mixture_findings(runs: Sequence[RunAnswers], suite: str) -> tuple[Finding, Finding]:
    """Both halves of C5: more accurate than ratio 1, and nearer to the base model than ratio 0."""
    sweeps = [sweep for sweep in sweeps_of(runs, suite) if 1.0 in sweep.tuned]
    against_full = _compared(sweeps, suite, 1.0, Sweep.right)
    if not against_full:
        without = "no mixture between 0 and 1 that, beside ratio 1, all domains have under a common seed"
        return (
            Finding(what=_BEATS, suite=suite, unit="points", because=without),
            Finding(what=_MOVES_LESS, suite=suite, unit="nats", because=without),
        )
    best, beats = beats_full(against_full, suite)
    against_none = _compared([sweep for sweep in sweeps if 0.0 in sweep.tuned], suite, 0.0, Sweep.kl)
    if not against_none:
        without = "no domain has ratio 0 beside ratio 1 and a mixture under a common seed"
        return beats, Finding(what=_MOVES_LESS, suite=suite, unit="nats", because=without)
    return beats, moves_less(against_none, best, suite)


def _compared(
    sweeps: Sequence[Sweep], suite: str, end: float, values: Callable[[Sweep, float], Floats]
) -> dict[float, Estimate]:
    """Each mixture that all sweeps have against one end of the sweep."""
    shared = set.intersection(*(set(sweep.between) for sweep in sweeps)) if sweeps else set()
    # Of these only value and variance are taken (`ends_of`): no percentiles.
    return {
        ratio: paired_bootstrap(
            [sweep.paired(values(sweep, ratio), values(sweep, end)) for sweep in sweeps],
            address=f"{CHAT}/{suite}/{ratio:g} to {end:g}",
            resamples=100,
        )
        for ratio in sorted(shared)
    }


def best_bounds(compared: Mapping[float, Estimate]) -> tuple[float, float, float]:
    """The mixture surest to beat what all are compared with, and 95 % bounds of the best one's effect.

    No mixture's effect exceeds the best one's: so any lower bound of any of them bounds it from
    below, and all must hold at once (Bonferroni). The best is one of them: so the highest of their
    upper bounds bounds it from above, and only that of the best must hold.
    """
    low_of = {ratio: ends_of(one, TAIL / len(compared))[0] for ratio, one in compared.items()}
    best = max(low_of, key=lambda ratio: low_of[ratio])
    return best, low_of[best], max(ends_of(one)[1] for one in compared.values())


def beats_full(compared: Mapping[float, Estimate], suite: str) -> tuple[float, Finding]:
    """The mixture surest to beat ratio 1, and whether the best mixture does, from each against ratio 1."""
    best, low, high = best_bounds(compared)
    return best, finding_of(
        compared[best],
        cut(low, high),
        what=_BEATS,
        suite=suite,
        unit="points",
        tail=TAIL / len(compared) if compared[best].value > 0 else TAIL,
        held_back="a better mixture may lie in a gap of the sweep"
        if high < 0 and _coarse(compared)
        else None,
        mixture=best,
        mixtures={f"{ratio:g}": 100 * one.value for ratio, one in compared.items()},
    )


def moves_less(compared: Mapping[float, Estimate], best: float, suite: str) -> Finding:
    """Contradicted only if all mixtures of a whole sweep are farther; bounds hold whichever was chosen."""
    low, high = ends_of(compared[best], TAIL / len(compared))
    nearer = _coarse(compared) or min(ends_of(one)[0] for one in compared.values()) <= 0
    return finding_of(
        compared[best],
        (low, high),
        what=_MOVES_LESS,
        suite=suite,
        unit="nats",
        tail=TAIL / len(compared),
        held_back="another mixture may be nearer" if low > 0 and nearer else None,
        mixture=best,
        mixtures={f"{ratio:g}": one.value for ratio, one in compared.items()},
    )


def _coarse(compared: Mapping[float, Estimate]) -> bool:
    """Whether a better mixture than these may lie between two neighbouring ratios."""
    gaps = [right - left for left, right in pairwise((0.0, *compared, 1.0))]
    return max(gaps) > WIDEST_GAP + 1e-9
