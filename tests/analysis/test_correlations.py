"""C4: its three correlations against statsmodels and scipy, and what each of them rests on."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import statsmodels.api as sm
from made_answers import answers, run
from scipy.stats import rankdata, spearmanr

from harmonia.analysis import Answers, RunAnswers, correlations
from harmonia.analysis.agreement import rank_agreement
from harmonia.analysis.answers import per_item


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hundred resamples show as much here as two thousand."""
    monkeypatch.setattr(
        correlations, "cluster_interval", partial(correlations.cluster_interval, resamples=200)
    )


def _sweep(domains: int, *, slope: float, number: int = 0, noise: float = 0.0) -> RunAnswers:
    """Ratios 0 .25 .5 .75 1: agreement rises with the ratio, accuracy with the slope."""
    rng = np.random.default_rng(number)
    found: dict[tuple[str, str, int | None, str, str], Answers] = {}
    ratios = {"incompatible": 0.0, "mixed_0.25": 0.25, "mixed_0.5": 0.5, "mixed_0.75": 0.75, "mixed_1": 1.0}
    for domain in (f"d{place}" for place in range(domains)):
        right = rng.random(200) < rng.uniform(0.4, 0.6)
        found[domain, "base", None, "icl5", "in_domain"] = answers(right)
        for group, ratio in ratios.items():
            for seed in range(2):
                keep = rng.random(200) < 0.2 + 0.6 * ratio
                other = rng.random(200) < 0.45 + slope * ratio + rng.normal(0, noise)
                found[domain, group, seed, "chat0", "in_domain"] = answers(np.where(keep, right, other))
    return run(found, model=f"{number:064d}")


def _points(made: RunAnswers) -> dict[tuple[str, float], list[tuple[float, float]]]:
    """Rank agreement and accuracy of each ratio of each domain, one a seed."""
    points = defaultdict(list)
    for domain in made.domains:
        base = made.base(domain, "icl5", "in_domain")
        assert base is not None
        for ratio, group in made.ratios(domain).items():
            for one in made.tuned(domain, group, "chat0", "in_domain").values():
                agreement = float(per_item(rank_agreement, base, one).mean())
                points[domain, ratio].append((agreement, float(one.correct_I.mean())))
    return points


def test_given_ratio_and_unit_against_statsmodels() -> None:
    made = _sweep(4, slope=0.4, noise=0.05)
    points = {place: np.mean(each, axis=0) for place, each in _points(made).items()}
    of_domain = np.array([[domain == f"d{n}" for n in range(1, 4)] for domain, _ in points])
    of_ratio = np.array([[ratio == one for one in (0.25, 0.5, 0.75, 1.0)] for _, ratio in points])
    design = sm.add_constant(np.hstack([of_domain, of_ratio]).astype(float))
    rest = [
        sm.OLS(rankdata([pair[side] for pair in points.values()]), design).fit().resid.round(9)
        for side in (0, 1)
    ]
    found = {one.what: one for one in correlations.correlations([made], "in_domain")}
    given = found["partial Spearman of rank agreement and tuned accuracy, given ratio and unit"]
    assert given.effect == pytest.approx(spearmanr(*rest).statistic)
    assert (given.decides, given.p, given.units, given.seeds) == (False, None, 4, 2)


def test_within_a_ratio_over_seeds_against_scipy() -> None:
    made = _sweep(3, slope=0.4, noise=0.1)
    off = [np.array(each) - np.mean(each, axis=0) for each in _points(made).values()]
    *_, within = correlations.correlations([made], "in_domain")
    assert within.effect == pytest.approx(spearmanr(*np.concatenate(off).T).statistic)
    assert within.details["points"] == 3 * 5 * 2 and not within.decides


def test_what_the_ratio_alone_does_is_told_from_what_agreement_does() -> None:
    """Ratio moves both and nothing else does: the paper's correlation is there, the others are not."""
    paper, given, within = correlations.correlations([_sweep(8, slope=0.5)], "in_domain")
    assert paper.decides and paper.verdict == "supported" and paper.effect > 0.4
    assert 0 < paper.low < paper.effect < paper.high and paper.details["standard"]["r"] > 0
    assert paper.p is None and "p" not in paper.details["standard"]
    assert (paper.units, paper.details["points"]) == (8, 40)
    for other in (given, within):
        assert abs(other.effect) < 0.35 and other.low < 0 < other.high


def test_few_units_or_one_seed_decide_nothing() -> None:
    few = correlations.correlations([_sweep(3, slope=0.5)], "in_domain")
    assert {one.verdict for one in few} == {"inconclusive"}
    assert few[0].needed is not None and few[0].needed.units is not None and few[0].needed.units >= 6
    made = _sweep(8, slope=0.5)
    first = {place: one for place, one in made.answers.items() if place.seed != 1}
    one_seed = correlations.correlations([replace(made, answers=first)], "in_domain")
    assert [one.verdict for one in one_seed] == ["inconclusive"] * 2  # over seeds there is nothing
    assert all(one.held_back and one.needed is None for one in one_seed)
