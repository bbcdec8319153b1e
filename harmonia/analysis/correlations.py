"""C4: whether tuned models that rank the options as their base model does are more accurate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonia.analysis.agreement import rank_agreement
from harmonia.analysis.answers import per_item
from harmonia.analysis.findings import Finding
from harmonia.analysis.partial import Form, cluster_interval, partial_spearman
from harmonia.analysis.run_answers import CHAT, RunAnswers
from harmonia.analysis.sweep import sweeps_of
from harmonia.analysis.verdicts import MIN_CLUSTERS, Needed, verdict_of

Floats = NDArray[np.float64]


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
