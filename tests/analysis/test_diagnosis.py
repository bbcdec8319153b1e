"""What the effect of C1 is made of: gain, loss, loss beyond words, fit, and the three diagnoses."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache, partial
from itertools import product
from typing import Any

import numpy as np
import pytest
from made_answers import answers, run
from scipy.stats import binomtest

from harmonia.analysis import Claim, Place, RunAnswers, diagnosis, findings
from harmonia.analysis.bootstrap import PairedUnit, paired_bootstrap
from harmonia.analysis.claims import claims_document, judge
from harmonia.analysis.diagnosis import BEYOND_WORDS, loss_beyond_words, lost
from harmonia.analysis.findings import Finding, finding_of
from harmonia.analysis.fit import TrainingFit
from harmonia.analysis.run_answers import Who
from harmonia.report.cards import cards, reading
from harmonia.report.headline import headline

SUITES = ("homogeneous", "in_domain")
ITEMS = 160
GROUPS = ("harmonious", "general_only", "incompatible")
# Share right of the three groups.
KEPT, FORGOTTEN = (1.0, 0.995, 0.995), (0.98, 0.98, 0.7)
Shares = tuple[float, float, float]
READ, UNREAD = (0.6, 0.6, 0.6), (0.8, 0.6, 0.3)


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three hundred resamples show as much here as ten thousand."""
    for module in (findings, diagnosis):
        monkeypatch.setattr(module, "paired_bootstrap", partial(paired_bootstrap, resamples=300))


@cache
def _made(letters: Shares, words: Shares, *, fit: float = 0.9, seeds: int = 3) -> RunAnswers:
    """Groups that are right with chances of their own, by letters and in words."""
    rng = np.random.default_rng(2)
    found: dict[Place, Any] = {}
    fits = {}
    for domain, place, seed in product(("d0", "d1"), range(3), range(seeds)):
        who = {"domain": domain, "group": GROUPS[place], "seed": seed}
        for suite, (readout, shares) in product(SUITES, (("letter", letters), ("cloze", words))):
            right = rng.random(ITEMS) < shares[place]
            asked = Place(**who, form="chat0", readout=readout, suite=suite)
            found[asked] = answers(right, prefix=f"{domain}-{suite}-")
            if readout == "cloze":  # in the chat form words are read worse; no diagnosis rests on that
                found[replace(asked, form="icl5")] = found[asked]
                hard = right & (rng.random(ITEMS) < 0.6)
                found[asked] = answers(hard, prefix=f"{domain}-{suite}-")
        if GROUPS[place] != "general_only":
            share = fit if GROUPS[place] == "incompatible" else 1.0
            nothing = dict.fromkeys(("fit_low", "fit_high", "reworded_low", "reworded_high"), share)
            fits[Who(**who)] = TrainingFit(
                rows=200, fit=share, reworded=share, chance=0.25, near_chance=share < 0.3, **nothing
            )
    return replace(run({}), answers=found, fit=fits)


def _c1(made: RunAnswers) -> Claim:
    return judge([made])[0]


def _diagnosed(made: RunAnswers) -> tuple[str, ...]:
    claims = judge([made])
    assert claims[0].diagnosis == claims[1].diagnosis == claims[2].diagnosis and not claims[3].diagnosis
    return tuple(one.verdict for one in claims[0].diagnosis)


def test_gain_and_loss_add_up_to_the_effect_in_each_readout() -> None:
    made = _made(UNREAD, FORGOTTEN)
    claim = _c1(made)
    assert [effect.what for effect in claim.effects if effect.decides] == [
        "accuracy after harmonious minus after incompatible"
    ]
    for how, shares in (("", UNREAD), (" in words", tuple(0.6 * share for share in FORGOTTEN))):
        for suite in SUITES:
            own, gain, loss = (
                next(
                    finding.effect
                    for finding in claim.findings
                    if finding.suite == suite
                    and finding.what == f"accuracy{how} after {left} minus after {right}"
                )
                for left, right in (
                    ("harmonious", "incompatible"),
                    ("harmonious", "general-only"),
                    ("general-only", "incompatible"),
                )
            )
            assert own == pytest.approx(gain + loss)
            assert loss == pytest.approx(100 * (shares[1] - shares[2]), abs=6)
            if not how:
                beyond = next(f for f in claim.findings if (f.what, f.suite) == (BEYOND_WORDS, suite))
                in_words = 100 * (FORGOTTEN[1] - FORGOTTEN[2])
                assert beyond.effect == pytest.approx(30 - in_words, abs=8)
    # Nothing beside the claim's own effect changes its verdict.
    assert claim.verdict == "supported"
    assert _c1(_made((0.8, 0.8, 0.6), KEPT)).verdict == "supported"


