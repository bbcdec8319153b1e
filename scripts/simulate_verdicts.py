"""How often the verdicts of the claim cards are wrong where the truth lies at their boundary.

    python scripts/simulate_verdicts.py [RUNS]

Answers are drawn from a known law: an item has a chance of its own to be answered rightly, each
model (a group under a seed) leans off it item by item, and lies off it as a whole by a normal draw
of the seed's spread. Prints, for docs/claims.md, the share of simulated runs with each verdict.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from harmonia.analysis.bootstrap import PairedUnit, paired_bootstrap
from harmonia.analysis.findings import finding_of
from harmonia.analysis.mixtures import beats_full
from harmonia.analysis.verdicts import Verdict, over_suites

Floats = NDArray[np.float64]

RATIOS = (0.2, 0.4, 0.6, 0.8)
ITEMS = 100
TRUTHS = {
    "C5: all mixtures as good as ratio 1": (0, 0, 0, 0),
    "C5: one as good, three 20 points worse": (-20, -20, -20, 0),
}
SEEDS, SPREADS, UNITS = (1, 2, 3, 5), (0, 3, 8), (1, 3, 12)


def answered(
    rng: np.random.Generator, effects: Sequence[float], *, seeds: int, spread: float, items: int = ITEMS
) -> Floats:
    """Right or wrong after groups of such effects, in points, shape (group, S, I)."""
    chance_I = rng.uniform(0.3, 0.7, size=items)
    shape = (len(effects), seeds, 1)
    off = np.array(effects)[:, None, None] / 100 + rng.normal(0, spread / 100, size=shape)
    own = rng.normal(0, 0.1, size=(len(effects), 1, items))
    return (rng.random((len(effects), seeds, items)) < chance_I + off + own).astype(np.float64)


def pairs(units: Sequence[Floats], left: int, right: int) -> list[PairedUnit]:
    """Two groups of each unit; every item is another one."""
    numbers = [np.arange(place * ITEMS, (place + 1) * ITEMS, dtype=np.uint64) for place in range(len(units))]
    return [
        PairedUnit(items_I=items_I, clusters_I=items_I, left_S_I=unit[left], right_S_I=unit[right])
        for items_I, unit in zip(numbers, units, strict=True)
    ]


def mixture_verdict(units: Sequence[Floats]) -> Verdict:
    """C5, first half, on one suite: the mixtures in order, ratio 1 last."""
    # The bounds need no resamples.
    compared = {
        ratio: paired_bootstrap(pairs(units, place, -1), address="simulated", resamples=2)
        for place, ratio in enumerate(RATIOS)
    }
    return beats_full(compared, "simulated")[1].verdict


def difference_verdict(units: Sequence[Floats]) -> Verdict:
    """C1 to C3 on one suite: the first group against the last."""
    estimate = paired_bootstrap(pairs(units, 0, -1), address="simulated", resamples=400)
    ends = (estimate.low, estimate.high)
    return finding_of(estimate, ends, what="", suite="simulated", unit="points").verdict


def shares(
    rng: np.random.Generator,
    effects: Sequence[float],
    *,
    seeds: int,
    spread: float,
    units: int,
    runs: int,
    suites: int = 3,
) -> dict[tuple[int, Verdict], float]:
    """Share of simulated runs with each verdict, on one suite and over all."""
    judge = mixture_verdict if len(effects) > 1 else difference_verdict
    found = [
        [
            judge([answered(rng, (*effects, 0), seeds=seeds, spread=spread) for _ in range(units)])
            for _ in range(suites)
        ]
        for _ in range(runs)
    ]
    decided: tuple[Verdict, ...] = ("supported", "contradicted")
    on_one = [verdict for run in found for verdict in run]
    return {
        (number, verdict): float(np.mean([one == verdict for one in verdicts]))
        for number, verdicts in ((1, on_one), (suites, [over_suites(run) for run in found]))
        for verdict in decided
    }


def rows(runs: int) -> Iterator[str]:
    """A table by truth, seeds and spread: the mean share over the numbers of units, and the highest."""
    yield "| truth | seeds | spread | supported, 1 suite | contradicted, 1 | supported, 3 | contradicted, 3 |"
    yield "| --- " * 7 + "|"
    truths = {"C1 to C3: no difference": (0,), **TRUTHS}
    for row, ((truth, effects), seeds, spread) in enumerate(product(truths.items(), SEEDS, SPREADS)):
        rng = np.random.default_rng([13, row])
        # With one seed no verdict is ever given.
        cells = [
            shares(rng, effects, seeds=seeds, spread=spread, units=units, runs=runs if seeds > 1 else 5)
            for units in UNITS
        ]
        found = [[100 * cell[key] for cell in cells] for key in cells[0]]
        shown = " | ".join(f"{np.mean(each):.1f} ({max(each):.1f})" for each in found)
        yield f"| {truth} | {seeds} | {spread} | {shown} |"


if __name__ == "__main__":
    for row in rows(int(sys.argv[1]) if len(sys.argv) > 1 else 400):
        print(row, flush=True)
