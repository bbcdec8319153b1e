"""Comparisons and claim cards on made-up runs whose effects are known."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace

import numpy as np
import pytest
from made_answers import answers, run
from scipy.stats import binom

from harmonia.analysis import differences
from harmonia.analysis.bootstrap import Estimate
from harmonia.analysis.claims import claims_document, judge
from harmonia.analysis.differences import planned_pairs
from harmonia.analysis.policies import policy_rankings
from harmonia.analysis.run_answers import RunAnswers
from harmonia.analysis.tests import holm
from harmonia.analysis.verdicts import needed_for, of_parts, over_suites, verdict_of
from harmonia.errors import InputError

SUITES = ("homogeneous", "in_domain", "out_of_domain")


def _tuned(
    shares: dict[str, float], *, items: int = 300, seeds: int = 3, domains: int = 2, number: int = 0
) -> RunAnswers:
    """A run in which each group is right with a chance of its own, items and seeds apart."""
    rng = np.random.default_rng(number)
    found = {}
    for domain in (f"d{place}" for place in range(domains)):
        for suite in SUITES:
            base = answers(rng.random(items) < 0.5, prefix=f"{domain}-{suite}-")
            found[domain, "base", None, "icl5", suite] = base
            for group, share in shares.items():
                for seed in range(seeds):
                    right = rng.random(items) < share
                    found[domain, group, seed, "chat0", suite] = answers(right, prefix=f"{domain}-{suite}-")
    return run(found, model=f"{number:064d}", name=f"run{number}")


def test_pairs_are_planned_by_name() -> None:
    groups = (
        *("harmonious", "incompatible", "mixed_0", "mixed_0.5", "harmonious_matched_letter"),
        *("incompatible_matched_letter", "policy_all", "policy_known_only"),
    )
    assert planned_pairs(groups) == [
        ("harmonious", "incompatible"),
        ("mixed_0.5", "incompatible"),
        ("harmonious_matched_letter", "incompatible_matched_letter"),
        ("policy_known_only", "policy_all"),
    ]
    assert planned_pairs(["mixed_0", "mixed_1", "policy_known_only"]) == [("mixed_1", "mixed_0")]
    matched = [f"{kind}_matched_letter" for kind in ("harmonious", "mixed_0", "mixed_0.5")]
    assert planned_pairs(["incompatible", *matched]) == [(one, matched[1]) for one in matched[::2]]


def test_suites_of_any_name_are_judged_the_papers_first() -> None:
    made = _tuned({"harmonious": 0.6, "incompatible": 0.5}, items=60)
    called = {"homogeneous": "homogeneous", "in_domain": "arc_challenge", "out_of_domain": "piqa"}
    named = {replace(place, suite=called[place.suite]): found for place, found in made.answers.items()}
    (claim, *_) = judge([replace(made, answers=named)])
    assert [finding.suite for finding in claim.findings] == ["homogeneous", "arc_challenge", "piqa"]
    assert [finding.effect for finding in claim.findings] == [
        finding.effect for finding in judge([made])[0].findings
    ]


def test_units_of_equal_ids_and_other_questions_are_apart() -> None:
    right = np.arange(40) % 2 == 0
    found = {
        (domain, group, 0, "chat0", "homogeneous"): answers(right, domain=domain)
        for domain in ("d0", "d1")
        for group in ("harmonious", "incompatible")
    }
    (finding, *_) = judge([run(found)])[0].findings
    assert (finding.items, finding.units) == (80, 2)


def test_comparisons_against_counts_made_here() -> None:
    made = _tuned({"harmonious": 0.6, "incompatible": 0.5}, items=80)
    rows = differences([made])
    assert {row.scope for row in rows} == {"all", "domain", "seed"}
    assert len(rows) == 3 * (1 + 2 + 2 * 3)
    for row in rows:
        pairs = [
            (
                made.tuned(domain, "harmonious", "chat0", row.suite)[seed].correct_I,
                made.tuned(domain, "incompatible", "chat0", row.suite)[seed].correct_I,
            )
            for domain in ("d0", "d1")
            if row.domain in (domain, "all")
            for seed in range(3)
            if row.seed in (seed, None)
        ]
        left, right = (np.mean([pair[side].mean() for pair in pairs]) for side in (0, 1))
        assert (row.accuracy_left, row.accuracy_right) == pytest.approx((left, right))
        assert row.difference == pytest.approx(left - right)
        assert row.low < row.difference < row.high
        if row.scope == "seed":
            ((one, other),) = pairs
            only = (one & ~other).sum(), (other & ~one).sum()
            assert (row.left_only, row.right_only, row.test) == (*only, "mcnemar")
            assert row.p == pytest.approx(min(1, 2 * binom.cdf(min(only), sum(only), 0.5)))
        else:
            assert (row.left_only, row.test) == (None, "items_and_seeds")
    for scope in ("all", "domain", "seed"):
        family = [row for row in rows if row.scope == scope]
        assert [row.p_holm for row in family] == pytest.approx(holm([row.p for row in family]))


@pytest.mark.slow
def test_cards_say_what_the_numbers_do() -> None:
    shares = {"harmonious": 0.75, "incompatible": 0.5, "self_aligning": 0.3}
    claims = {claim.claim: claim for claim in judge([_tuned(shares), _tuned(shares, number=1)])}
    assert {name: claim.verdict for name, claim in claims.items()} == {
        "C1": "supported",
        "C2": "contradicted",
        "C3": "not computed",
        "C4": "not computed",
        "C5": "not computed",
    }
    for finding in claims["C1"].findings:
        assert finding.effect == pytest.approx(25, abs=5) and finding.low is not None
        assert (finding.units, finding.seeds, finding.items) == (4, 3, 600)  # items of one name are one
        assert finding.needed is None
    assert claims["C1"].paper["in_domain"] == 14.58
    assert all(finding.because for finding in claims["C3"].findings)
    document = json.loads(json.dumps(asdict(claims_document([_tuned(shares)])), allow_nan=False))
    assert [claim["claim"] for claim in document["claims"]] == ["C1", "C2", "C3", "C4", "C5"]
    with pytest.raises(InputError, match="same base model and domain d0"):
        judge([_tuned(shares), _tuned(shares)])


def test_no_interval_of_shares_goes_beyond_100_points() -> None:
    all_right, some = np.ones(40, dtype=bool), np.arange(40) % 2 == 0
    right = {("harmonious", 0): all_right, ("incompatible", 0): ~all_right}
    right |= {("harmonious", 1): some, ("incompatible", 1): some}
    made = run({("d", group, seed, "chat0", "in_domain"): answers(it) for (group, seed), it in right.items()})
    (finding,) = judge([made])[0].findings
    (row,) = (row for row in differences([made]) if row.scope == "all")
    # Two seeds that differ by 100 points: t of one degree of freedom is 12.7.
    assert finding.effect == 50 and (finding.low, finding.high) == (-100, 100)
    assert (row.low, row.high) == (-1, 1)


def test_inconclusive_says_how_much_would_decide() -> None:
    claims = judge([_tuned({"harmonious": 0.51, "incompatible": 0.5}, items=60, seeds=2)])
    assert claims[0].verdict == "inconclusive" and claims[0].findings[0].needed is not None
    estimate = Estimate(
        value=0.02, left=0.5, right=0.48, low=-0.02, high=0.06, p=0.3, items=200, clusters=None,
        seeds=3, units=1, freedom=1e9, item_variance=0.00005, seed_variance=0.0002, mixed_variance=0.0001,
    )  # fmt: skip
    # Room for (.02 / 1.96)^2 = .00010412: S seeds leave .00005 + .0003 * 3/S of it.
    needed = needed_for(estimate)  # a normal law: 1.96
    assert needed.seeds == math.ceil(3 * 0.0003 / (0.00010412 - 0.00005)) == 17
    assert needed.items is None  # the seeds alone leave more than there is room for
    assert needed_for(replace(estimate, seed_variance=None, mixed_variance=None)).seeds is None
    assert needed_for(replace(estimate, value=0.0)).items is None
    # With 2 degrees of freedom t is 4.30265: (.05 / t)^2 = .00013504 is less than the seeds leave.
    near = replace(estimate, value=0.05, freedom=2.0)
    assert needed_for(near).items is None
    # 4, 5, 6 seeds have 3, 4, 5 degrees of freedom; the squared half-widths are .00279, .00177, .00132.
    assert needed_for(near).seeds == next(
        s for s, t in ((4, 3.18245), (5, 2.77645), (6, 2.57058)) if t**2 * (0.00005 + 0.0009 / s) <= 0.0025
    )


def test_rules() -> None:
    assert [verdict_of(*ends) for ends in ((0.1, 1), (-1, -0.1), (-0.1, 0.1), (0, 1))] == [
        "supported",
        "contradicted",
        "inconclusive",
        "inconclusive",
    ]
    assert over_suites(["supported", "not computed"]) == "supported"
    assert over_suites(["supported", "inconclusive"]) == "inconclusive"
    assert over_suites(["supported", "contradicted"]) == "inconclusive"
    assert over_suites(["contradicted", "inconclusive"]) == "inconclusive"
    assert over_suites(["contradicted", "contradicted"]) == "contradicted"
    assert over_suites(["not computed"]) == "not computed"
    # A claim of two parts falls with either, and stands with both alone.
    assert of_parts(["supported", "contradicted"]) == "contradicted"
    assert of_parts(["supported", "supported"]) == "supported"
    assert of_parts(["supported", "not computed"]) == "not computed"
    assert of_parts(["inconclusive", "supported"]) == "inconclusive"


@pytest.mark.slow
def test_policies_one_wins_or_none_can_be_told_apart() -> None:
    same = {"policy_all": 0.5, "policy_known_only": 0.5, "policy_weighted": 0.5}
    for ranking in policy_rankings(differences([_tuned(same)]), "letter"):
        assert ranking.winner is None and set(ranking.not_told_apart) == set(same)
    found = policy_rankings(differences([_tuned({**same, "policy_known_only": 0.8})]), "letter")
    assert [ranking.winner for ranking in found] == ["policy_known_only"] * 3
    assert next(iter(found[0].accuracy)) == "policy_known_only"
    half = policy_rankings(differences([_tuned({**same, "policy_all": 0.2})]), "letter")
    one_seed = policy_rankings(differences([_tuned({**same, "policy_known_only": 0.8}, seeds=1)]), "letter")
    assert one_seed[0].winner is None and len(one_seed[0].not_told_apart) == 3
    assert half[0].winner is None and set(half[0].not_told_apart) == {"policy_known_only", "policy_weighted"}
