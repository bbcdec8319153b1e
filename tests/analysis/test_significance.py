"""McNemar and Holm by hand; the partial correlation against derivations of another kind."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import pearsonr, rankdata, spearmanr, t

from harmonia.analysis.partial import cluster_interval, partial_spearman
from harmonia.analysis.tests import holm, mcnemar
from harmonia.errors import InputError


def test_mcnemar_by_hand() -> None:
    left = np.array([1] * 5 + [0] * 1 + [1] * 9 + [0] * 3, dtype=bool)
    right = np.array([0] * 5 + [1] * 1 + [1] * 9 + [0] * 3, dtype=bool)
    # Of six items that differ five fall to one side: 2 (1 + 6) / 2^6.
    assert mcnemar(left, right) == (5, 1, pytest.approx(14 / 64))
    assert mcnemar(right, left) == (1, 5, pytest.approx(14 / 64))
    assert mcnemar(left, left) == (0, 0, 1.0)


def test_holm_by_hand() -> None:
    # Sorted .005 .01 .03 .04, times 4 3 2 1: .02 .03 .06 .04, and .04 may not fall below .06.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.6]) == [1.0, 1.0]
    assert holm([]) == []


def _exact_residuals(y: list[Fraction], z: list[Fraction]) -> list[Fraction]:
    """Residuals of the least-squares line of y on z, in whole fractions: ties are exact."""
    n = len(y)
    mean_y, mean_z = sum(y, Fraction(0)) / n, sum(z, Fraction(0)) / n
    spread = sum((b - mean_z) ** 2 for b in z)
    slope = sum((a - mean_y) * (b - mean_z) for a, b in zip(y, z, strict=True)) / spread
    return [a - mean_y - slope * (b - mean_z) for a, b in zip(y, z, strict=True)]


def _ranks(values: list[int]) -> list[Fraction]:
    """Mean ranks by counting."""
    return [Fraction(2 * sum(b < a for b in values) + values.count(a) + 1, 2) for a in values]


@pytest.mark.parametrize("number", range(20))
def test_partial_spearman_with_ties(number: int) -> None:
    rng = np.random.default_rng(number)
    n = int(rng.integers(6, 40))
    z = rng.integers(0, 4, n)
    z[:2] = 0, 3
    x, y = z + rng.integers(0, 5, n), rng.integers(0, 4, n) - z
    ranks = [_ranks(values.tolist()) for values in (x, y, z)]
    rest_x, rest_y = (_exact_residuals(rank, ranks[2]) for rank in ranks[:2])

    paper = partial_spearman(x, y, z, form="paper")
    # Ranks of fractions, so that equal residuals tie; scipy takes them from there.
    places = [[sorted(set(rest)).index(value) for value in rest] for rest in (rest_x, rest_y)]
    expected = spearmanr(*places)
    assert (paper.r, paper.p, paper.n) == pytest.approx((expected.statistic, expected.pvalue, n))

    standard = partial_spearman(x, y, z, form="standard")
    # The textbook's formula of a partial correlation from the three plain ones.
    rank = [rankdata(values) for values in (x, y, z)]
    xy, xz, yz = (pearsonr(rank[a], rank[b]).statistic for a, b in ((0, 1), (0, 2), (1, 2)))
    r = (xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2))
    assert standard.r == pytest.approx(r)
    assert standard.p == pytest.approx(2 * t.sf(abs(r) * np.sqrt((n - 3) / (1 - r**2)), n - 3))


def test_two_controls_are_the_recursion_of_one() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(4, 30)) + rng.normal(size=30)
    rank = [rankdata(one) for one in values]
    plain = np.corrcoef(rank)

    def partial(a: int, b: int, given: list[int]) -> float:
        if not given:
            return float(plain[a, b])
        *rest, c = given
        ab, ac, bc = partial(a, b, rest), partial(a, c, rest), partial(b, c, rest)
        return (ab - ac * bc) / float(np.sqrt((1 - ac**2) * (1 - bc**2)))

    found = partial_spearman(*values, form="standard")
    r = partial(0, 1, [2, 3])
    assert found.r == pytest.approx(r)
    assert found.p == pytest.approx(2 * t.sf(abs(r) * np.sqrt(26 / (1 - r**2)), 26))


def test_what_is_undefined_and_too_few_points() -> None:
    x = np.array([1.0, 2.0, 3.0, 4.0])
    assert partial_spearman(x, np.ones(4), x, form="paper").r == 0
    # A control that is x itself leaves nothing of x.
    assert partial_spearman(x, x[::-1].copy(), x, form="standard").r == 0
    assert np.isnan(partial_spearman(x[:3], x[:3], np.array([1.0, 1.0, 2.0]), form="standard").p)
    with pytest.raises(InputError):
        partial_spearman(x[:2], x[:2], form="paper")


def test_clusters_are_drawn_whole() -> None:
    rng = np.random.default_rng(1)
    x, y, z = rng.normal(size=(3, 12))
    clusters = ["a"] * 5 + ["b"] * 7
    found = cluster_interval(x, y, z, clusters=clusters, form="paper", address="t")
    # Two clusters give three resamples: aa, ab, bb, with chances 1/4, 1/2, 1/4.
    parts = [np.r_[0:5, 0:5], np.r_[0:12], np.r_[5:12, 5:12]]
    values = [partial_spearman(x[part], y[part], z[part], form="paper").r for part in parts]
    assert found == pytest.approx((min(values), max(values)))
    alone = cluster_interval(x, y, z, clusters=["a"] * 12, form="standard", address="t")
    r = partial_spearman(x, y, z, form="standard").r
    assert alone == pytest.approx((r, r))
