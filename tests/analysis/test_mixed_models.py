"""Mixed models: against statsmodels, a case by hand, and laws with known parameters."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import scipy.sparse as sp
import statsmodels.api as sm
from made_answers import belief, run
from scipy.stats import t
from statsmodels.genmod.bayes_mixed_glm import BinomialBayesMixedGLM
from statsmodels.stats.meta_analysis import combine_effects

from harmonia.analysis import Answers, RunAnswers, mixed_models
from harmonia.analysis.bootstrap import paired_bootstrap
from harmonia.analysis.logistic import PRIOR, _Posterior, fit_logistic
from harmonia.analysis.mixed_models import MixedModelRow
from harmonia.analysis.run_answers import units_of

SHARES = {"harmonious": 0.8, "incompatible": 0.5}


def _crossed(
    rng: np.random.Generator, *, items: int, models: int, spread: tuple[float, float] = (1.0, 0.4)
) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """(right, design, factors): two groups, the second with .8 more log odds of being right."""
    item_N, model_N = (one.ravel() for one in np.indices((items, models)))
    group_N = model_N % 2
    odds = (
        0.8 * group_N
        - 0.2
        + rng.normal(0, spread[0], items)[item_N]
        + rng.normal(0, spread[1], models)[model_N]
    )
    right = (rng.random(len(odds)) < 1 / (1 + np.exp(-odds))).astype(float)
    return right, np.stack([np.ones(len(odds)), group_N], axis=1), [item_N, model_N]


def test_the_mode_is_that_of_statsmodels_posterior() -> None:
    right, design, factors = _crossed(np.random.default_rng(1), items=60, models=8)
    fit = fit_logistic(right, design, factors)
    assert fit.converged
    rows = np.arange(len(right))
    sparse = [sp.csr_matrix((np.ones(len(rows)), (rows, one))) for one in factors]
    theirs = BinomialBayesMixedGLM(
        right, design, sp.hstack(sparse).tocsr(), np.repeat([0, 1], [60, 8]), vcp_p=1, fe_p=PRIOR
    )
    posterior = _Posterior(right, design, factors)
    deviations = np.log(fit.deviations_F)
    posterior.evidence(deviations)
    at = np.concatenate([posterior.mode_A[:2], deviations, posterior.mode_A[2:]])
    slope = theirs.logposterior_grad(at)
    assert np.abs(np.delete(slope, [2, 3])).max() < 1e-4
    assert posterior.mode_A[:2] == pytest.approx(fit.effects_P, abs=1e-5)


def test_without_anything_shared_it_is_plain_logistic_regression() -> None:
    rng = np.random.default_rng(2)
    right, design, factors = _crossed(rng, items=300, models=8, spread=(0.0, 0.0))
    fit = fit_logistic(right, design, factors)
    plain = sm.Logit(right, design).fit(disp=False)
    assert fit.deviations_F.max() < 0.2
    assert fit.effects_P == pytest.approx(plain.params, abs=0.02)
    assert np.sqrt(np.diag(fit.covariance_P_P)) == pytest.approx(plain.bse, rel=0.25)


@pytest.mark.slow
def test_known_parameters_are_found_again() -> None:
    rng = np.random.default_rng(3)
    held, deviations = 0, []
    for _ in range(40):
        right, design, factors = _crossed(rng, items=60, models=12)
        fit = fit_logistic(right, design, factors)
        reach = np.sqrt(fit.covariance_P_P[1, 1]) * t.ppf(0.975, 10)
        held += abs(fit.effects_P[1] - 0.8) < reach
        deviations.append(fit.deviations_F)
    assert held >= 35
    assert np.median(deviations, axis=0) == pytest.approx([1.0, 0.4], rel=0.15)


def _answers(rng: np.random.Generator, share: float, prefix: str, size: int = 90) -> Answers:
    """As many right as the share says; every third item each of the levels has."""
    right = rng.random(size) < share
    return Answers.of(
        [belief(f"{prefix}{n:03d}", (0.7, 0.3) if good else (0.3, 0.7), 0) for n, good in enumerate(right)]
    )


def _base(prefix: str, size: int = 90) -> Answers:
    levels = [((0.9, 0.1), 0), ((0.1, 0.9), 0), ((0.5, 0.5), 0)]
    return Answers.of([belief(f"{prefix}{n:03d}", *levels[n % 3]) for n in range(size)])


def _runs(count: int, *, seeds: int = 3, shift: float = 0.0, shared: bool = False) -> list[RunAnswers]:
    """Runs of base models; the last one's harmonious models are right in that much more."""
    rng = np.random.default_rng(4)
    made = []
    for number in range(count):
        prefix = "item" if shared else f"base{number}-"
        found = {("d", "base", None, "icl5", "homogeneous"): _base(prefix)}
        for group, share in SHARES.items():
            more = shift if group == "harmonious" and number == count - 1 else 0
            for seed in range(seeds):
                found["d", group, seed, "chat0", "homogeneous"] = _answers(rng, share + more, prefix)
        made.append(run(found, model=str(number) * 64, name=f"run{number}"))
    return made


