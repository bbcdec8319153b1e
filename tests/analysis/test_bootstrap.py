"""Paired intervals: against a plain bootstrap, textbook variances, and how often they hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import t

from harmonia.analysis import bootstrap
from harmonia.analysis.bootstrap import PairedUnit, paired_bootstrap
from harmonia.errors import InputError


def _unit(change_S_I: np.ndarray, prefix: str = "") -> PairedUnit:
    ids = np.array([f"{prefix}{number}" for number in range(change_S_I.shape[1])], dtype=object)
    return PairedUnit(items_I=ids, clusters_I=ids, left_S_I=change_S_I, right_S_I=np.zeros(change_S_I.shape))


def _changes(rng: np.random.Generator, seeds: int, items: int) -> np.ndarray:
    return rng.choice([-1.0, 0.0, 1.0], p=[0.15, 0.6, 0.25], size=(seeds, items))


def test_one_seed_is_the_plain_percentile_bootstrap() -> None:
    rng = np.random.default_rng(1)
    change = _changes(rng, 1, 250)
    found = paired_bootstrap([_unit(change)], address="a")
    plain = [change[0, rng.integers(0, 250, 250)].mean() for _ in range(20_000)]
    low, high = np.quantile(plain, (0.025, 0.975))
    assert found.value == pytest.approx(change.mean())
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.005)
    error = change.std(ddof=1) / math.sqrt(250)
    assert found.p == pytest.approx(2 * t.sf(abs(change.mean()) / error, 249))
    assert (found.items, found.seeds, found.units, found.seed_variance) == (250, 1, 1, None)


def test_variances_are_those_of_a_two_way_table() -> None:
    # The textbook's mean squares of a table of seeds x items without repetition, cell by cell.
    change = np.random.default_rng(2).normal(size=(3, 5)) + np.array([[0.0], [1.0], [3.0]])
    seeds, items = change.shape
    grand = change.mean()
    per_seed = items * sum((change[s].mean() - grand) ** 2 for s in range(seeds)) / (seeds - 1)
    per_item = seeds * sum((change[:, i].mean() - grand) ** 2 for i in range(items)) / (items - 1)
    rest = sum(
        (change[s, i] - change[s].mean() - change[:, i].mean() + grand) ** 2
        for s in range(seeds)
        for i in range(items)
    ) / ((seeds - 1) * (items - 1))
    found = paired_bootstrap([_unit(change)], address="a", resamples=50_000)
    assert found.mixed_variance == pytest.approx(rest / 15)
    assert found.seed_variance == pytest.approx((per_seed - rest) / 15)
    assert found.item_variance == pytest.approx(max(per_item - rest, 0) / 15)
    variance = max(per_seed + per_item - rest, per_seed, per_item, rest) / 15
    freedom = variance**2 / ((per_seed / 15) ** 2 / 2 + (per_item / 15) ** 2 / 4)
    assert found.p == pytest.approx(2 * t.sf(abs(grand) / math.sqrt(variance), freedom))
    # With its ends as far out as the deviations of the resamples, t standard errors off.
    assert (found.high - found.low) / 2 == pytest.approx(math.sqrt(variance) * t.ppf(0.975, freedom), rel=0.1)


def test_items_that_units_share_count_once() -> None:
    change = _changes(np.random.default_rng(3), 1, 400)
    one = paired_bootstrap([_unit(change)], address="a")
    shared = paired_bootstrap([_unit(change), _unit(change)], address="a")
    apart = paired_bootstrap([_unit(change), _unit(change, "other")], address="a")
    assert shared.item_variance == pytest.approx(one.item_variance)
    assert apart.item_variance == pytest.approx(one.item_variance / 2)
    assert (shared.items, apart.items) == (400, 800)
    assert shared.high - shared.low == pytest.approx(one.high - one.low, rel=0.05)
    assert apart.high - apart.low == pytest.approx((one.high - one.low) / math.sqrt(2), rel=0.05)


def test_units_weigh_the_same_and_order_does_not_matter() -> None:
    rng = np.random.default_rng(4)
    small, large = _changes(rng, 2, 50), _changes(rng, 3, 500)
    found = paired_bootstrap([_unit(small, "s"), _unit(large, "l")], address="a")
    assert found.value == pytest.approx((small.mean() + large.mean()) / 2)
    assert found.left == pytest.approx(found.value) and found.right == 0 and found.seeds == 2
    order = rng.permutation(500)
    ids = _unit(large, "l").items_I[order]
    turned = PairedUnit(items_I=ids, clusters_I=ids, left_S_I=large[:, order], right_S_I=0 * large)
    again = paired_bootstrap([_unit(small, "s"), turned], address="a")
    assert (again.low, again.high) == pytest.approx((found.low, found.high))
    other = paired_bootstrap([_unit(small, "s"), turned], address="b")
    reach = again.value - again.low
    assert other.low != again.low and other.low == pytest.approx(again.low, abs=0.05 * reach)


@pytest.mark.slow
def test_many_different_items_are_drawn_as_few_are(monkeypatch: pytest.MonkeyPatch) -> None:
    change = np.random.default_rng(5).exponential(size=(2, 900)) - 0.9
    exact = paired_bootstrap([_unit(change)], address="a", resamples=20_000)
    monkeypatch.setattr(bootstrap, "_MOST_PROFILES", 10)
    normal = paired_bootstrap([_unit(change)], address="a", resamples=20_000)
    half = (exact.high - exact.low) / 2
    assert (normal.low, normal.high) == pytest.approx((exact.low, exact.high), abs=0.05 * half)


@pytest.mark.slow
@pytest.mark.parametrize(("units", "seeds"), [(4, 3), (1, 1), (1, 5)])
def test_intervals_hold_the_truth_as_often_as_they_say(units: int, seeds: int) -> None:
    """Items, seeds and answers drawn from a known law; the truth is its mean, .08."""
    rng = np.random.default_rng(6)
    held = 0
    trials = 400
    # One seed can say nothing of others: there the law has none.
    spread = 0.06 if seeds > 1 else 0.0
    for _ in range(trials):
        made = []
        for unit in range(units):
            lean = 0.08 + rng.uniform(-0.35, 0.35, size=120) + rng.normal(0, spread, size=(seeds, 1))
            left = rng.random((seeds, 120)) < 0.45 + lean / 2
            right = rng.random((seeds, 120)) < 0.45 - lean / 2
            made.append(_unit(left.astype(float) - right, f"{unit}-"))
        found = paired_bootstrap(made, address="a", resamples=400)
        held += found.low <= 0.08 <= found.high
    assert 0.92 <= held / trials <= 0.985


def test_nothing_to_compare_is_refused_and_no_spread_proves_nothing() -> None:
    for units in ([], [_unit(np.zeros((1, 0)))]):
        with pytest.raises(InputError):
            paired_bootstrap(units, address="a")
    found = paired_bootstrap([_unit(np.ones((2, 3)))], address="a")
    assert (found.value, found.low, found.high, found.p) == (1, 1, 1, 1)
