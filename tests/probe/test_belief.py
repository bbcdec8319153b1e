"""Scores -> Belief, by hand."""

from __future__ import annotations

import math

import pytest
from models import item

from harmonia.probe import ProbeSettings
from harmonia.probe.belief import Asking, DrawResult, belief_from
from harmonia.probe.orders import given_order
from harmonia.probe.views import view_of
from harmonia.types import Belief, Item, Method, Scores

TWO = item(0, options=2, answer=1)


def scores(*logprobs: float, n_tokens=(1, 1), n_chars=(1, 1)) -> Scores:
    return Scores(
        item_id="q0", logprobs=logprobs, n_tokens=n_tokens, n_chars=n_chars, shots=3, context="the prompt"
    )


def belief_of(
    asked: Item, found: Scores, *, form: str, method: Method, normalisation="raw", keep_prompt: bool = False
) -> Belief:
    """The belief that follows from one prompt, with the options in the item's own order."""
    style = "cloze" if method == "cloze" else "letter"
    view = view_of(
        found, given_order(asked), style=style, normalisation=normalisation, keep_prompt=keep_prompt
    )
    asking = Asking(form=form, method=method, preset="corrected", rounding=0.0)
    settings = ProbeSettings(normalisation=normalisation)
    return belief_from(asked, [DrawResult(views=(view,), probs=view.probs)], asking, settings)


# log-likelihoods ln 1/8 and ln 1/2; 4 and 1 characters; 3 and 1 tokens.
#   raw   1/8 : 1/2           -> 1/5, 4/5
#   char  (1/8)^(1/4) : 1/2   -> 2^-0.75 : 2^-1 -> 1 / (1 + 2^-0.25)
#   token (1/8)^(1/3) : 1/2   -> 1/2 : 1/2     -> a tie, to the first
HAND = {
    "raw": (0.2, 1),
    "char": (1 / (1 + 2**-0.25), 0),
    "token": (0.5, 0),
}


@pytest.mark.parametrize("normalisation", HAND)
def test_a_cloze_score_is_divided_by_its_length(normalisation):
    asked = scores(math.log(1 / 8), math.log(1 / 2), n_chars=(4, 1), n_tokens=(3, 1))
    belief = belief_of(TWO, asked, form="icl3", method="cloze", normalisation=normalisation)
    first, pred = HAND[normalisation]
    assert belief.probs == pytest.approx((first, 1 - first), abs=1e-12)
    assert belief.normalisation == normalisation
    assert belief.letter_mass is None
    if normalisation != "token":
        assert (belief.pred, belief.correct) == (pred, pred == 1)
    assert belief.confidence == max(belief.probs)


def test_a_letter_belief_is_the_share_of_the_letters_mass():
    asked = scores(math.log(0.03), math.log(0.01), n_chars=(9, 1), n_tokens=(7, 1))
    belief = belief_of(TWO, asked, form="chat0", method="letter", normalisation="token")
    assert belief.probs == pytest.approx((0.75, 0.25), abs=1e-12)
    assert belief.letter_mass == pytest.approx(0.04, abs=1e-12)
    assert (belief.pred, belief.confidence, belief.correct) == (0, belief.probs[0], False)
    assert (belief.form, belief.method, belief.preset, belief.normalisation, belief.shots) == (
        "chat0",
        "letter",
        "corrected",
        None,
        3,
    )


@pytest.mark.parametrize(("values", "pred"), [((-1.0, -1.0), 0), ((-2.0, -1.0, -1.0), 1)])
def test_ties_go_to_the_lowest_index(values, pred):
    asked = item(0, options=len(values), answer=pred)
    belief = belief_of(asked, scores(*values), form="icl0", method="letter")
    assert (belief.pred, belief.correct) == (pred, True)


def test_likelihoods_far_too_small_to_exponentiate_still_compare():
    belief = belief_of(TWO, scores(-4000.0, -4001.0), form="icl0", method="cloze")
    assert belief.probs == pytest.approx((math.e / (1 + math.e), 1 / (1 + math.e)))


def test_the_prompt_is_kept_only_when_asked():
    assert belief_of(TWO, scores(-1.0, -2.0), form="icl0", method="letter").prompt is None
    kept = belief_of(TWO, scores(-1.0, -2.0), form="icl0", method="letter", keep_prompt=True)
    assert kept.prompt == "the prompt"


# Probabilities of the first of two options, draw by draw; what a difference of 0.01 in each could change.
NEAR = {
    "sure": ((0.8,), 0.5, False),
    "two options as likely": ((0.504,), 0.5, True),
    "as far apart as rounding twice": ((0.515,), 0.7, False),
    "at the threshold": ((0.705,), 0.7, True),
    "near the threshold, wrong": ((0.305,), 0.7, True),
    "a draw could answer otherwise": ((0.9, 0.502, 0.9), 0.5, True),
    "draws apart, and sure": ((0.9, 0.2, 0.9), 0.5, False),
}


@pytest.mark.parametrize("name", NEAR)
def test_what_rounding_could_change_is_borderline(name):
    firsts, confident, borderline = NEAR[name]
    for rounding, expected in ((0.01, borderline), (0.0, False)):
        view = view_of(scores(-1.0, -2.0), given_order(TWO), style="letter")
        draws = [DrawResult(views=(view,), probs=(first, 1 - first)) for first in firsts]
        asking = Asking(form="icl3", method="letter", preset="corrected", rounding=rounding)
        found = belief_from(TWO, draws, asking, ProbeSettings(confident=confident))
        assert found.borderline is expected
