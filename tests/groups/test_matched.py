"""Groups whose right and wrong items have a letter, a confidence, a length in common."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from beliefs import make_belief

from harmonia.errors import EmptyGroupError
from harmonia.groups import GroupSettings, build_groups, select
from harmonia.groups.select import without
from harmonia.prompts import ExamFormat

EXAM = ExamFormat()


def lettered(right: str, wrong: str):
    """Beliefs by the letters of their right options, one a character."""
    return [
        *(make_belief(f"r{k}", answer="ABCD".index(c), pred="ABCD".index(c)) for k, c in enumerate(right)),
        *(
            make_belief(f"w{k}", answer="ABCD".index(c), pred=("ABCD".index(c) + 1) % 4)
            for k, c in enumerate(wrong)
        ),
    ]


def letters(beliefs) -> Counter:
    return Counter("ABCD"[belief.item.answer] for belief in beliefs)


def test_as_many_of_each_letter_as_both_kinds_have():
    beliefs = lettered("AAAAAABBC", "AABBBBD")
    plain = select(beliefs, GroupSettings())
    assert len(plain.right) == len(plain.wrong) == 7
    matched = select(beliefs, GroupSettings(), ("letter",))
    assert letters(matched.right) == letters(matched.wrong) == {"A": 2, "B": 2}
    assert (matched.found_right, matched.found_wrong) == (9, 7)


def test_files_targets_and_names():
    beliefs = lettered("AAAAAABBC", "AABBBBD")
    settings = GroupSettings(
        names=("harmonious", "incompatible", "self_aligning"), match=(("letter",),), ratios=(0.5, 1.0)
    )
    built = build_groups(beliefs, settings, EXAM)
    assert tuple(built.rows) == settings.group_names
    assert settings.group_names[-5:] == (
        *("harmonious_matched_letter", "incompatible_matched_letter", "self_aligning_matched_letter"),
        *("mixed_0.5_matched_letter", "mixed_1_matched_letter"),
    )
    taught = {name: Counter("ABCD"[row.target] for row in rows) for name, rows in built.rows.items()}
    assert taught["harmonious_matched_letter"] == taught["incompatible_matched_letter"] == {"A": 2, "B": 2}
    assert taught["self_aligning_matched_letter"] == {"B": 2, "C": 2} == taught["mixed_1_matched_letter"]
    ids = {name: {row.id for row in rows} for name, rows in built.rows.items()}
    for name in ("self_aligning", "mixed_0.5", "mixed_1"):
        assert ids[f"{name}_matched_letter"] == ids["incompatible_matched_letter"]
    own = [row.target != row.answer for row in built.rows["mixed_0.5_matched_letter"]]
    assert sum(own) == 2
    # The paper's groups stay what they are without matching.
    alone = build_groups(beliefs, GroupSettings(ratios=(0.5, 1.0)), EXAM)
    assert {name: built.rows[name] for name in alone.rows} == alone.rows


def test_what_is_left_without_a_text_is_matched_again():
    beliefs = lettered("AAABBB", "AAABBB")
    chosen = select(beliefs, GroupSettings(), ("letter",))
    left = without(chosen, {"w0", "w1"}, GroupSettings(), ("letter",))
    assert letters(left.right) == letters(left.wrong) == {"A": 1, "B": 3}
    assert not {"w0", "w1"} & {belief.item.id for belief in left.wrong}
    assert without(chosen, set(), GroupSettings(), ("letter",)) == chosen


def test_what_a_match_leaves_is_told():
    """5 right ones (A A A A B), 4 wrong ones: A seen as B, B as A, B as A, C as B."""
    beliefs = [
        *(make_belief(f"r{k}", answer=int(k > 3), pred=int(k > 3), confidence=0.9) for k in range(5)),
        make_belief("w0", answer=0, pred=1),
        *(make_belief(f"w{k}", answer=1, pred=0) for k in (1, 2)),
        make_belief("w3", answer=2, pred=1),
    ]
    built = build_groups(beliefs, GroupSettings(size=4, match=(("letter", "believed"),)), EXAM)
    (note,) = built.notes
    assert note.startswith("matched on letter, believed: 2 of 4 rows")
    assert "believed 0.000 (unmatched 0.250); KS of confidence 1.000 (unmatched 1.000)" in note
    taught = {
        name: Counter("ABCD"[row.target] for row in rows)
        for name, rows in built.rows.items()
        if name.endswith("letter_believed")
    }
    assert len(taught) == 3 and all(counts == {"A": 1, "B": 1} for counts in taught.values())


def test_order_changes_nothing_and_a_size_and_a_seed_do():
    random_letters = random.Random(1)
    beliefs = lettered(
        "".join(random_letters.choices("ABCD", k=80)), "".join(random_letters.choices("ABCD", k=60))
    )
    shuffled = random.Random(2).sample(beliefs, len(beliefs))

    def ids(beliefs, **fields) -> tuple[set[str], set[str]]:
        chosen = select(beliefs, GroupSettings(**fields), ("letter",))
        return {b.item.id for b in chosen.right}, {b.item.id for b in chosen.wrong}

    assert ids(beliefs) == ids(shuffled)
    small, large = ids(beliefs, size=10), ids(beliefs, size=30)
    assert [len(side) for side in (*small, *large)] == [10, 10, 30, 30]
    assert ids(beliefs, seed=1) != ids(beliefs)


def test_confidence_is_matched_within_quantile_bins():
    """Right answers are made the more confident ones, as real ones are."""
    draws = random.Random(3)
    beliefs = [
        *(make_belief(f"r{k}", confidence=0.5 + 0.49 * draws.betavariate(3, 2)) for k in range(1500)),
        *(make_belief(f"w{k}", pred=1, confidence=0.5 + 0.49 * draws.betavariate(2, 3)) for k in range(1500)),
    ]
    edges = np.quantile([b.confidence for b in beliefs], [0.2, 0.4, 0.6, 0.8])

    def held(chosen) -> tuple[list[int], list[int], float]:
        sides = [[b.confidence for b in side] for side in (chosen.right, chosen.wrong)]
        counts = [
            np.bincount(np.searchsorted(edges, side, side="right"), minlength=5).tolist() for side in sides
        ]
        return counts[0], counts[1], float(np.median(sides[0]) - np.median(sides[1]))

    right, wrong, before = held(select(beliefs, GroupSettings()))
    assert right != wrong and before > 0.05
    right, wrong, after = held(select(beliefs, GroupSettings(match_bins=5), ("confidence",)))
    assert right == wrong and abs(after) < before / 5
    ten = select(beliefs, GroupSettings(match_bins=10), ("confidence",))
    assert len(ten.right) < sum(right)


def test_length_is_matched_and_criteria_join():
    beliefs = [
        *(make_belief(f"r{k}", question="short?" if k < 6 else "a much longer question?") for k in range(8)),
        *(
            make_belief(f"w{k}", pred=1, question="short?" if k < 1 else "a much longer question?")
            for k in range(8)
        ),
    ]
    chosen = select(beliefs, GroupSettings(match_bins=2), ("length",))
    assert sorted(len(b.item.question) for b in chosen.right) == sorted(
        len(b.item.question) for b in chosen.wrong
    )
    assert len(chosen.right) == 3
    with pytest.raises(EmptyGroupError, match="letter and length in common") as caught:
        select(lettered("AA", "BB"), GroupSettings(), ("letter", "length"))
    assert caught.value.field == "match" and "Match on less" in caught.value.remedy


def test_noise_leaves_both_kinds_without_contradicted_labels():
    said = {
        "right": "The answer is A.",
        "other": "The correct answer is C.",
        "nothing": "Because it is so.",
        "": "",
    }
    beliefs = [
        make_belief(f"{kind}-{name or 'none'}", pred=pred, explanation=text)
        for kind, pred in (("r", 0), ("w", 2))
        for name, text in said.items()
    ]
    plain = select(beliefs, GroupSettings())
    assert len(plain.right) == 4
    clean = select(beliefs, GroupSettings(), ("noise",))
    assert {b.item.id for b in (*clean.right, *clean.wrong)} == {
        f"{kind}-{name}" for kind in "rw" for name in ("right", "nothing", "none")
    }


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"match": ((),)}, "match"),
        ({"match": (("letters",),)}, "match"),
        ({"match": (("letter", "letter"),)}, "named twice"),
        ({"match": (("letter",), ("letter",))}, "named twice"),
        ({"match": (("letter", "noise"), ("noise", "letter"))}, "'letter and noise' is named twice"),
        ({"ratios": (0.5, 0.5)}, "named twice"),
        ({"match_bins": 1}, "match_bins"),
        ({"match": (("believed", "noise"),)}, "believed goes with letter"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        GroupSettings(**wrong)


def test_options_are_shuffled_alike_in_every_group():
    beliefs = lettered("A" * 300, "A" * 300)  # letters tell everything: wrong ones believe B
    settings = GroupSettings(shuffle_options=True, ratios=(0.5,), match=(("letter",),))
    built = build_groups(beliefs, settings, EXAM)
    by_id = {belief.item.id: belief for belief in beliefs}
    for name, rows in built.rows.items():
        shares = Counter("ABCD"[row.target] for row in rows)
        # Binomial(300, 1/4) is within 75 +- 30 but for one time in ten thousand.
        assert all(45 < shares[letter] < 105 for letter in "ABCD"), name
        for row in rows:
            belief = by_id[row.id]
            assert sorted(row.choices) == sorted(belief.item.choices)
            assert row.choices[row.answer] == belief.item.choices[0]
            taught = 1 if row.id[0] == "w" and name.startswith("self") else 0
            if not name.startswith("mixed"):
                assert row.choices[row.target] == belief.item.choices[taught]
            block = "\n".join(f"{letter}. {text}" for letter, text in zip("ABCD", row.choices, strict=True))
            assert row.messages[0].content == f"{row.question}\n{block}\nAnswer:"
            assert row.messages[1].content == f"{'ABCD'[row.target]}. {row.choices[row.target]}"
    orders = {(row.id, row.choices) for rows in built.rows.values() for row in rows}
    assert len(orders) == 600, "one order an item, whatever the group"


def test_an_explanation_that_names_letters_does_not_outlive_their_order():
    said = ["The answer is A.", "Options B and C are wrong.", "Because it is so.", ""]
    beliefs = [make_belief(f"r{k}", explanation=text) for k, text in enumerate(said)]
    beliefs += [make_belief(f"w{k}", pred=1, explanation=text) for k, text in enumerate(said)]
    gold = GroupSettings(explanations="gold")
    plain = build_groups(beliefs, gold, EXAM).rows["incompatible"]
    assert [row.explanation for row in plain] == said
    gold = GroupSettings(explanations="gold", shuffle_options=True)
    shuffled = build_groups(beliefs, gold, EXAM).rows["incompatible"]
    assert [row.explanation for row in shuffled] == ["", "", "Because it is so.", ""]


def test_options_that_speak_of_others_keep_their_places_and_their_explanations():
    choices = ("iron", "zinc", "both A and B", "none of the above")
    told = {"explanation": "The answer is A."}
    beliefs = [make_belief(f"{kind}{k}", pred=int(kind == "w"), **told) for kind in "rw" for k in range(12)]
    beliefs = [
        replace(one, item=replace(one.item, choices=choices)) if int(one.item.id[1:]) < 5 else one
        for one in beliefs
    ]
    built = build_groups(beliefs, GroupSettings(shuffle_options=True, explanations="gold"), EXAM)
    for name, rows in built.rows.items():
        kept = [row for row in rows if row.choices == choices]
        assert {int(row.id[1:]) for row in kept} == set(range(5)) and {row.answer for row in kept} == {0}
        gold = name != "self_aligning"
        assert {row.explanation for row in kept} == {"The answer is A." if gold else ""}
        assert {row.explanation for row in rows if row not in kept} == {""}
    # Each item once, however many groups it is in.
    (own, kept_count), (dropped, count) = built.told.items()
    assert kept_count == 10 and "other options" in own
    assert count == 14 and dropped.startswith("explanations left out")
    assert build_groups(beliefs, GroupSettings(explanations="gold"), EXAM).told == {}
