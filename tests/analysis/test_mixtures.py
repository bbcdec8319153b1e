"""C5: bounds of the best mixture by hand, what it takes to be decided, and how often it is wrong."""

from __future__ import annotations

import sys
from itertools import product
from typing import Any

import numpy as np
import pytest
from made_answers import answers, run
from models import REPOSITORY
from scipy.stats import t

from harmonia.analysis import Answers, RunAnswers
from harmonia.analysis.mixtures import mixture_findings

sys.path.insert(0, str(REPOSITORY / "scripts"))

from simulate_verdicts import TRUTHS, shares

_ENDS = {0.0: "incompatible", 1.0: "self_aligning"}


def _swept(
    shares_right: dict[float, float],
    *,
    seeds: int = 3,
    domains: int = 3,
    sure: dict[float, float] | None = None,
) -> RunAnswers:
    """A sweep in which each ratio is right with a chance of its own."""
    rng = np.random.default_rng(4)
    found: dict[tuple[str, str, int | None, str, str], Answers] = {}
    for domain in (f"d{place}" for place in range(domains)):
        found[domain, "base", None, "icl5", "in_domain"] = answers([True] * 120, prefix=domain)
        for (ratio, share), seed in product(shares_right.items(), range(seeds)):
            group = _ENDS.get(ratio, f"mixed_{ratio:g}")
            found[domain, group, seed, "chat0", "in_domain"] = answers(
                rng.random(120) < share, prefix=domain, sure=(sure or {}).get(ratio, 0.7)
            )
    return run(found)


def _findings(made: RunAnswers) -> tuple[Any, Any]:
    return mixture_findings([made], "in_domain")


def test_bounds_of_the_best_mixture_by_hand() -> None:
    made = _swept({0.25: 0.4, 0.5: 0.55, 1.0: 0.5}, domains=1)
    beats, _ = _findings(made)

    def right(group: str) -> np.ndarray:
        tuned = made.tuned("d0", group, "chat0", "in_domain")
        return np.stack([tuned[seed].correct_I for seed in range(3)]).astype(float)

    lows, highs = [], []
    for group in ("mixed_0.25", "mixed_0.5"):
        change = right(group) - right("self_aligning")
        # Mean squares of seeds, items and their interaction, as textbooks give them.
        by_seed = 120 * change.mean(axis=1).var(ddof=1) / 360
        by_item = 3 * change.mean(axis=0).var(ddof=1) / 360
        rest = change - change.mean(axis=1)[:, None] - change.mean(axis=0) + change.mean()
        both = (rest**2).sum() / (2 * 119) / 360
        items, seeds = max(by_item - both, 0), max(by_seed, both)
        total = items + seeds
        freedom = total**2 / (by_seed**2 / 2 + by_item**2 / 119)
        for tail, sign, ends in ((0.025 / 2, -1, lows), (0.025, 1, highs)):
            reach = np.sqrt(t.isf(tail, freedom) ** 2 * items + t.isf(tail, 2) ** 2 * seeds)
            ends.append(100 * (change.mean() + sign * reach))
    assert (beats.low, beats.high) == pytest.approx((max(lows), max(highs)))
    assert beats.details["mixture"] == [0.25, 0.5][int(np.argmax(lows))]


def test_a_better_mixture_is_found_and_a_worse_one_only_in_a_whole_sweep() -> None:
    better = {0.0: 0.3, 0.25: 0.4, 0.5: 0.9, 0.75: 0.6, 1.0: 0.6}
    # An answerer of the base's own confidence is at KL 0 from it where it gives the same answer.
    beats, nearer = _findings(_swept(better))
    assert (beats.verdict, nearer.verdict) == ("supported", "supported")
    assert beats.details["mixture"] == nearer.details["mixture"] == 0.5
    assert 20 < beats.low < beats.effect < beats.high < 40 and nearer.high < 0
    one_seed, moved = _findings(_swept(better, seeds=1))
    assert (one_seed.verdict, moved.verdict) == ("inconclusive", "inconclusive")
    assert "two at least" in one_seed.held_back and one_seed.needed is None

    worse = {0.0: 0.1, 0.25: 0.2, 0.5: 0.2, 0.75: 0.2, 1.0: 0.9}
    assert _findings(_swept(worse))[0].verdict == "contradicted"
    coarse, _ = _findings(_swept({ratio: share for ratio, share in worse.items() if ratio != 0.5}))
    assert coarse.high < 0 and coarse.verdict == "inconclusive" and "gap" in coarse.held_back


@pytest.mark.slow
def test_the_nearer_half_fails_only_if_all_mixtures_are_farther_away() -> None:
    rights = {0.0: 0.8, 0.25: 0.5, 0.5: 0.9, 0.75: 0.5, 1.0: 0.2}
    far = {0.25: 0.999, 0.5: 0.999, 0.75: 0.999}
    assert _findings(_swept(rights, sure=far))[1].verdict == "contradicted"
    gap = {ratio: share for ratio, share in rights.items() if ratio != 0.5}
    coarse = _findings(_swept(gap, sure=far))[1]
    assert coarse.low > 0 and coarse.verdict == "inconclusive" and "another mixture" in coarse.held_back
    one_near = rights | {0.25: 0.85}
    held = _findings(_swept(one_near, sure={0.5: 0.9999, 0.75: 0.999}))[1]
    assert held.details["mixture"] == 0.5 and held.low > 0
    assert held.verdict == "inconclusive" and "another mixture" in held.held_back


def test_without_a_shared_mixture_nothing_is_computed() -> None:
    beats, nearer = _findings(_swept({0.0: 0.3, 1.0: 0.6}))
    assert (beats.verdict, nearer.verdict) == ("not computed", "not computed") and beats.because
    beats, nearer = _findings(_swept({0.5: 0.3, 1.0: 0.6}))
    assert beats.effect is not None and nearer.because and "ratio 0" in nearer.because


@pytest.mark.parametrize("truth", [(0,), *TRUTHS.values()])
def test_few_seeds_that_differ_much_mislead_seldom(truth: tuple[float, ...]) -> None:
    """One unit, two seeds, 8 points: where plain t intervals are wrong most often."""
    found = shares(np.random.default_rng(5), truth, seeds=2, spread=8, units=1, runs=100, suites=1)
    assert max(found.values()) <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("truth", [(0,), *TRUTHS.values()])
@pytest.mark.parametrize("spread", [0, 8])
@pytest.mark.parametrize("seeds", [1, 2, 5])
def test_verdicts_are_seldom_wrong_at_their_boundary(
    seeds: int, spread: float, truth: tuple[float, ...]
) -> None:
    rng = np.random.default_rng(6)
    for units in (1, 6):
        runs = 100 if seeds > 1 else 5
        found = shares(rng, truth, seeds=seeds, spread=spread, units=units, runs=runs)
        # 5 % and two standard errors of what was simulated.
        most = [0.05 + 2 * (0.05 * 0.95 / (runs * (3 if suites == 1 else 1))) ** 0.5 for suites, _ in found]
        assert all(share <= bound for share, bound in zip(found.values(), most, strict=True))
        assert seeds > 1 or not any(found.values())
