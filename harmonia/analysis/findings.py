"""The effects behind the claims C1 to C5, each measured on one suite."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harmonia.analysis.agreement import rank_agreement
from harmonia.analysis.answers import per_item
from harmonia.analysis.bootstrap import PairedUnit, paired_bootstrap
from harmonia.analysis.partial import Form, cluster_interval, partial_spearman
from harmonia.analysis.run_answers import CHAT, RunAnswers, units_of
from harmonia.analysis.sweep import pick, sweeps_of
from harmonia.analysis.verdicts import MIN_CLUSTERS, Needed, Verdict, needed_for, verdict_of

Floats = NDArray[np.float64]
Measured = Literal["points", "nats", "correlation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One effect on one suite. Differences in accuracy are in percentage points.

    Attributes:
        what: What was measured, in words.
        suite: On which suite.
        unit: `points`, `nats` or `correlation`.
        effect: The effect; None if it was not computed.
        low: Lower end of its 95 % interval.
        high: Upper end.
        p: Two-sided, of no effect.
        items: Different items.
        clusters: Different clusters that the interval draws whole; None where it draws each
            item by itself.
        seeds: Fewest seeds of a unit.
        units: Base models x domains.
        verdict: By the rule of docs/claims.md; the claim is that the effect is above 0,
            for `nats` below 0.
        needed: What would decide an inconclusive finding.
        details: More about it.
        because: Why it was not computed.
    """

    what: str
    suite: str
    unit: Measured
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    items: int | None = None
    clusters: int | None = None
    seeds: int | None = None
    units: int | None = None
    verdict: Verdict = "not computed"
    needed: Needed | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    because: str | None = None


def difference_between(runs: Sequence[RunAnswers], left: str, right: str, suite: str) -> Finding:
    """C1 to C3: how much more models tuned on one group get right than those on another."""
    what = f"accuracy after {left.replace('_', '-')} minus after {right}"
    units = units_of(runs, left, right, suite=suite)
    return _finding(what, suite, "points", units, without=f"no domain and seed has both {left} and {right}")


def correlation(runs: Sequence[RunAnswers], suite: str) -> Finding:
    """C4: partial Spearman of rank agreement with tuned accuracy, given the base accuracy.

    A point is one ratio of the sweep in one domain of one base model, means over seeds. As in
    the paper the base model is asked in the probe's form, the tuned one in chat form.
    """
    about: dict[str, Any] = {
        "what": "partial Spearman of rank agreement and tuned accuracy, given base accuracy",
        "suite": suite,
        "unit": "correlation",
    }
    points = [
        (
            sweep.name,
            ratio,
            np.mean([per_item(rank_agreement, sweep.base, one).mean() for one in tuned]),
            np.mean([one.correct_I.mean() for one in tuned]),
            sweep.base.correct_I.mean(),
        )
        for sweep in sweeps_of(runs, suite)
        for ratio, tuned in sweep.tuned.items()
    ]
    if len({ratio for _, ratio, *_ in points}) < 3:
        return Finding(**about, because="it needs three ratios of self-aligned rows or more")
    clusters = [name for name, *_ in points]
    xyz = [np.array([point[place] for point in points]) for place in (2, 3, 4)]
    paper, standard = (_partial(xyz, clusters, form, suite) for form in ("paper", "standard"))
    number = len(set(clusters))
    verdict = verdict_of(paper["low"], paper["high"]) if number >= MIN_CLUSTERS else "inconclusive"
    return Finding(
        **about,
        effect=paper["r"],
        low=paper["low"],
        high=paper["high"],
        p=paper["p"],
        units=number,
        verdict=verdict,
        needed=_more_units(number, paper) if verdict == "inconclusive" else None,
        details={"points": len(points), "standard": standard},
    )


def _partial(xyz: list[Floats], clusters: list[str], form: Form, suite: str) -> dict[str, Any]:
    found = partial_spearman(*xyz, form=form)
    low, high = cluster_interval(*xyz, clusters=clusters, form=form, address=f"{CHAT}/{suite}")
    return {"r": found.r, "p": None if np.isnan(found.p) else found.p, "low": low, "high": high}


def _more_units(number: int, found: dict[str, Any]) -> Needed:
    """The half-width falls as the root of the number of clusters."""
    if not found["r"]:
        return Needed()
    enough = math.ceil(number * ((found["high"] - found["low"]) / 2 / found["r"]) ** 2)
    return Needed(units=max(MIN_CLUSTERS, number + 1, enough))


def mixture_beats_full(runs: Sequence[RunAnswers], suite: str) -> Finding:
    """C5, first half: the best mixture against ratio 1, chosen and tested on different data."""
    what = "accuracy after the best mixture minus after ratio 1"
    chosen: dict[str, list[float]] = {}
    units = []
    for sweep in sweeps_of(runs, suite):
        if not sweep.between or 1.0 not in sweep.tuned:
            continue
        best_S_I = sweep.best(sweep.between)
        right = pick(best_S_I, {ratio: sweep.right(ratio) for ratio in sweep.between})
        units.append(sweep.paired(right, sweep.right(1.0)))
        chosen[sweep.name] = np.unique(best_S_I).tolist()
    without = "no domain has ratio 1 and a mixture between 0 and 1 under a common seed"
    return _finding(what, suite, "points", units, without=without, chosen_ratios=chosen)


def mixture_moves_less(runs: Sequence[RunAnswers], suite: str) -> Finding:
    """C5, second half: KL from the base model at the best mixture against that at ratio 0."""
    what = "KL from the base model after the best mixture minus after ratio 0"
    units = []
    for sweep in sweeps_of(runs, suite):
        if sweep.between and 0.0 in sweep.tuned:
            kl = pick(sweep.best(sweep.between), {ratio: sweep.kl(ratio) for ratio in sweep.between})
            units.append(sweep.paired(kl, sweep.kl(0.0)))
    without = "no domain has ratio 0 and a mixture between 0 and 1 under a common seed"
    return _finding(what, suite, "nats", units, without=without)


def _finding(
    what: str, suite: str, unit: Measured, units: Sequence[PairedUnit], *, without: str, **details: Any
) -> Finding:
    """The effect over units; if there are none, `without` says why."""
    if not units:
        return Finding(what=what, suite=suite, unit=unit, because=without)
    estimate = paired_bootstrap(units, address=f"{CHAT}/{suite}{'/kl' if unit == 'nats' else ''}")
    # Of nats the claim is that they are fewer.
    low, high = (estimate.low, estimate.high) if unit == "points" else (-estimate.high, -estimate.low)
    verdict = verdict_of(low, high) if estimate.p < 1 else "inconclusive"
    scale = 100 if unit == "points" else 1
    return Finding(
        what=what,
        suite=suite,
        unit=unit,
        effect=scale * estimate.value,
        low=scale * estimate.low,
        high=scale * estimate.high,
        p=estimate.p,
        items=estimate.items,
        clusters=estimate.clusters,
        seeds=estimate.seeds,
        units=estimate.units,
        verdict=verdict,
        needed=needed_for(estimate) if verdict == "inconclusive" else None,
        details={"left": scale * estimate.left, "right": scale * estimate.right, **details},
    )
