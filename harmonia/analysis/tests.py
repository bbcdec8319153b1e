"""Tests of two models on the same items, and the correction for making many."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest


def mcnemar(left_I: NDArray[np.bool_], right_I: NDArray[np.bool_]) -> tuple[int, int, float]:
    """Exact McNemar test of two models that answered the same items (McNemar 1947).

    Items that both get right or both get wrong say nothing; of the others, as many should
    fall to either side. The test holds for the two models at hand, not for the kinds of
    training that made them. So with several seeds it is made seed by seed: counts added
    over seeds are not independent.

    Returns:
        Items that only the left model got right, items that only the right one did, and
        the two-sided binomial p; 1 if there are none.
    """
    left_only = int((left_I & ~right_I).sum())
    right_only = int((~left_I & right_I).sum())
    if not left_only + right_only:
        return 0, 0, 1.0
    return left_only, right_only, float(binomtest(left_only, left_only + right_only).pvalue)


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment (Holm 1979): any p below alpha bears the family's error rate.

    Returns:
        The adjusted values in the same order, at most 1.
    """
    order = sorted(range(len(p)), key=lambda place: p[place])
    adjusted = [0.0] * len(p)
    reached = 0.0
    for rank, place in enumerate(order):
        reached = max(reached, min(1.0, (len(p) - rank) * p[place]))
        adjusted[place] = reached
    return adjusted