def _rows(runs: list[RunAnswers], model: str) -> dict[str, MixedModelRow]:
    return {row.term: row for row in mixed_models(runs) if row.model == model}


def test_base_models_are_a_sample_by_statsmodels_and_by_hand() -> None:
    runs = _runs(4, shift=-0.4)
    found = _rows(runs, "meta")["difference"]
    parts = [
        paired_bootstrap(units_of([one], "harmonious", "incompatible", suite="homogeneous"), address="x")
        for one in runs
    ]
    effects, variances = (np.array([getattr(one, name) for one in parts]) for name in ("value", "variance"))
    plain = combine_effects(effects, variances, method_re="iterated", use_t=True)
    low, high = plain.conf_int(use_t=True)[1]
    assert found.estimate == pytest.approx(plain.mean_effect_re)
    assert found.between_bases == pytest.approx(np.sqrt(plain.tau2)) and found.between_bases > 0.1
    # By hand: Paule and Mandel's tau makes the weighted squares their degrees of freedom.
    weight = 1 / (variances + found.between_bases**2)
    mean = (weight * effects).sum() / weight.sum()
    square = (weight * (effects - mean) ** 2).sum()
    assert mean == pytest.approx(found.estimate) and square == pytest.approx(3, rel=1e-4)
    error = np.sqrt(square / 3 / weight.sum())
    assert found.high - found.low == pytest.approx(2 * error * t.ppf(0.975, 3), rel=1e-3)
    assert (found.freedom, found.bases, found.models, found.items) == (3, 4, 24, 360)
    assert found.answers == 24 * 90 and found.because is None
    assert low < high  # theirs is by the normal law's error, ours by the spread


def test_items_that_base_models_share_are_counted_once() -> None:
    apart, shared = (_rows(_runs(3, shared=one), "meta")["difference"] for one in (False, True))
    assert (apart.items, shared.items) == (270, 90)
    assert apart.estimate == pytest.approx(shared.estimate, abs=0.02)
    same = _runs(1, shared=True)[0]
    copies = [
        RunAnswers(**{**{n: getattr(same, n) for n in RunAnswers.__slots__}, "model": k * 64}) for k in "abc"
    ]
    found = _rows(copies, "meta")["difference"]
    alone = paired_bootstrap(units_of([same], "harmonious", "incompatible", suite="homogeneous"), address="x")
    # Three times the same answers tell of items what one does.
    assert (found.high - found.low) / 2 / t.ppf(0.975, 2) >= np.sqrt(alone.item_variance)


def test_too_few_base_models_or_seeds_are_said() -> None:
    two = _rows(_runs(2), "meta")["difference"]
    assert two.estimate is None and "takes 3" in two.because and two.bases == 2
    alone = _rows(_runs(1, seeds=1), "logistic")["known"]
    assert alone.estimate is None and "one tuned model a group" in alone.because


def test_odds_ratios_stand_at_each_level_and_between_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _rows(_runs(3), "logistic")
    assert list(found) == ["known", "conflicting", "uncertain", "conflicting / known", "uncertain / known"]
    truth = 0.8 / 0.2
    for level in ("known", "conflicting", "uncertain"):
        row = found[level]
        assert row.low < truth < row.high and row.low <= row.estimate <= row.high
        assert (row.bases, row.models, row.items, row.answers, row.left_out) == (3, 18, 270, 1620, 0)
        assert row.because is None and row.between_items < 0.6 and row.between_bases is not None
    ratio = found["conflicting / known"]
    assert ratio.estimate == pytest.approx(found["conflicting"].estimate / found["known"].estimate)
    assert ratio.low < 1 < ratio.high
    monkeypatch.setattr(sys.modules["harmonia.analysis.mixed_models"], "MOST_ANSWERS", 600)
    fewer = _rows(_runs(3), "logistic")["known"]
    assert (fewer.items, fewer.answers, fewer.left_out) == (100, 600, 1020)
