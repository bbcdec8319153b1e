"""Logistic regression with crossed random intercepts, by Laplace's approximation.

An answer is right with log odds x b + the sum of one intercept a factor (its item's, its tuned
model's). A factor's intercepts are normal with mean 0 and a deviation of its own. Given the deviations, the
mode over coefficients and intercepts is found by Newton's method. The deviations maximise the
likelihood with both integrated out about that mode (Breslow and Clayton 1993; Bates et al. 2015,
*lme4*, integrate the intercepts alone, which makes the deviations of few models too small).
Coefficients have a normal prior of deviation 5, so that a cell without any wrong answer has one.

Axes: `N` answers, `P` coefficients, `A` coefficients and then all intercepts, `F` factors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csc_matrix, csr_matrix, diags, hstack
from scipy.sparse.linalg import splu
from scipy.special import expit

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

PRIOR = 5.0
"""Deviation of the coefficients' prior, in log odds."""

_BOUNDS = (0.01, 10.0)  # of a deviation
_NEWTON = 50


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LogisticFit:
    """A fitted model; all in log odds.

    Attributes:
        effects_P: The coefficients.
        covariance_P_P: Theirs, the intercepts integrated out and the deviations as found.
        deviations_F: Standard deviation of each factor's intercepts; none is below .01.
        converged: Whether both searches ended at a maximum.
    """

    effects_P: Floats
    covariance_P_P: Floats
    deviations_F: Floats
    converged: bool


def fit_logistic(right_N: Floats, design_N_P: Floats, factors: Sequence[Places]) -> LogisticFit:
    """Fit right answers (1, wrong ones 0) to a design and to the levels of each factor, from 0 on."""
    posterior = _Posterior(right_N, design_N_P, factors)
    found = minimize(
        lambda log_F: -posterior.evidence(log_F),
        np.full(len(factors), np.log(0.5)),
        method="L-BFGS-B",
        bounds=[tuple(np.log(_BOUNDS))] * len(factors),
        options={"ftol": 1e-7, "eps": 1e-3},
    )
    posterior.evidence(found.x)
    count = design_N_P.shape[1]
    unit_A_P = np.eye(len(posterior.mode_A), count)
    return LogisticFit(
        effects_P=posterior.mode_A[:count],
        covariance_P_P=posterior.inverse.solve(unit_A_P)[:count],
        deviations_F=np.exp(found.x),
        converged=bool(found.success) and posterior.at_mode,
    )


class _Posterior:
    """Of coefficients and intercepts, given the deviations; the last mode begins the next search."""

    def __init__(self, right_N: Floats, design_N_P: Floats, factors: Sequence[Places]) -> None:
        rows_N = np.arange(len(right_N))
        intercepts = [csr_matrix((np.ones(len(rows_N)), (rows_N, level_N))) for level_N in factors]
        self.right_N = right_N
        self.design_N_A = hstack([csr_matrix(design_N_P), *intercepts]).tocsr()
        self.flat_A_N = self.design_N_A.T.tocsr()
        self.levels_F = np.array([one.shape[1] for one in intercepts])
        self.fixed = design_N_P.shape[1]
        self.mode_A: Floats = np.zeros(self.design_N_A.shape[1])
        self.at_mode = False
        self.inverse = splu(csc_matrix(np.eye(1)))

    def evidence(self, log_F: Floats) -> float:
        """Log likelihood of the deviations, but for a constant; sets the mode and its curvature."""
        precision_A = np.concatenate(
            [np.full(self.fixed, PRIOR**-2), np.repeat(np.exp(-2 * log_F), self.levels_F)]
        )
        height = self._height(self.mode_A, precision_A)
        self.at_mode = False
        for _ in range(_NEWTON):
            share_N = expit(self.design_N_A @ self.mode_A)
            weighted_N_A = self.design_N_A.multiply((share_N * (1 - share_N))[:, None]).tocsr()
            curvature = (self.flat_A_N @ weighted_N_A + diags(precision_A)).tocsc()
            self.inverse = splu(curvature, diag_pivot_thresh=0.0, permc_spec="MMD_AT_PLUS_A")
            slope_A = self.flat_A_N @ (self.right_N - share_N) - precision_A * self.mode_A
            step_A = self.inverse.solve(slope_A)
            if slope_A @ step_A < 1e-10:
                self.at_mode = True
                break
            while (new := self._height(self.mode_A + step_A, precision_A)) < height:
                step_A /= 2
            self.mode_A, height = self.mode_A + step_A, new
        half_logdet = np.log(np.abs(self.inverse.U.diagonal())).sum() / 2
        return float(height - log_F @ self.levels_F - half_logdet)

    def _height(self, at_A: Floats, precision_A: Floats) -> float:
        odds_N = self.design_N_A @ at_A
        return float(self.right_N @ odds_N - np.logaddexp(0, odds_N).sum() - precision_A @ at_A**2 / 2)