def test_a_readout_that_is_lost_is_told_from_knowledge_that_is() -> None:
    assert _diagnosed(_made(UNREAD, KEPT)) == ("contradicted", "supported", "contradicted")
    assert _diagnosed(_made(READ, FORGOTTEN)) == ("supported", "contradicted", "contradicted")
    # Lost alike in both: knowledge, and no readout beyond it.
    assert _diagnosed(_made((0.98, 0.98, 0.7), FORGOTTEN))[:2] != ("supported", "supported")
    assert _diagnosed(_made(UNREAD, KEPT, fit=0.3))[2] == "supported"


def test_a_run_probed_in_words_has_them_as_its_readout() -> None:
    made = replace(_made(READ, FORGOTTEN), method="cloze")
    told = {finding.what: finding for finding in _c1(made).findings if finding.suite == SUITES[0]}
    kept, harmed = (
        np.mean(
            [
                one.correct_I.mean()
                for domain in ("d0", "d1")
                for one in made.tuned(domain, group, "icl5", SUITES[0]).values()
            ]
        )
        for group in ("general_only", "incompatible")
    )
    in_words = "accuracy in words in the probe's form after general-only minus after incompatible"
    assert told[in_words].effect == pytest.approx(100 * (kept - harmed))
    assert told[BEYOND_WORDS].effect is not None
    assert _diagnosed(made)[0] == "supported"


def test_not_learned_takes_every_unit_and_more_than_one_seed() -> None:
    made = _made(READ, KEPT, fit=0.3)
    other = {
        who: replace(fit, fit=0.97) if (who.domain, who.group) == ("d1", "incompatible") else fit
        for who, fit in made.fit.items()
    }
    assert _diagnosed(replace(made, fit=other))[2] == "inconclusive"
    assert _diagnosed(replace(made, fit={}))[2] == "not computed"
    (harmonious, incompatible) = _c1(replace(made, fit=other)).fit
    assert (harmonious.group, harmonious.hardly_learned, harmonious.models) == ("harmonious", False, 6)
    # By hand: (.3 - .25) / .75 and (.97 - .25) / .75 of the way, .635 on average: more than .625.
    assert incompatible.learned == pytest.approx((5 / 75, 72 / 75))
    assert (incompatible.fit, incompatible.hardly_learned) == (pytest.approx(0.635), False)


def test_one_seed_says_nothing_anywhere() -> None:
    document = claims_document([_made(UNREAD, KEPT, fit=0.3, seeds=1)])
    for claim in document.claims:
        assert claim.verdict in ("inconclusive", "not computed")
        said = [*claim.effects, *claim.findings, *claim.diagnosis]
        assert {one.verdict for one in said} <= {"inconclusive", "not computed"}
    assert "cannot be told" in headline(document) and "one seed" in headline(document)
    # Why is said once; a cell has it in two words.
    computed = sum(one.effect is not None for claim in document.claims for one in claim.findings)
    small = [
        line
        for card in cards(document)
        for row in card.table.lines
        for cell in row.entries
        for line in cell.small
    ]
    assert small.count("inconclusive: one seed") == computed and not any(
        "of others" in line for line in small
    )
    assert [said for said in reading(document) if "of others" in said] == [f"O{findings.ONE_SEED[1:]}."]


def test_lost_is_surely_something_or_surely_less_than_two_points() -> None:
    def finding(low: float, high: float, verdict: str) -> Finding:
        made: Any = verdict
        return Finding(what="", suite="", unit="points", effect=0.0, low=low, high=high, verdict=made)

    assert lost(finding(0.5, 1.5, "supported")) == "supported"
    assert lost(finding(-1.0, 1.9, "inconclusive")) == "contradicted"
    assert lost(finding(-3.0, -1.0, "contradicted")) == "contradicted"
    assert lost(finding(-1.0, 2.1, "inconclusive")) == "inconclusive"
    assert lost(replace(finding(-1.0, 1.0, "inconclusive"), held_back="one seed")) == "inconclusive"


