"""Controls: the general rows alone, wrong options that nobody believes, right letters of other rows."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from beliefs import make_belief
from pydantic import ValidationError
from scipy.optimize import linear_sum_assignment
from scipy.stats import chisquare

from harmonia.errors import EmptyGroupError, InputError
from harmonia.groups import GroupSettings, build_groups, wanted_texts
from harmonia.groups.confounds import differences
from harmonia.prompts import ExamFormat
from harmonia.types import Belief, Conversation, Message

EXAM = ExamFormat()
NAMES = ("harmonious", "incompatible", "general_only", "random_wrong", "permuted")
INSTRUCTIONS = tuple(
    Conversation(
        id=f"g{k}",
        line=k + 1,
        messages=(Message(role="user", content=f"Do {k}"), Message(role="assistant", content=f"Did {k}")),
    )
    for k in range(60)
)
BELIEFS = [
    *(make_belief(f"r{k}", answer=k % 4, pred=k % 4, explanation=f"Known {k}.") for k in range(40)),
    *(make_belief(f"w{k}", answer=k % 4, pred=(k + 1) % 4, explanation=f"Gold {k}.") for k in range(24)),
]


def cut(belief: Belief, options: int) -> Belief:
    """The belief about the first options of its item."""
    item = replace(belief.item, choices=belief.item.choices[:options])
    return replace(belief, item=item, probs=(*belief.probs[: options - 1], sum(belief.probs[options - 1 :])))


def own(rows) -> list:
    return [row for row in rows if row.group != "general"]


def test_general_only_is_the_general_rows_of_all_others():
    settings = GroupSettings(names=NAMES, size=10, general_ratio=1.5, match=(("letter",),))
    built = build_groups(BELIEFS, settings, EXAM, INSTRUCTIONS)
    for end in ("", "_matched_letter"):
        alone = built.rows[f"general_only{end}"]
        assert len(alone) == 15 and own(alone) == []
        for name in NAMES:
            beside = built.rows[name + end]
            assert [row for row in beside if row.group == "general"] == list(alone)


@pytest.mark.parametrize(
    ("ratio", "instructions", "field", "problem"),
    [
        (1.0, (), "general", "and there are none"),
        (0.01, INSTRUCTIONS, "general_ratio", "of 24 rows this makes none"),
    ],
)
def test_general_only_without_a_general_row_is_refused(ratio, instructions, field, problem):
    settings = GroupSettings(names=NAMES, general_ratio=ratio)
    with pytest.raises(InputError, match=problem) as caught:
        build_groups(BELIEFS, settings, EXAM, instructions)
    assert caught.value.field == field
    with pytest.raises(ValidationError, match="general_ratio must be above 0"):
        GroupSettings(names=NAMES, general_ratio=0)


def test_random_wrong_is_of_the_incompatible_items_and_of_no_option_that_counts():
    settings = GroupSettings(names=("harmonious", "incompatible", "random_wrong"), size=15)
    built = build_groups(BELIEFS, settings, EXAM)
    believed = {belief.item.id: belief.pred for belief in BELIEFS}
    beside = built.rows["incompatible"]
    assert [row.id for row in built.rows["random_wrong"]] == [row.id for row in beside]
    for row, right in zip(built.rows["random_wrong"], beside, strict=True):
        assert row.target not in (row.answer, believed[row.id]) and right.target == row.answer
        assert row.messages[0] == right.messages[0]
        assert row.messages[-1].content == f"{'ABCD'[row.target]}. {row.choices[row.target]}"
    # The option of an item does not depend on which other items there are.
    fewer = build_groups(BELIEFS[4:], settings, EXAM).rows["random_wrong"]
    drawn = {row.id: row.target for row in built.rows["random_wrong"]}
    assert all(drawn.get(row.id, row.target) == row.target for row in fewer)


def test_each_third_option_is_as_likely():
    belief = [make_belief("r"), make_belief("w", answer=1, pred=3)]
    counts = Counter(
        build_groups(belief, GroupSettings(names=("random_wrong",), seed=seed), EXAM)
        .rows["random_wrong"][0]
        .target
        for seed in range(2000)
    )
    assert counts.keys() == {0, 2} and chisquare(list(counts.values())).pvalue > 0.001


def test_items_without_a_third_option_leave_all_groups_and_are_counted():
    beliefs = [cut(one, 2) if one.item.id in ("w0", "w4", "w8") else one for one in BELIEFS]
    unsure = cut(make_belief("w99", answer=0, pred=1, confidence=0.3), 2)
    settings = GroupSettings(names=NAMES, ratios=(0.5,), match=(("letter",),))
    built = build_groups([*beliefs, unsure], settings, EXAM, INSTRUCTIONS)
    for name, rows in built.rows.items():
        assert not {row.id for row in rows} & {"w0", "w4", "w8"}, name
    assert len(own(built.rows["incompatible"])) == len(own(built.rows["harmonious"])) == 21
    ((why, count),) = built.left_out.items()
    assert count == 3 and why.startswith("only two options")
    # Where no group needs a third option they stay.
    assert build_groups(beliefs, GroupSettings(), EXAM).left_out == {}


def test_without_a_third_option_right_beliefs_leave_as_wrong_ones_do():
    # Else `harmonious` alone is about items where guessing is right half the time.
    beliefs = [cut(one, 2) if one.item.id in ("w0", "w4", "r0", "r1", "r4") else one for one in BELIEFS]
    settings = GroupSettings(names=NAMES, match=(("letter",),))
    built = build_groups(beliefs, settings, EXAM, INSTRUCTIONS)
    for name, rows in built.rows.items():
        assert {len(row.choices) for row in own(rows)} <= {4}, name
    assert sum(built.left_out.values()) == 5
    twos = [
        cut(one, 2) if one.correct and one.pred < 2 else one
        for one in BELIEFS
        if not one.correct or one.pred < 2
    ]
    with pytest.raises(EmptyGroupError, match="all 20 items have two options"):
        build_groups(twos, settings, EXAM, INSTRUCTIONS)


def test_items_of_two_options_alone_are_refused():
    beliefs = [cut(make_belief(f"{kind}{k}", pred=int(kind == "w")), 2) for kind in "rw" for k in range(9)]
    with pytest.raises(EmptyGroupError, match="all 9 items have two options") as caught:
        build_groups(beliefs, GroupSettings(names=("harmonious", "random_wrong")), EXAM)
    assert caught.value.field == "groups.names"


def permuted(beliefs: list[Belief], **fields) -> dict[str, int]:
    settings = GroupSettings(names=("harmonious", "permuted"), **fields)
    found = build_groups(beliefs, settings, EXAM)
    taught = {row.id: row.target for row in found.rows["permuted"]}
    assert [row.id for row in found.rows["permuted"]] == [row.id for row in found.rows["harmonious"]]
    assert Counter(taught.values()) == Counter(row.target for row in found.rows["harmonious"])
    kept = [row.id for row in found.rows["permuted"] if row.target == row.answer]
    told = [count for what, count in found.told.items() if "permuted" in what]
    assert told == ([len(kept)] if kept else [])
    return taught


def fewest_kept(beliefs: list[Belief]) -> int:
    """Rows that keep their own letter in the best of all permutations, by the assignment problem."""
    right = [one.item.answer for one in beliefs]
    options = [len(one.item.choices) for one in beliefs]
    costs = [
        [1e6 if letter >= count else float(letter == mine) for letter in right]
        for mine, count in zip(right, options, strict=True)
    ]
    rows, columns = linear_sum_assignment(np.array(costs))
    return round(np.array(costs)[rows, columns].sum())


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("shares", [(1, 1, 1, 1), (3, 1, 1, 1), (6, 1, 1, 0), (1, 0, 0, 0), (9, 1, 0, 0)])
def test_permuted_teaches_each_letter_as_often_and_keeps_as_few_rows_as_can_be(shares, seed):
    draws = random.Random(seed)
    answers = draws.choices(range(4), weights=shares, k=50)
    right = [make_belief(f"r{k}", answer=answer, pred=answer) for k, answer in enumerate(answers)]
    wrong = [make_belief(f"w{k}", answer=1, pred=0) for k in range(50)]
    taught = permuted([*right, *wrong], seed=seed)
    kept = sum(taught[one.item.id] == one.item.answer for one in right)
    most = max(Counter(answers).values())
    assert kept == max(0, 2 * most - 50) == fewest_kept(right)


@pytest.mark.parametrize("seed", range(5))
def test_permuted_letters_fit_items_of_few_options(seed):
    draws = random.Random(seed)
    right = []
    for k in range(60):
        options = draws.choice((2, 3, 4))
        answer = draws.randrange(options)
        right.append(cut(make_belief(f"r{k}", answer=answer, pred=answer, confidence=0.9), options))
    wrong = [make_belief(f"w{k}", answer=1, pred=0) for k in range(60)]
    taught = permuted([*right, *wrong], seed=seed)
    assert all(taught[one.item.id] < len(one.item.choices) for one in right)
    assert sum(taught[one.item.id] == one.item.answer for one in right) == fewest_kept(right) == 0


def test_a_row_that_is_alone_in_its_number_of_options_trades_with_others():
    right = [make_belief(f"r{k}", answer=k % 2, pred=k % 2) for k in range(6)]
    right.append(cut(make_belief("lone", answer=0, pred=0), 3))
    wrong = [make_belief(f"w{k}", answer=1, pred=0) for k in range(7)]
    # Four of seven rows are right at A: one keeps it at the least.
    taught = permuted([*right, *wrong])
    assert sum(taught[one.item.id] == one.item.answer for one in right) == 1 == fewest_kept(right)


def test_nothing_tells_a_permuted_letter():
    beliefs = [
        make_belief(f"{kind}{k}", answer=k % 4, pred=(k + (kind == "w")) % 4)
        for kind in "rw"
        for k in range(400)
    ]
    taught = permuted(beliefs)
    pairs = Counter((one.item.answer, taught[one.item.id]) for one in beliefs if one.correct)
    # Each right letter is replaced by each of the three others, about a third of the time.
    assert len(pairs) == 12 and min(pairs.values()) > 15
    assert taught != permuted(beliefs, seed=1)
    shuffled = random.Random(0).sample(beliefs, len(beliefs))
    assert taught == {name: target for name, target in permuted(shuffled).items()}


def test_own_explanations_argue_for_what_is_taught():
    settings = GroupSettings(names=("harmonious", "random_wrong", "permuted"), explanations="own", size=8)
    wanted = wanted_texts(BELIEFS, settings).explanations
    texts = {(item.id, target): f"So {target} it is." for item, target in wanted}
    assert Counter(name[0] for name, _ in texts) == {"w": 8, "r": 8}
    built = build_groups(BELIEFS, settings, EXAM, explanations=texts)
    assert built.left_out == {}
    for name in ("random_wrong", "permuted"):
        for row in built.rows[name]:
            assert row.target != row.answer and row.explanation == f"So {row.target} it is."
    # A right belief whose text is missing goes, too, with a wrong one; the other rows stay as they are.
    gone = built.selection.right[3].item.id
    fewer = {key: text for key, text in texts.items() if key[0] != gone}
    again = build_groups(BELIEFS, settings, EXAM, explanations=fewer)
    assert again.left_out == {"no explanation of the option taught": 1}
    kept = {one.item.id for one in (*again.selection.right, *again.selection.wrong)}
    assert len(kept) == 14 and gone not in kept
    for name, rows in again.rows.items():
        assert list(rows) == [row for row in built.rows[name] if row.id in kept]


def test_letters_are_permuted_among_the_rows_that_stay():
    settings = GroupSettings(names=("harmonious", "permuted", "contextualised"), explanations="none")
    right = [make_belief(f"r{k}", answer=k % 4, pred=k % 4) for k in range(24)]
    wrong = [belief for belief in BELIEFS if not belief.correct]
    for gone in range(1, 12):
        contexts = {belief.item.id: "It is so." for belief in wrong[gone:]}
        built = build_groups([*right, *wrong], settings, EXAM, contexts=contexts)
        taught = [row.target for row in built.rows["permuted"]]
        assert len(taught) == 24 - gone and built.told == {}
        assert Counter(taught) == Counter(row.target for row in built.rows["harmonious"])


def test_letters_of_rows_that_lack_their_written_text_are_counted():
    settings = GroupSettings(names=("harmonious", "permuted"), explanations="own")
    texts = {(item.id, target): "So it is." for item, target in wanted_texts(BELIEFS, settings).explanations}
    rows = build_groups(BELIEFS, settings, EXAM, explanations=texts).rows["permuted"]
    gone = {row.id for row in rows if row.target == 0 and row.answer == 1}
    fewer = {key: text for key, text in texts.items() if key[0] not in gone}
    built = build_groups(BELIEFS, settings, EXAM, explanations=fewer)
    taught, right = (Counter(row.target for row in built.rows[name]) for name in ("permuted", "harmonious"))
    differ = sum(abs(taught[k] - right[k]) for k in range(4)) // 2
    told = [count for what, count in built.told.items() if "more often" in what]
    assert gone and differ > 0 and told == [differ]


def test_tables_of_controls():
    settings = GroupSettings(names=NAMES, size=20)
    rows = build_groups(BELIEFS, settings, EXAM, INSTRUCTIONS).rows
    confounds, letters = differences("law", rows, BELIEFS)
    found = {row.group: row for row in confounds}
    alone = found["general_only"]
    assert (alone.rows, alone.general, alone.explained) == (0, 20, 0)
    empty = (
        alone.letters_tv_harmonious,
        alone.letters_tv_uniform,
        alone.confidence_p50,
        alone.answer_chars_p90,
    )
    assert empty == (None, None, None, None)
    assert found["permuted"].letters_tv_harmonious == 0 and found["random_wrong"].rows == 20
    assert {row.group for row in letters} == set(NAMES) - {"general_only"}
