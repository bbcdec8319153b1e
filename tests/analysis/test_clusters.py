"""Intervals that draw whole clusters: against scipy, statsmodels, and how often they hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from made_answers import belief
from scipy.stats import ttest_1samp

from harmonia.analysis.answers import Answers
from harmonia.analysis.bootstrap import Estimate, PairedUnit, mean_intervals, paired_bootstrap
from harmonia.analysis.consistency import consistency_of
from harmonia.types import Belief


def _unit(change_S_I: np.ndarray, cluster_I: np.ndarray | None = None, start: int = 0) -> PairedUnit:
    items = np.arange(start, start + change_S_I.shape[1], dtype=np.uint64)
    clusters = items if cluster_I is None else cluster_I.astype(np.uint64) + np.uint64(10**9)
    return PairedUnit(
        items_I=items, clusters_I=clusters, left_S_I=change_S_I, right_S_I=np.zeros(change_S_I.shape)
    )


def _estimate(*units: PairedUnit, resamples: int = 2_000) -> Estimate:
    return paired_bootstrap(units, address="a", resamples=resamples)


def _leaning(rng: np.random.Generator, sizes: np.ndarray, seeds: int, spread: float) -> tuple:
    """(changes, clusters): right and wrong answers whose difference is .08, more in some clusters."""
    cluster_I = np.repeat(np.arange(len(sizes)), sizes)
    lean = 0.08 + rng.normal(0, spread, len(sizes))[cluster_I]
    left, right = (
        rng.random((seeds, len(cluster_I))) < np.clip(0.5 + sign * lean / 2, 0, 1) for sign in (1, -1)
    )
    return left.astype(float) - right, cluster_I


def test_clusters_of_one_size_are_a_t_test_of_their_means() -> None:
    for number in (2, 3, 7, 40):
        change = np.random.default_rng(number).normal(0.3, 1, size=(1, 5 * number))
        means = change.reshape(number, 5).mean(axis=1)
        found = _estimate(_unit(change, np.repeat(np.arange(number), 5)))
        expected = ttest_1samp(means, 0)
        low, high = expected.confidence_interval()
        assert found.p == pytest.approx(expected.pvalue)
        assert (found.freedom, found.clusters, found.items) == (pytest.approx(number - 1), number, 5 * number)
        assert found.high - found.low == pytest.approx(high - low)


def test_the_variance_of_clusters_of_any_size_is_the_sandwich() -> None:
    rng = np.random.default_rng(1)
    cluster_I = np.repeat(np.arange(12), rng.integers(1, 15, size=12))
    change = rng.normal(size=(1, len(cluster_I))) + rng.normal(size=12)[cluster_I]
    found = _estimate(_unit(change, cluster_I))
    plain = sm.OLS(change[0], np.ones(len(cluster_I))).fit(
        cov_type="cluster", cov_kwds={"groups": cluster_I, "use_correction": False}
    )
    # What the sandwich lacks where items are independent: the expected square of its totals.
    share = np.bincount(cluster_I) / len(cluster_I)
    totals = np.eye(12) - share[:, None]
    law = totals @ np.diag(share) @ totals.T
    assert found.item_variance == pytest.approx(plain.bse[0] ** 2 / np.trace(law))
    assert found.freedom == pytest.approx(np.trace(law) ** 2 / np.trace(law @ law))


def test_clusters_that_units_share_are_drawn_for_all_of_them() -> None:
    change, cluster_I = _leaning(np.random.default_rng(2), np.full(20, 6), 2, 0.3)
    one = _estimate(_unit(change, cluster_I))
    shared = _estimate(_unit(change, cluster_I), _unit(change, cluster_I))
    others = _estimate(_unit(change, cluster_I), _unit(change, cluster_I, start=500))
    apart = _estimate(_unit(change, cluster_I), _unit(change, cluster_I + 100, start=500))
    assert (shared.clusters, others.clusters, apart.clusters) == (20, 20, 40)
    assert (shared.items, others.items) == (120, 240)
    assert others.item_variance == pytest.approx(shared.item_variance)
    assert shared.item_variance + shared.mixed_variance == pytest.approx(
        one.item_variance + one.mixed_variance
    )
    assert apart.item_variance == pytest.approx(one.item_variance / 2)


def test_where_clusters_part_nothing_items_are_drawn() -> None:
    change, cluster_I = _leaning(np.random.default_rng(3), np.full(30, 4), 3, 0.2)
    plain = _estimate(_unit(change))
    for clusters in (np.zeros(120), np.arange(120)):
        found = _estimate(_unit(change, clusters))
        assert found.clusters is None
        assert found.item_variance == pytest.approx(plain.item_variance)
    assert _estimate(_unit(change, cluster_I)).item_variance > plain.item_variance


def test_means_of_one_model_are_drawn_by_clusters_too() -> None:
    rng = np.random.default_rng(4)
    values = rng.normal(size=(80, 2)) + rng.normal(size=(8, 2)).repeat(10, axis=0)
    unit = _unit(values.T, np.arange(8).repeat(10))
    low, high = mean_intervals(values, items_I=unit.items_I, clusters_I=unit.clusters_I)
    expected = ttest_1samp(values.reshape(8, 10, 2).mean(axis=1), 0).confidence_interval()
    assert high - low == pytest.approx(expected.high - expected.low)
    same = np.ones((80, 1))
    assert mean_intervals(same, items_I=unit.items_I, clusters_I=unit.clusters_I) == (1, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "spread", "alike", "most"),
    [(40, 0.2, True, 0.93), (12, 0.15, False, 0.88), (4, 0.15, False, 0.85)],
)
def test_items_that_belong_together_need_clusters(
    number: int, spread: float, alike: bool, most: float
) -> None:
    """The truth, .08, is the mean over new clusters; items drawn one by one miss it too often."""
    rng = np.random.default_rng(5)
    held = np.zeros(2)
    trials = 300
    for _ in range(trials):
        sizes = np.full(number, 8) if alike else 1 + rng.lognormal(3, 0.7, number).astype(int)
        change, cluster_I = _leaning(rng, sizes, 3, spread)
        for kind, unit in enumerate((_unit(change), _unit(change, cluster_I))):
            found = _estimate(unit, resamples=300)
            held[kind] += found.low <= 0.08 <= found.high
    items, clusters = held / trials
    assert items <= most
    assert clusters >= 0.92


def test_a_cluster_is_named_by_the_item_or_is_its_domain() -> None:
    def of(*named: tuple[str, str | None]) -> list[int]:
        made: list[Belief] = []
        for number, (domain, cluster) in enumerate(named):
            one = belief(f"item{number}", (0.6, 0.4), 0, domain=domain)
            made.append(replace(one, item=replace(one.item, cluster=cluster)))
        found = Answers.of(made)
        assert Answers.of(made[::-1]).clusters_I.tolist() == found.clusters_I.tolist()
        return found.clusters_I.tolist()

    law, again, art = of(("law", None), ("law", None), ("art", None))
    assert law == again != art
    passage, same, other, alone, lonely = of(
        ("law", "p1"), ("law", "p1"), ("art", "p1"), ("law", None), ("law", None)
    )
    assert passage == same and len({passage, other, alone, lonely}) == 4
    # The same wherever it is asked.
    assert of(("law", "p1"), ("law", "p2"))[0] == passage


def test_the_table_of_consistency_says_over_how_many_clusters() -> None:
    def asked(clusters: int) -> Answers:
        made = [belief(f"item{n:02d}", (0.6, 0.4), n % 2) for n in range(12)]
        return Answers.of(
            [replace(one, item=replace(one.item, cluster=f"p{n % clusters}")) for n, one in enumerate(made)]
        )

    assert consistency_of(asked(4), asked(4)).clusters == 4
    assert consistency_of(asked(12), asked(12)).clusters is None
    assert consistency_of(asked(1), asked(1)).clusters is None
