"""Calibration against a case worked by hand, scikit-learn, and a loop written another way."""

from __future__ import annotations

import math

import numpy as np
import pytest
from made_answers import belief

from harmonia.analysis.answers import Answers
from harmonia.analysis.calibration import brier_score, calibration_error, calibration_of, reliability
from harmonia.errors import InputError


def test_case_worked_by_hand():
    # Two bins of two: (.5 right, .6 wrong), (.8 right, .9 right).
    confidence, right = np.array([0.9, 0.5, 0.8, 0.6]), np.array([True, True, True, False])
    low, high = reliability(confidence, right, bins=2)
    assert (low.n, low.right, high.n, high.right) == (2, 0.5, 2, 1.0)
    assert (low.confidence, high.confidence) == pytest.approx((0.55, 0.85))
    # 2/4 * |.5 - .55| + 2/4 * |1 - .85|
    assert calibration_error([low, high]) == pytest.approx(0.1)
    # Wilson for 2 of 2, z = 1.96: (1 + z2/4) / (1 + z2/2) - z sqrt(z2/16) / (1 + z2/2) = 1 / (1 + z2/2)
    z2 = 1.959963985**2
    assert (high.right_low, high.right_high) == pytest.approx((1 / (1 + z2 / 2), 1.0))


def test_brier_by_hand_with_items_of_two_and_three_options():
    # .2^2 + .1^2 + .1^2 = .06;  (.3 - 1)^2 + .7^2 = .98
    answers = Answers.of([belief("a", (0.8, 0.1, 0.1), 0), belief("b", (0.3, 0.7), 0)])
    found, _ = calibration_of(answers)
    assert found.brier == pytest.approx((0.06 + 0.98) / 2)
    assert found.n == 2
    assert brier_score(np.full((5, 4), 0.25), np.zeros(5, dtype=int)) == pytest.approx(0.75)


def test_ties_stay_together_whatever_the_order():
    confidence = np.array([0.5] * 7 + [0.9] * 3)
    right = np.array([True, False, True, False, True, False, False, True, True, False])
    found = reliability(confidence, right, bins=5)
    assert [one.n for one in found] == [7, 3]
    order = np.random.default_rng(0).permutation(10)
    assert reliability(confidence[order], right[order], bins=5) == found


@pytest.mark.parametrize("n", [15, 100, 1000])
def test_against_a_slow_loop(n):
    rng = np.random.default_rng(n)
    confidence, right = rng.uniform(0.25, 1, n), rng.random(n) < 0.6
    pairs = sorted(zip(confidence.tolist(), right.tolist(), strict=True))
    total, start = 0.0, 0
    for number in range(1, 16):
        # The middle of an item's share of the mass decides: as many as have it below number / 15.
        end = math.ceil(number * n / 15 - 0.5)
        part = pairs[start:end]
        total += abs(sum(hit for _, hit in part) - sum(sure for sure, _ in part))
        start = end
    assert start == n
    assert calibration_error(reliability(confidence, right)) == pytest.approx(total / n, abs=1e-12)
    sizes = [one.n for one in reliability(confidence, right)]
    assert len(sizes) == 15 and max(sizes) - min(sizes) <= 1


def test_against_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    calibration = pytest.importorskip("sklearn.calibration")
    rng = np.random.default_rng(3)
    probs, gold = rng.dirichlet(np.ones(4), size=600), rng.integers(0, 4, size=600)
    # One yes-or-no question per option: their mean squared errors add up to the multi-class score.
    theirs = sum(metrics.brier_score_loss(gold == option, probs[:, option]) for option in range(4))
    assert brier_score(probs, gold) == pytest.approx(theirs, abs=1e-12)
    confidence, right = probs.max(axis=1), probs.argmax(axis=1) == gold
    share, mean = calibration.calibration_curve(right, confidence, n_bins=15, strategy="quantile")
    ours = reliability(confidence, right)
    assert [one.right for one in ours] == pytest.approx(share.tolist())
    assert [one.confidence for one in ours] == pytest.approx(mean.tolist())


def test_nothing_to_judge():
    with pytest.raises(InputError, match="no answers"):
        reliability(np.array([]), np.array([], dtype=bool))
