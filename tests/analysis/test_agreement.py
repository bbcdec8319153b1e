"""The array formulas against scipy row by row, on random rows with ties, and by hand."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy, kendalltau, pearsonr, rankdata, spearmanr

from harmonia.analysis import agreement
from harmonia.analysis.agreement import (
    jensen_shannon,
    kendall,
    kl_divergence,
    rank_agreement,
    spearman,
)


@pytest.fixture(params=[2, 4, 7, 26])
def pair(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(request.param)
    # Few distinct values, so that most rows hold ties and some are constant.
    p, q = (rng.integers(1, 4, size=(300, request.param)).astype(float) for _ in range(2))
    return p / p.sum(axis=1, keepdims=True), q / q.sum(axis=1, keepdims=True)


def test_rank_agreement_is_pearson_of_ranks(pair: tuple[np.ndarray, np.ndarray]) -> None:
    found = rank_agreement(*pair)
    for one, two, value in zip(*pair, found, strict=True):
        x, y = rankdata(-one, method="dense"), rankdata(-two, method="dense")
        if len(set(x)) == 1 or len(set(y)) == 1:
            assert value == 0.0
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # two options: scipy warns that the p-value means little
            assert value == pytest.approx(pearsonr(x, y).statistic, abs=1e-12)


def test_rank_correlations_are_scipys(pair: tuple[np.ndarray, np.ndarray]) -> None:
    found = zip(*pair, spearman(*pair), kendall(*pair), strict=True)
    for one, two, rho, tau in found:
        if len(set(one)) == 1 or len(set(two)) == 1:
            assert rho == tau == 0.0
            continue
        assert rho == pytest.approx(spearmanr(one, two).statistic, abs=1e-12)
        assert tau == pytest.approx(kendalltau(one, two, variant="b").statistic, abs=1e-12)


def test_entropy_is_scipys(pair: tuple[np.ndarray, np.ndarray]) -> None:
    assert agreement.entropy(pair[0]) == pytest.approx(entropy(pair[0], axis=1), abs=1e-12)
    assert agreement.entropy(np.array([[1.0, 0.0]]))[0] == pytest.approx(-1e-12 * math.log(1e-12))


def test_divergences_are_scipys(pair: tuple[np.ndarray, np.ndarray]) -> None:
    p, q = pair
    assert kl_divergence(p, q) == pytest.approx([entropy(a, b) for a, b in zip(p, q, strict=True)], abs=1e-12)
    expected = [jensenshannon(a, b) ** 2 for a, b in zip(p, q, strict=True)]
    assert jensen_shannon(p, q) == pytest.approx(np.nan_to_num(expected), abs=1e-12)


def test_worked_by_hand() -> None:
    # Ranks 1 2 3 3 against 3 1 2 2: means 2.25 and 2, products -1.25*1 + -.25*-1 + 0 + 0 = -1,
    # squares 2.75 and 2.
    p, q = np.array([[0.5, 0.3, 0.1, 0.1]]), np.array([[0.1, 0.4, 0.25, 0.25]])
    assert rank_agreement(p, q)[0] == pytest.approx(-1 / math.sqrt(2.75 * 2))
    # KL of (1, 0) from (.5, .5) is ln 2; the floor keeps the zero finite the other way round.
    sure, even = np.array([[1.0, 0.0]]), np.array([[0.5, 0.5]])
    assert kl_divergence(sure, even)[0] == pytest.approx(math.log(2))
    assert kl_divergence(even, sure)[0] == pytest.approx(-math.log(2) - 0.5 * math.log(1e-12))
    assert jensen_shannon(sure, 1 - sure)[0] == pytest.approx(math.log(2))
    # Mean ranks 1 2 3.5 3.5 against 4 1 2.5 2.5: products of what is off the mean -2.25 + .75 + 0 + 0,
    # squares 4.5 each. Of six pairs the first loses one to its tie, the second one, the same:
    # (1,2) (1,3) (1,4) disagree, (2,3) (2,4) agree.
    assert spearman(p, q)[0] == pytest.approx(-1.5 / 4.5)
    assert kendall(p, q)[0] == pytest.approx((2 - 3) / 5)
