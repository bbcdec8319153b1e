"""Partial Spearman correlation, as the paper computes it and as textbooks do.

Both rank x, y and the controls; ties share mean ranks. The ranks of x and y are each fitted
by least squares, with intercept, on those of the controls, and the residuals are kept.
`paper` is the Spearman correlation of these residuals with its p (Ren et al. 2024).
`standard` is their Pearson correlation with n - 2 - k degrees of freedom for k controls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata, t

from harmonia.errors import InputError
from harmonia.hashing import draw

Floats = NDArray[np.float64]
Form = Literal["paper", "standard"]

_DIGITS = 9  # residuals that are equal on paper must tie in the computer too


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialCorrelation:
    """A partial rank correlation.

    Attributes:
        r: The correlation, -1 to 1; 0 where it is undefined because residuals are constant.
        p: Two-sided, as if the points were independent; nan without degrees of freedom.
        n: Points.
    """

    r: float
    p: float
    n: int


def partial_spearman(x_N: Floats, y_N: Floats, *controls: Floats, form: Form) -> PartialCorrelation:
    """Correlate x with y, given the controls, by ranks.

    The controls are held fixed; each has the shape (N,).

    Raises:
        InputError: There are fewer than three points.
    """
    n = len(x_N)
    if n < 3:
        raise InputError("too few points to correlate", seen=n, remedy="A correlation needs three points.")
    r = _correlation(np.stack([x_N, y_N, *controls]), form)
    freedom = n - 2 - (len(controls) if form == "standard" else 0)
    if freedom < 1:
        return PartialCorrelation(r=r, p=float("nan"), n=n)
    sureness = abs(r) * np.sqrt(freedom / max(1 - r * r, 1e-300))
    return PartialCorrelation(r=r, p=float(2 * t.sf(sureness, freedom)), n=n)


def cluster_interval(
    x_N: Floats,
    y_N: Floats,
    *controls: Floats,
    clusters: Sequence[str],
    form: Form,
    address: str,
    seed: int = 0,
    resamples: int = 2_000,
) -> tuple[float, float]:
    """95 % percentile interval of the correlation, whole clusters drawn with replacement.

    The address says what is correlated; with the seed it decides the resamples.
    """
    names = sorted(set(clusters))
    members = [np.flatnonzero([name == cluster for cluster in clusters]) for name in names]
    values_V_N = np.stack([x_N, y_N, *controls])
    rng = np.random.default_rng(draw(seed, "analysis/partial", address))
    drawn_B_K = rng.integers(0, len(names), size=(resamples, len(names)))
    # Of few clusters many resamples are the same.
    different_D_K, which_B = np.unique(drawn_B_K, axis=0, return_inverse=True)
    found_D = np.array(
        [
            _correlation(values_V_N[:, np.concatenate([members[place] for place in drawn_K])], form)
            for drawn_K in different_D_K
        ]
    )
    low, high = np.quantile(found_D[which_B], (0.025, 0.975))
    return float(low), float(high)


def _correlation(values_V_N: Floats, form: Form) -> float:
    ranks_V_N = rankdata(values_V_N, axis=1)
    design_N_K = np.column_stack([np.ones(ranks_V_N.shape[1]), *ranks_V_N[2:]])
    fitted_K_2 = np.linalg.lstsq(design_N_K, ranks_V_N[:2].T, rcond=None)[0]
    rest_2_N = (ranks_V_N[:2].T - design_N_K @ fitted_K_2).T.round(_DIGITS)
    if form == "paper":
        rest_2_N = rankdata(rest_2_N, axis=1)
    off_2_N = rest_2_N - rest_2_N.mean(axis=1, keepdims=True)
    norm = float(np.sqrt((off_2_N**2).sum(axis=1).prod()))
    return float(np.clip(off_2_N.prod(axis=0).sum() / norm, -1, 1)) if norm > 1e-12 else 0.0
