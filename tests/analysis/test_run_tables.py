"""The rows of a run's tables, worked by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_answers import answers, belief, run

from harmonia.analysis import Answers, Place, differences
from harmonia.analysis.fit import TrainingFit, fit_of
from harmonia.analysis.readouts import Losses, losses
from harmonia.analysis.run_answers import Who
from harmonia.analysis.run_tables import (
    beliefs_row,
    consistency_rows,
    fit_rows,
    loss_rows,
    near_chance,
)
from harmonia.errors import InputError
from harmonia.probe.fit import FittedRow


def test_beliefs_are_counted_and_only_what_is_told_is_averaged() -> None:
    found = [
        replace(belief("a", (0.9, 0.1), 0), draws=4, agreement=1.0, right_rate=1.0, category="known"),
        replace(belief("b", (0.6, 0.4), 1), draws=4, agreement=0.5, right_rate=0.5, category="uncertain"),
        # Of a file that tells neither the level nor how far the draws agree: .7 is above the threshold.
        replace(belief("c", (0.7, 0.3), 1), draws=4),
    ]
    row = beliefs_row("d", found, 0.65)
    assert (row.n, row.draws, row.known, row.conflicting, row.uncertain) == (3, 4, 1, 1, 1)
    assert (row.agreement, row.right_rate) == (0.75, 0.75)
    once = beliefs_row("d", [replace(one, draws=1, agreement=None, right_rate=None) for one in found], 0.65)
    assert (once.draws, once.agreement, once.right_rate) == (1, None, None)


@pytest.mark.parametrize("who", ["base", "harmonious/seed3"])
def test_a_place_is_read_from_where_its_answers_lie(who: str) -> None:
    place = Place.of(f"predictions/law/{who}/chat0/letter_cyclic/in_domain.parquet")
    assert (place.domain, place.who, place.form) == ("law", f"law/{who}", "chat0")
    assert (place.readout, place.suite, place.seed) == (
        "letter_cyclic",
        "in_domain",
        3 if "/" in who else None,
    )
    assert place.file == f"predictions/law/{who}/chat0/letter_cyclic/in_domain.parquet"
    # As version 0.1 put them, without the method: an own group and form would be read as others.
    with pytest.raises(InputError, match="an earlier version"):
        Place.of(f"predictions/law/{who}/chat0/in_domain.parquet")


def test_models_are_compared_in_one_readout_only() -> None:
    right = np.array([True] * 6 + [False] * 4)
    found = {
        ("law", group, seed, "chat0", "in_domain"): answers(right)
        for group, seed in (("base", None), ("harmonious", 0), ("incompatible", 0))
    }
    letters = run(found)
    words = run({place: answers(~right) for place, _ in found.items()}, readout="cloze")
    both = replace(letters, answers={**letters.answers, **words.answers})
    assert both.readouts == ["cloze"]
    base = both.base("law", "chat0", "in_domain")
    spoken = both.base("law", "chat0", "in_domain", "cloze")
    assert base is not None and base.correct_I.sum() == 6
    assert spoken is not None and spoken.correct_I.sum() == 4
    assert [
        one.correct_I.sum() for one in both.tuned("law", "harmonious", "chat0", "in_domain").values()
    ] == [6]
    rows = [*consistency_rows(both, 0.5)]
    assert {(row.readout, row.kept, row.lost, row.gained) for row in rows} == {
        ("letter", 6, 0, 0),
        ("cloze", 4, 0, 0),
    }
    pairs = {(row.readout, row.accuracy_left) for row in differences([both])}
    assert pairs == {("letter", 0.6), ("cloze", 0.4)}


def test_what_is_kept_in_another_readout_was_not_forgotten() -> None:
    # Eight questions; the base model is right in both on 1 to 6, by letters only on 7, in words only on 8.
    def of(*right: int) -> Answers:
        return answers([number in right for number in range(1, 9)])

    place = ("law", "base", None, "icl5", "test")
    tuned = ("law", "incompatible", 4, "chat0", "test")
    letters = run({place: of(1, 2, 3, 4, 5, 6, 7), tuned: of(1, 2, 7, 8)})
    words = run({place: of(1, 2, 3, 4, 5, 6, 8), tuned: of(1, 3, 4, 5, 8)}, readout="cloze")
    both = replace(letters, answers={**letters.answers, **words.answers})
    ((asked, form, found),) = losses(both)
    assert form == "chat0"
    assert (asked.who, asked.form, asked.readout) == ("law/incompatible/seed4", "chat0", "cloze")
    assert found == Losses(
        n=8, right_before=6, kept=1, readout_lost=3, other_lost=1, knowledge_lost=1
    )  # 1; 3, 4 and 5; 2; 6
    # In the probe's form it can say what it could not in the other: 1 to 6 in words, by letters 1 and 2.
    spoken = run({(*tuned[:3], "icl5", "test"): of(1, 2, 3, 4, 5, 6)}, readout="cloze")
    more = {one: it for _, one, it in losses(replace(both, answers=both.answers | spoken.answers))}
    assert [one == found for one in more.values()] == [True, False]
    assert (more["icl5"].kept, more["icl5"].readout_lost, more["icl5"].knowledge_lost) == (2, 4, 0)
    (row,) = loss_rows(both)
    assert (row.group, row.seed, row.readout_lost, row.knowledge_lost) == ("incompatible", 4, 3, 1)
    # Without the base model's words nothing is told of this.
    alone = {one: it for one, it in both.answers.items() if (one.group, one.readout) != ("base", "cloze")}
    assert not list(losses(replace(both, answers=alone)))


def test_a_model_that_learned_nothing_is_named() -> None:
    def fit(right: int) -> TrainingFit:
        shares = {"trained_target": 0.5, "reworded": 0, "reworded_target": 0.5}
        rows = range(1, 101)
        return fit_of(
            [
                FittedRow(row=k, id=str(k), options=4, target=0, trained=0 if k <= right else 1, **shares)
                for k in rows
            ]
        )

    made = replace(
        run({}),
        fit={
            Who(domain="law", group="incompatible", seed=0): fit(31),
            Who(domain="law", group="harmonious", seed=1): fit(90),
            Who(domain="law", group="general_only", seed=1): fit_of([]),
        },
    )
    (line,) = near_chance(fit_rows(made))
    assert "hardly better than chance" in line
    assert line.endswith("to tell: law/incompatible/seed0 (31 % of 100 rows, chance 25 %)")
    assert made.fits("law", "mixed_0")[0].fit == 0.31  # the same rows by another name
    assert not near_chance([])
