"""What chance gives, against simulations written item by item."""

from __future__ import annotations

import numpy as np
import pytest

from harmonia.analysis.calibration import calibration_error, reliability
from harmonia.analysis.chance import calibrated_ece, unbiased_rstd


def test_rstd_against_shuffled_items():
    letters = np.repeat([0, 1, 2, 3], [60, 45, 52, 43])
    right = np.arange(200) < 110
    rng, seen = np.random.default_rng(5), []
    for _ in range(4000):
        rng.shuffle(right)
        seen.append(np.std([right[letters == letter].mean() for letter in range(4)]))
    mean, point = unbiased_rstd(np.array([60, 45, 52, 43, 0]), 110)
    # Four standard errors of 1,000 draws; a quantile's is about twice a mean's.
    error = np.std(seen) / 1000**0.5
    assert mean == pytest.approx(np.mean(seen), abs=5 * error)
    assert point == pytest.approx(np.quantile(seen, 0.95), abs=12 * error)
    assert (mean, point) == unbiased_rstd(np.array([60, 45, 52, 43]), 110)


def test_one_answer_always_right_has_no_spread():
    assert unbiased_rstd(np.array([3, 4]), 7) == (0.0, 0.0)


def test_ece_against_the_shipped_bins_item_by_item():
    rng = np.random.default_rng(6)
    confidence = np.round(rng.uniform(0.25, 1, 200), 2)  # with ties
    seen = [calibration_error(reliability(confidence, rng.random(200) < confidence)) for _ in range(600)]
    places = np.array([((confidence < c).sum() + (confidence <= c).sum()) / 2 for c in confidence])
    mean, point = calibrated_ece(confidence, (15 * places / 200).astype(int))
    error = np.std(seen) / 600**0.5
    assert mean == pytest.approx(np.mean(seen), abs=6 * error)
    assert point == pytest.approx(np.quantile(seen, 0.95), abs=15 * error)
