"""How well two distributions over the same options agree, for many items at once.

Arrays end in their axes: `I` items, `C` options. Rank agreement and KL are those of
Ren et al. (2024), section on knowledge consistency. A correlation that is undefined,
because one side ranks all options alike, counts as 0, as it does there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FLOOR = 1e-12
"""Probabilities are raised to this before a logarithm."""


def rank_agreement(before_I_C: Floats, after_I_C: Floats) -> Floats:
    """Pearson correlation of the two models' dense ranks, item by item.

    Returns:
        Shape (I,), -1 to 1; 0 where either model ranks all options alike.
    """
    return _pearson(_dense(_by_option(before_I_C)), _dense(_by_option(after_I_C)))


def spearman(before_I_C: Floats, after_I_C: Floats) -> Floats:
    """Spearman's correlation of the two distributions, item by item; ties share mean ranks.

    Returns:
        Shape (I,), -1 to 1; 0 where either model ranks all options alike.
    """
    return _pearson(_average(_by_option(before_I_C)), _average(_by_option(after_I_C)))


def kendall(before_I_C: Floats, after_I_C: Floats) -> Floats:
    """Kendall's tau-b of the two distributions, item by item.

    Returns:
        Shape (I,), -1 to 1; 0 where either model ranks all options alike.
    """
    before_C_I, after_C_I = _by_option(before_I_C), _by_option(after_I_C)
    one_P, other_P = np.triu_indices(len(before_C_I), k=1)
    before_P_I = np.sign(before_C_I[one_P] - before_C_I[other_P])
    after_P_I = np.sign(after_C_I[one_P] - after_C_I[other_P])
    # Pairs tied on one side are 0 there: the sums of squares count the untied ones.
    untied_I = np.sqrt((before_P_I**2).sum(axis=0) * (after_P_I**2).sum(axis=0))
    return _ratio((before_P_I * after_P_I).sum(axis=0), untied_I)


def kl_divergence(p_I_C: Floats, q_I_C: Floats) -> Floats:
    """KL(p || q) in nats, item by item, both floored at `FLOOR`.

    Returns:
        Shape (I,), 0 or more (up to the floor's rounding).
    """
    return _kl(_by_option(p_I_C), _by_option(q_I_C))


def jensen_shannon(p_I_C: Floats, q_I_C: Floats) -> Floats:
    """Jensen-Shannon divergence in nats, item by item.

    Returns:
        Shape (I,), 0 to ln 2.
    """
    p_C_I, q_C_I = _by_option(p_I_C), _by_option(q_I_C)
    middle_C_I = (p_C_I + q_C_I) / 2
    return (_kl(p_C_I, middle_C_I) + _kl(q_C_I, middle_C_I)) / 2


def entropy(probs_I_C: Floats) -> Floats:
    """Entropy of each row in nats, probabilities floored at `FLOOR`.

    Returns:
        Shape (I,), 0 to ln C.
    """
    floored_C_I = np.maximum(_by_option(probs_I_C), FLOOR)
    return np.asarray(-(floored_C_I * np.log(floored_C_I)).sum(axis=0))


def _by_option(probs_I_C: Floats) -> Floats:
    # A sum over few options is many times faster along whole columns of items.
    return np.ascontiguousarray(probs_I_C.T)


def _dense(probs_C_I: Floats) -> Floats:
    ranks_C_I = np.ones(probs_C_I.shape)
    for option, probs_I in enumerate(probs_C_I):
        first_I = ~(probs_C_I[:option] == probs_I).any(axis=0)
        ranks_C_I += (probs_I > probs_C_I) & first_I
    return ranks_C_I


def _average(probs_C_I: Floats) -> Floats:
    ranks_C_I = np.full(probs_C_I.shape, 0.5)
    for probs_I in probs_C_I:
        ranks_C_I += (probs_I > probs_C_I) + 0.5 * (probs_I == probs_C_I)
    return ranks_C_I


def _pearson(x_C_I: Floats, y_C_I: Floats) -> Floats:
    x_C_I = x_C_I - x_C_I.mean(axis=0)
    y_C_I = y_C_I - y_C_I.mean(axis=0)
    norm_I = np.sqrt((x_C_I**2).sum(axis=0) * (y_C_I**2).sum(axis=0))
    return _ratio((x_C_I * y_C_I).sum(axis=0), norm_I)


def _kl(p_C_I: Floats, q_C_I: Floats) -> Floats:
    p_C_I, q_C_I = np.maximum(p_C_I, FLOOR), np.maximum(q_C_I, FLOOR)
    return np.asarray((p_C_I * (np.log(p_C_I) - np.log(q_C_I))).sum(axis=0))


def _ratio(part_I: Floats, whole_I: Floats) -> Floats:
    return np.asarray(np.divide(part_I, whole_I, out=np.zeros(len(whole_I)), where=whole_I > 0))
