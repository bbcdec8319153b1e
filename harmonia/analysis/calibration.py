"""Confidence against truth: are answers held with probability .8 right eight times in ten?

Arrays end in their axes: `I` items, `C` options.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harmonia.analysis.answers import Answers
from harmonia.analysis.chance import calibrated_ece
from harmonia.columns import Count, Share
from harmonia.errors import InputError
from harmonia.probe.stability import shares

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

BINS = 15
"""Bins of equal mass, as DESIGN fixes them."""


@dataclass(frozen=True, kw_only=True)
class Bin:
    """Items of like confidence: one point of a reliability diagram.

    Attributes:
        n: Items, 1 or more.
        confidence: Their mean confidence, 0 to 1.
        right: Share of them that is right, 0 to 1.
        right_low: Lower end of its 95 % Wilson interval, items as the sample.
        right_high: Upper end of it.
    """

    n: Count
    confidence: Share
    right: Share
    right_low: Share
    right_high: Share


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """How far a model's confidence can be taken at its word.

    Attributes:
        n: Questions.
        ece: Expected calibration error, 15 bins of equal mass.
        ece_null: Its mean for a calibrated answerer of the same confidences (`chance.py`).
        ece_null_95: The 95 % point of the same.
        brier: Brier score, squared error summed over the options, 0 to 2.
    """

    n: Count
    ece: Share
    ece_null: Share
    ece_null_95: Share
    brier: float


def calibration_of(answers: Answers) -> tuple[Calibration, tuple[Bin, ...]]:
    """Calibration of one model's answers, and its reliability diagram from the least confident on."""
    bins = reliability(answers.confidence_I, answers.correct_I)
    brier = brier_score(answers.probs_I_C, answers.gold_I)
    null, null_95 = calibrated_ece(answers.confidence_I, _bins(answers.confidence_I, BINS))
    ece = calibration_error(bins)
    return Calibration(n=len(answers), ece=ece, ece_null=null, ece_null_95=null_95, brier=brier), bins


def reliability(confidence_I: Floats, right_I: Flags, *, bins: int = BINS) -> tuple[Bin, ...]:
    """Sort items into bins of equal mass by their confidence.

    An item of average rank r among n (ties share theirs) falls into bin
    floor(bins * (r - 1/2) / n). Without ties the bins' sizes differ by one at most. Equal
    confidences are never parted, and the order of the items is of no account. A bin that
    ties leave empty is left out.

    Raises:
        InputError: There are no items.
    """
    if not len(confidence_I):
        raise InputError("no answers to judge the confidence of", remedy="Ask at least one item.")
    bin_I = _bins(confidence_I, bins)
    return tuple(_bin(confidence_I[bin_I == one], right_I[bin_I == one]) for one in np.unique(bin_I))


def calibration_error(bins: Sequence[Bin]) -> float:
    """Expected calibration error over bins of equal mass, 0 (share right = confidence in every bin) to 1.

    sum_b n_b / n * |share right in b - mean confidence in b| (Naeini et al. 2015, with the
    adaptive bins of Nguyen & O'Connor 2015).
    """
    return sum(one.n * abs(one.right - one.confidence) for one in bins) / sum(one.n for one in bins)


def brier_score(probs_I_C: Floats, gold_I: NDArray[np.int64]) -> float:
    """Brier score in its first form: squared error summed over the options, mean over items.

    1/n sum_i sum_c (p_ic - [c = gold_i])^2 (Brier 1950). Items of fewer options than C
    have probability 0 in the columns beyond their own.

    Returns:
        0 (sure and right) to 2 (sure and wrong); k equal probabilities give 1 - 1/k.
    """
    wanted_I_C = np.arange(probs_I_C.shape[1]) == np.asarray(gold_I)[:, None]
    return float(((probs_I_C - wanted_I_C) ** 2).sum(axis=1).mean())


def _bins(confidence_I: Floats, bins: int) -> NDArray[np.int64]:
    in_order_I = np.sort(confidence_I)
    # Mean of the first and the last place of equal values, from 0: average rank - 1/2.
    middle_I = sum(np.searchsorted(in_order_I, confidence_I, side) for side in ("left", "right")) / 2
    return np.floor(bins * middle_I / len(confidence_I)).astype(np.int64)


def _bin(confidence_I: Floats, right_I: Flags) -> Bin:
    return Bin(
        n=len(right_I),
        confidence=float(confidence_I.mean()),
        **shares("right", int(right_I.sum()), len(right_I)),
    )
