"""What RStd and ECE come to by chance: an answerer without bias, or one who is calibrated, shows some too."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harmonia.hashing import draw

RESAMPLES = 1_000
_CHUNK = 2**22


def unbiased_rstd(right_C: NDArray[np.int64], found: int) -> tuple[float, float]:
    """RStd of an answerer who finds as many answers, none because of its letter.

    The answers found are spread over the items at random, each way equally likely: found per
    letter is multivariate hypergeometric, and RStd the standard deviation of its recalls.

    Args:
        right_C: Items of which each letter is right.
        found: Items answered right.

    Returns:
        Mean, and the 95 % point, over 1,000 draws.
    """
    some_C = right_C[right_C > 0]
    rng = np.random.default_rng(draw(0, "analysis/rstd", f"{some_C.tolist()} {found}"))
    found_R_C = rng.multivariate_hypergeometric(some_C, found, size=RESAMPLES)
    return _summary((found_R_C / some_C).std(axis=1))


def calibrated_ece(confidence_I: NDArray[np.float64], bin_I: NDArray[np.int64]) -> tuple[float, float]:
    """ECE of an answerer of these confidences who is right with just that probability.

    Args:
        confidence_I: Confidence of each item, 0 to 1.
        bin_I: The bin that it falls into.

    Returns:
        Mean, and the 95 % point, over 1,000 draws.
    """
    order_I = np.argsort(bin_I, kind="stable")
    sure_I = confidence_I[order_I]
    starts = np.unique(bin_I[order_I], return_index=True)[1]
    rng = np.random.default_rng(draw(0, "analysis/ece", f"{len(sure_I)} items"))
    found = []
    rows = max(1, _CHUNK // len(sure_I))
    for first in range(0, RESAMPLES, rows):
        right_R_I = rng.random((min(rows, RESAMPLES - first), len(sure_I))) < sure_I
        gap_R_B = np.add.reduceat(right_R_I - sure_I, starts, axis=1)
        found.append(np.abs(gap_R_B).sum(axis=1) / len(sure_I))
    return _summary(np.concatenate(found))


def _summary(value_R: NDArray[np.float64]) -> tuple[float, float]:
    return float(value_R.mean()), float(np.quantile(value_R, 0.95))
