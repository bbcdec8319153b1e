"""Accuracy and consistency of a handful of beliefs, worked by hand."""

from __future__ import annotations

import math
from dataclasses import asdict, replace

import numpy as np
import pytest
from made_answers import belief
from scipy.stats import norm

from harmonia.analysis import Answers, accuracy_of, consistency_of
from harmonia.analysis.bootstrap import mean_intervals
from harmonia.analysis.consistency import levels
from harmonia.errors import InputError
from harmonia.types import Belief

BEFORE = [
    belief("kept", (0.7, 0.3), 0),
    belief("lost", (0.6, 0.2, 0.2), 0),
    belief("gained", (0.6, 0.4), 1),
    belief("never", (0.8, 0.1, 0.1), 2),
]
AFTER = [
    belief("never", (0.1, 0.8, 0.1), 2),
    belief("gained", (0.4, 0.6), 1),
    belief("kept", (0.7, 0.3), 0),
    belief("lost", (0.2, 0.6, 0.2), 0),
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
        ([*AFTER[:3], belief("lost", (0.5, 0.5), 0)], "other options"),
        ([*AFTER[:3], belief("lost", (0.2, 0.6, 0.2), 1)], "another answer"),
        ([*AFTER[:3], replace(AFTER[3], item=replace(AFTER[3].item, question="Whose?"))], "another question"),
    ],
)
def test_unlike_items_are_refused(after: list[Belief], words: str) -> None:
    with pytest.raises(InputError, match=words):
        consistency_of(BEFORE, after)
    with pytest.raises(InputError):
        consistency_of([], [])


def test_letters_held_against_words_are_told(caplog: pytest.LogCaptureFixture) -> None:
    letters = [replace(one, letter_mass=0.9) for one in BEFORE]
    consistency_of(letters, letters)
    assert not caplog.records
    consistency_of(letters, BEFORE)  # which have none, as in words
    assert f"asked by letters once and in words once, which may be what differs: {len(BEFORE)}" in caplog.text


def test_accuracy_micro_macro_and_wilson() -> None:
    beliefs = [belief(f"a{i}", (0.9, 0.1), 0, domain="a") for i in range(3)]
    beliefs += [belief("b0", (0.6, 0.4), 1, domain="b")]
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


def test_entropy_categories_and_the_columns_of_a_row() -> None:
    before = [
        belief("known", (0.75, 0.25), 0),
        belief("conflicting", (0.75, 0.25), 1),
        belief("unsure", (0.5, 0.5), 0),
        # Several draws of demonstrations say more than one confidence does.
        belief("unsteady", (0.75, 0.25), 0, category="uncertain"),
    ]
    after = [belief(one.item.id, (0.25, 0.75), one.item.answer) for one in before]
    category = levels(Answers.of(before))
    assert dict(zip(sorted(one.item.id for one in before), category, strict=True)) == {
        "known": "known",
        "conflicting": "conflicting",
        "unsure": "uncertain",
        "unsteady": "uncertain",
    }
    assert levels(Answers.of(before), 0.8).tolist() == ["uncertain"] * 4
    row = asdict(consistency_of(before, after))
    assert (row["known_lost"], row["conflicting_gained"], row["uncertain_lost"]) == (1, 1, 2)
    assert sum(row[f"{kind}_{what}"] for kind in ("known", "conflicting") for what in ("kept", "never")) == 0
    sharp, even = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25)), math.log(2)
    assert row["entropy_before"] == pytest.approx((3 * sharp + even) / 4)
    assert row["entropy_change"] == pytest.approx((sharp - even) / 4)
    assert row["accuracy_change"] == pytest.approx((1 - 3) / 4)
    assert row["kl_low"] <= row["kl"] <= row["kl_high"]
    # Another model's categories count where they are given.
    other = consistency_of(before, after, level_I=np.array(["known"] * 4, dtype=object))
    assert (other.known_lost, other.known_gained) == (3, 1)


def test_intervals_of_means_are_those_of_normal_theory() -> None:
    values = np.random.default_rng(0).normal(size=(800, 2)) * [1, 5]
    alone = np.arange(800, dtype=np.uint64)
    low, high = mean_intervals(values, items_I=alone, clusters_I=alone, resamples=4000)
    half = norm.ppf(0.975) * values.std(axis=0) / math.sqrt(800)
    assert low == pytest.approx(values.mean(axis=0) - half, abs=0.06 * half.max())
    assert (high - low) / 2 == pytest.approx(half, rel=0.05)
