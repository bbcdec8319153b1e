"""C4: whether tuned models that rank the options as their base model does are more accurate.

Both rise with the share of self-aligned rows, and units differ in both. So what the paper correlates is
measured twice more: given ratio and unit, and over seeds within a ratio of a unit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonia.analysis.agreement import rank_agreement
from harmonia.analysis.answers import per_item
from harmonia.analysis.findings import ONE_SEED, Finding
from harmonia.analysis.partial import Form, cluster_interval, partial_spearman
from harmonia.analysis.run_answers import CHAT, RunAnswers
from harmonia.analysis.sweep import Sweep, sweeps_of
from harmonia.analysis.verdicts import MIN_CLUSTERS, MIN_SEEDS, Needed, verdict_of

Floats = NDArray[np.float64]

_WHAT = "Spearman of rank agreement and tuned accuracy"
_GIVEN_BASE = f"partial {_WHAT}, given base accuracy"
_GIVEN_UNIT = f"partial {_WHAT}, given ratio and unit"
_OVER_SEEDS = f"{_WHAT}, over seeds within a ratio of a unit"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Points:
    """One ratio of one unit each.

    Attributes:
        units_N: Name of the unit.
        ratios_N: Share of self-aligned rows.
        base_N: Accuracy of the base model.
        agreement_N_S: Rank agreement of base and tuned model under each seed.
        accuracy_N_S: Accuracy of the tuned model under each seed.
    """

    units_N: list[str]
    ratios_N: list[float]
    base_N: Floats
    agreement_N_S: list[Floats]
    accuracy_N_S: list[Floats]

    @classmethod
    def of(cls, sweeps: Sequence[Sweep]) -> _Points:
        """All points of some sweeps."""
        each = [(sweep, ratio) for sweep in sweeps for ratio in sweep.tuned]
        return cls(
            units_N=[sweep.name for sweep, _ in each],
            ratios_N=[ratio for _, ratio in each],
            base_N=np.array([sweep.base.correct_I.mean() for sweep, _ in each]),
            agreement_N_S=[
                np.array([per_item(rank_agreement, sweep.base, one).mean() for one in sweep.tuned[ratio]])
                for sweep, ratio in each
            ],
            accuracy_N_S=[
                np.array([one.correct_I.mean() for one in sweep.tuned[ratio]]) for sweep, ratio in each
            ],
        )


def correlations(runs: Sequence[RunAnswers], suite: str) -> list[Finding]:
    """C4 as the paper measures it, which decides, and twice with what else could explain it held fixed.

    As in the paper the base model is asked in the probe's form, the tuned one in chat form.
    """
    points = _Points.of(list(sweeps_of(runs, suite)))
    if len(set(points.ratios_N)) < 3:
        because = "it needs three ratios of self-aligned rows or more"
        return [Finding(what=_GIVEN_BASE, suite=suite, unit="correlation", because=because)]
    seeds = min(map(len, points.agreement_N_S))
    xy = [np.array([one.mean() for one in each]) for each in (points.agreement_N_S, points.accuracy_N_S)]
    about: dict[str, Any] = {"suite": suite, "seeds": seeds}
    found = [
        _finding(_GIVEN_BASE, [*xy, points.base_N], points.units_N, standard=True, **about),
        _finding(_GIVEN_UNIT, [*xy, *_dummies(points)], points.units_N, decides=False, **about),
    ]
    if seeds >= MIN_SEEDS:
        off = [
            np.concatenate([one - one.mean() for one in each])
            for each in (points.agreement_N_S, points.accuracy_N_S)
        ]
        units = [name for name, one in zip(points.units_N, points.agreement_N_S, strict=True) for _ in one]
        found.append(_finding(_OVER_SEEDS, off, units, decides=False, **about))
    return found


def _dummies(points: _Points) -> list[Floats]:
    """A column of 0 and 1 for each unit and each ratio; ranks of such a column are the column, rescaled."""
    return [
        np.array([float(name == one) for name in names])
        for names in (points.units_N, points.ratios_N)
        for one in sorted(set(names), key=str)
    ]


def _finding(
    what: str,
    values: Sequence[Floats],
    units: list[str],
    *,
    suite: str,
    seeds: int,
    standard: bool = False,
    decides: bool = True,
) -> Finding:
    paper = _partial(values, units, "paper", suite)
    number = len(set(units))
    held_back = ONE_SEED if seeds < MIN_SEEDS else None
    decided = number >= MIN_CLUSTERS and not held_back
    verdict = verdict_of(paper["low"], paper["high"]) if decided else "inconclusive"
    details: dict[str, Any] = {"points": len(values[0])}
    if standard:
        details["standard"] = _partial(values, units, "standard", suite)
    return Finding(
        what=what,
        suite=suite,
        unit="correlation",
        decides=decides,
        effect=paper["r"],
        low=paper["low"],
        high=paper["high"],
        seeds=seeds,
        units=number,
        verdict=verdict,
        needed=_more_units(number, paper) if verdict == "inconclusive" and not held_back else None,
        held_back=held_back,
        details=details,
    )


def _partial(values: Sequence[Floats], units: list[str], form: Form, suite: str) -> dict[str, float]:
    # No p: it would take the points of a unit for independent.
    found = partial_spearman(*values, form=form)
    low, high = cluster_interval(*values, clusters=units, form=form, address=f"{CHAT}/{suite}")
    return {"r": found.r, "low": low, "high": high}


def _more_units(number: int, found: dict[str, float]) -> Needed:
    """The half-width falls as the root of the number of clusters."""
    if not found["r"]:
        return Needed()
    enough = math.ceil(number * ((found["high"] - found["low"]) / 2 / found["r"]) ** 2)
    return Needed(units=max(MIN_CLUSTERS, number + 1, enough))