@pytest.mark.parametrize(("items", "verdict"), [(182, "inconclusive"), (183, "contradicted")])
def test_where_no_question_differs_their_number_bounds_the_loss(items: int, verdict: str) -> None:
    exact = binomtest(0, items).proportion_ci(0.95, "exact")
    assert (exact.high < 0.02) == (verdict == "contradicted")
    unit = PairedUnit(
        items_I=np.arange(items, dtype=np.uint64),
        clusters_I=np.arange(items, dtype=np.uint64),
        left_S_I=np.ones((2, items)),
        right_S_I=np.ones((2, items)),
    )
    made = finding_of(paired_bootstrap([unit], address=""), (0.0, 0.0), what="", suite="", unit="points")
    assert made.verdict == "inconclusive" and made.needed is None and "every question" in str(made.held_back)
    assert lost(made) == verdict


def test_loss_beyond_words_compares_the_seeds_that_both_have() -> None:
    made = _made(UNREAD, KEPT)

    def left(place: Place) -> bool:
        return place.seed != (0 if place.readout == "cloze" else 2)

    fewer = replace(made, answers={place: one for place, one in made.answers.items() if left(place)})
    only = {place: one for place, one in made.answers.items() if place.seed == 1}
    found, expected = (loss_beyond_words([one], SUITES[0]) for one in (fewer, replace(made, answers=only)))
    assert (found.seeds, found.units, found.effect) == (1, 2, expected.effect)


def test_a_run_without_answers_supports_nothing() -> None:
    document = claims_document([run({})])
    assert {claim.verdict for claim in document.claims} == {"not computed"}
    assert "nothing to compare" in headline(document)


def test_without_controls_the_card_says_what_they_would_tell() -> None:
    made = _made(UNREAD, KEPT)
    alone = {place: one for place, one in made.answers.items() if place.group != "general_only"}
    document = claims_document([replace(made, answers=alone)])
    claim = document.claims[0]
    assert {one.verdict for one in claim.diagnosis[:2]} == {"not computed"}
    assert all(one.because and "general_only" in one.because for one in claim.diagnosis[:2])
    assert "no models were tuned on general instructions alone (general_only)" in headline(document)


@pytest.mark.slow
def test_an_interval_of_no_width_is_none() -> None:
    """In words all models have all questions right; C4 has one unit, of which every draw is the same."""
    document = claims_document([_made(UNREAD, (1.0, 1.0, 1.0))])
    assert "those tuned against it lost next to nothing (the same questions are right)" in headline(document)
    words = [row for row in cards(document)[0].table.lines if "in the probe's form" in row.entries[0].text]
    assert words[0].entries[2].small[0] == "the same questions are right"
    (c1, *_, c4, c5) = document.claims
    alone = replace(c1.findings[0], unit="correlation", effect=0.8, low=0.8, high=0.8, units=1)
    shown = replace(c4, findings=(alone,), effects=(replace(c4.effects[0], what=alone.what),))
    (cell,) = cards(replace(document, claims=(shown, c5)))[0].table.lines[0].entries[2:]
    assert (cell.text, cell.small[0]) == ("+0.80", "no interval: one unit")


@pytest.mark.slow
def test_the_headline_says_what_the_effect_is() -> None:
    document = claims_document([_made(UNREAD, KEPT, fit=0.3)])
    said = headline(document)
    assert headline(replace(document, runs=())).split(".")[0] == said.split(".")[0]
    assert said.startswith("Asked by letters in the chat form, models tuned on what the base knows answer ")
    assert "points better than those tuned against it (" in said
    assert re.search(r"Compared with general instructions alone, the former answer \d+ points better", said)
    assert re.search(r" and the latter \d+ points worse", said)
    assert "Asked in words as the base was (icl5), those tuned against it lost next to nothing (" in said
    assert "still know. Asked in words in the chat form, they " in said
    assert "hardly learned: 30.0\u00a0% are answered as trained, by guessing 25.0\u00a0%." in said
    forgot = headline(claims_document([_made(READ, FORGOTTEN)]))
    assert forgot.startswith(
        "It cannot be told whether models tuned on what the base knows, asked by letters in the chat form"
    )
    assert "those tuned against it lost " in forgot and "they forgot" in forgot and "hardly" not in forgot
    alone = headline(claims_document([_made(UNREAD, KEPT, seeds=1)]))
    assert (
        alone.startswith("With one seed it cannot be told whether ") and ", over questions alone)." in alone
    )
