"""Shares of a probe's findings against a lab of eight facts, counted by hand."""

from __future__ import annotations

import sys

import pytest
from made_answers import belief_in
from models import REPOSITORY

from harmonia.errors import InputError
from harmonia.types import Belief, Item
from harmonia.world import LabItem

sys.path.insert(0, str(REPOSITORY / "scripts"))
from recovery import recovery_of


def lab(name: str, kind: str, taught: int | None) -> LabItem:
    item = Item(id=name, domain="law", question="?", choices=("a", "b", "c", "d"), answer=0)
    return LabItem(item=item, fact=name, kind=kind, belief=taught)


def held(one: LabItem, pred: int, confidence: float, category: str | None = None) -> Belief:
    rest = (1 - confidence) / 3
    probs = [confidence if place == pred else rest for place in range(4)]
    return belief_in(one.item, probs, category=category)


# (fact, kind, value taught), then (option believed, confidence, category).
CASES = [
    (("k1", "known", 0), (0, 0.9, "known")),
    (("k2", "known", 0), (0, 0.4, "known")),  # steady, but not confident
    (("k3", "known", 0), (1, 0.8, "conflicting")),
    (("m1", "misconception", 2), (2, 0.9, "conflicting")),
    (("m2", "misconception", 2), (3, 0.6, "uncertain")),
    (("u1", "untaught", None), (0, 0.7, "uncertain")),  # right by chance
    (("u2", "untaught", None), (1, 0.7, "conflicting")),
    (("c1", "contested", None), (0, 0.3, "uncertain")),
]


def test_shares_by_hand():
    labs = [lab(*fact) for fact, _ in CASES]
    beliefs = [held(one, *belief) for one, (_, belief) in zip(labs, CASES, strict=True)]
    found = recovery_of(labs, beliefs[::-1])
    known, wrong, untaught = (found.kinds[kind] for kind in ("known", "misconception", "untaught"))
    assert (known.n, known.as_taught) == (3, pytest.approx(2 / 3))
    assert (known.known, known.conflicting) == (pytest.approx(1 / 3), pytest.approx(1 / 3))
    assert (known.steady_known, known.steady_conflicting) == (pytest.approx(2 / 3), pytest.approx(1 / 3))
    assert (wrong.as_taught, wrong.known, wrong.conflicting, wrong.steady_conflicting) == (0.5, 0, 1, 0.5)
    assert (untaught.as_taught, untaught.known, untaught.conflicting) == (None, 0.5, 0.5)
    assert (untaught.steady_known, untaught.steady_conflicting) == (0, 0.5)
    assert found.kinds["contested"].known == 0
    # Fewer items than bins: each is a bin of its own, and .4 (right), .6 (wrong), .8 (wrong)
    # and the two of .9, which are right, give their distances.
    assert found.ece_taught == pytest.approx((0.6 + 0.6 + 0.8 + 2 * 0.1) / 5)


def test_one_draw_has_no_categories():
    labs = [lab("k1", "known", 0), lab("k2", "known", 0)]
    found = recovery_of(labs, [held(one, 0, 0.9) for one in labs]).kinds["known"]
    assert (found.known, found.steady_known, found.steady_conflicting) == (1, None, None)


def test_other_items_are_refused():
    with pytest.raises(InputError, match="same ids"):
        recovery_of([lab("k1", "known", 0)], [])
