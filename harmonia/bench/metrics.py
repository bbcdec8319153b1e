"""Rank agreement and KL of a whole study: ours in arrays, scipy a row at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonia.analysis.agreement import kl_divergence, rank_agreement
from harmonia.bench.turns import OURS, Timing, Work, in_turn, scaled

Floats = NDArray[np.float64]

ITEMS, MODELS = 14_042, 12
"""MMLU's test questions; tuned models of one study."""
SCIPY = "(f) scipy row by row, extrapolated"


def scipy_rows(p_I_C: Floats, q_I_C: Floats) -> tuple[list[Any], list[Any]]:
    """Baseline (f): rank agreement and KL in nats, each of shape (I,)."""
    from scipy.stats import entropy, pearsonr, rankdata

    agreement, divergence = [], []
    for p_C, q_C in zip(p_I_C, q_I_C, strict=True):
        agreement.append(pearsonr(rankdata(-p_C, method="dense"), rankdata(-q_C, method="dense"))[0])
        divergence.append(entropy(p_C, q_C))
    return agreement, divergence


def measure_metrics(*, repeats: int, scipy_items: int = 2_000) -> Timing:
    """Measure rank agreement and KL of 14,042 items x 12 models against one base, in seconds.

    The baseline's time is extrapolated from `scipy_items` of one model.
    """
    rng = np.random.default_rng(0)
    base_I_C = rng.dirichlet(np.ones(4), size=ITEMS)
    tuned_M_I_C = rng.dirichlet(np.ones(4), size=(MODELS, ITEMS))
    few = base_I_C[:scipy_items], tuned_M_I_C[0, :scipy_items]
    scipy_rows(*(part[:10] for part in few))

    def ours() -> None:
        for tuned_I_C in tuned_M_I_C:
            rank_agreement(base_I_C, tuned_I_C)
            kl_divergence(base_I_C, tuned_I_C)

    found, skipped = in_turn(
        {
            SCIPY: Work.of(lambda: scipy_rows(*few), per=scipy_items / (ITEMS * MODELS)),
            OURS: Work.of(ours),
        },
        repeats,
    )
    return Timing(
        what="rank agreement and KL, 14,042 items x 12 models",
        unit="s",
        ours=found[OURS],
        baselines=scaled(found, 1.0),
        facts={"items measured of (f)": scipy_items},
        skipped=skipped,
    )
