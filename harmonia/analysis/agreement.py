"""How well two distributions over the same options agree, for many items at once.

Arrays end in their axes: `I` items, `C` options. The formulas are those of Ren et al.
(2024), section on knowledge consistency, as DESIGN fixes them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FLOOR = 1e-12
"""Probabilities are raised to this before a logarithm."""


def dense_ranks(probs_I_C: Floats) -> NDArray[np.int64]:
    """Dense ranks of each row: 1 = most probable, equal values share a rank.

    Returns:
        Shape (I, C), values 1 to C without gaps.
    """
    order_I_C = np.argsort(-probs_I_C, axis=1, kind="stable")
    sorted_I_C = np.take_along_axis(probs_I_C, order_I_C, axis=1)
    steps_I_C = np.ones(probs_I_C.shape, dtype=np.int64)
    steps_I_C[:, 1:] = sorted_I_C[:, 1:] != sorted_I_C[:, :-1]
    ranks_I_C = np.empty_like(steps_I_C)
    np.put_along_axis(ranks_I_C, order_I_C, np.cumsum(steps_I_C, axis=1), axis=1)
    return ranks_I_C


def rank_agreement(before_I_C: Floats, after_I_C: Floats) -> Floats:
    """Pearson correlation of the two models' dense ranks, item by item.

    Returns:
        Shape (I,), -1 to 1; 0 where either model ranks all options alike.
    """
    x_I_C = dense_ranks(before_I_C).astype(np.float64)
    y_I_C = dense_ranks(after_I_C).astype(np.float64)
    x_I_C -= x_I_C.mean(axis=1, keepdims=True)
    y_I_C -= y_I_C.mean(axis=1, keepdims=True)
    norm_I = np.sqrt((x_I_C**2).sum(axis=1) * (y_I_C**2).sum(axis=1))
    products_I = (x_I_C * y_I_C).sum(axis=1)
    return np.asarray(np.divide(products_I, norm_I, out=np.zeros(len(norm_I)), where=norm_I > 0))


def kl_divergence(p_I_C: Floats, q_I_C: Floats) -> Floats:
    """KL(p || q) in nats, item by item, both floored at `FLOOR`.

    Returns:
        Shape (I,), 0 or more (up to the floor's rounding).
    """
    p_I_C, q_I_C = np.maximum(p_I_C, FLOOR), np.maximum(q_I_C, FLOOR)
    return np.asarray((p_I_C * (np.log(p_I_C) - np.log(q_I_C))).sum(axis=1))


def jensen_shannon(p_I_C: Floats, q_I_C: Floats) -> Floats:
    """Jensen-Shannon divergence in nats, item by item.

    Returns:
        Shape (I,), 0 to ln 2.
    """
    middle_I_C = (p_I_C + q_I_C) / 2
    return (kl_divergence(p_I_C, middle_I_C) + kl_divergence(q_I_C, middle_I_C)) / 2
