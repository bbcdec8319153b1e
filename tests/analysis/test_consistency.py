"""Accuracy and consistency of a handful of beliefs, worked by hand."""

from __future__ import annotations

import math

import pytest

from harmonia.analysis import accuracy_of, consistency_of
from harmonia.errors import InputError
from harmonia.types import Belief, Item


def _belief(name: str, probs: tuple[float, ...], answer: int, domain: str = "d", **changes: object) -> Belief:
    item = Item(id=name, domain=domain, question="?", choices=tuple("wxyz"[: len(probs)]), answer=answer)
    pred = probs.index(max(probs))
    return Belief(
        item=item,
        probs=probs,
        pred=pred,
        confidence=max(probs),
        correct=pred == answer,
        letter_mass=None,
        form="icl5",
        method="letter",
        preset="corrected",
    )


BEFORE = [
    _belief("kept", (0.7, 0.3), 0),
    _belief("lost", (0.6, 0.2, 0.2), 0),
    _belief("gained", (0.6, 0.4), 1),
    _belief("never", (0.8, 0.1, 0.1), 2),
]
AFTER = [
    _belief("never", (0.1, 0.8, 0.1), 2),
    _belief("gained", (0.4, 0.6), 1),
    _belief("kept", (0.7, 0.3), 0),
    _belief("lost", (0.2, 0.6, 0.2), 0),
]


def test_pairs_by_id_and_counts() -> None:
    found = consistency_of(BEFORE, AFTER)
    assert (found.kept, found.lost, found.gained, found.never, found.n) == (1, 1, 1, 1, 4)
    assert (found.accuracy_before, found.accuracy_after) == (0.5, 0.5)
    # kept: 1; gained: ranks reversed, -1; lost and never: ranks 1 2 2 against 2 1 2, -1/2.
    assert found.rank_agreement == pytest.approx((1 - 1 - 0.5 - 0.5) / 4)
    kl = 0 + (0.6 - 0.4) * math.log(0.6 / 0.4) + (0.6 - 0.2) * math.log(3) + (0.8 - 0.1) * math.log(8)
    assert found.kl == pytest.approx(kl / 4)
    assert found.kl_reverse == pytest.approx(kl / 4)  # each pair is a swap of two options


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (AFTER[:3], "lost"),
        ([*AFTER[:3], _belief("lost", (0.5, 0.5), 0)], "other options"),
        ([*AFTER[:3], _belief("lost", (0.2, 0.6, 0.2), 1)], "another answer"),
    ],
)
def test_unlike_items_are_refused(after: list[Belief], words: str) -> None:
    with pytest.raises(InputError, match=words):
        consistency_of(BEFORE, after)
    with pytest.raises(InputError):
        consistency_of([], [])


def test_accuracy_micro_macro_and_wilson() -> None:
    beliefs = [_belief(f"a{i}", (0.9, 0.1), 0, "a") for i in range(3)]
    beliefs += [_belief("b0", (0.6, 0.4), 1, "b")]
    found = accuracy_of(beliefs)
    assert (found.n, found.correct, found.accuracy, found.accuracy_macro) == (4, 3, 0.75, 0.5)
    assert found.confidence == pytest.approx((3 * 0.9 + 0.6) / 4)
    # Wilson (1927): (p + z2/2n +- z sqrt(p(1-p)/n + z2/4n2)) / (1 + z2/n), z = 1.959964
    z = 1.959963984540054
    middle, half = 0.75 + z * z / 8, z * math.sqrt(0.75 * 0.25 / 4 + z * z / 64)
    assert found.accuracy_low == pytest.approx((middle - half) / (1 + z * z / 4))
    assert found.accuracy_high == pytest.approx((middle + half) / (1 + z * z / 4))
    with pytest.raises(InputError):
        accuracy_of([])
