"""The rows of a run's tables, worked by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_answers import answers, belief, run

from harmonia.analysis import Place, differences
from harmonia.analysis.run_tables import beliefs_row, consistency_rows
from harmonia.errors import InputError


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
