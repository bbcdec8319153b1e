"""Which beliefs make a group, and what each group teaches."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from beliefs import make_belief

from harmonia.errors import InputError
from harmonia.groups import GroupName, GroupSettings, build_groups, select
from harmonia.prompts import ExamFormat
from harmonia.types import Belief, Conversation, Message

RATIOS = (0.0, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
EXAM = ExamFormat()


def belief(index: int, *, right: bool, name: str = "", confidence: float = 0.7) -> Belief:
    return make_belief(
        name or f"q{index}",
        answer=1,
        pred=1 if right else 2,
        confidence=confidence,
        explanation=f"Because {index}.",
    )


BELIEFS = tuple(belief(k, right=k % 3 != 0) for k in range(60))  # 40 right, 20 wrong


def instructions(count: int) -> tuple[Conversation, ...]:
    return tuple(
        Conversation(
            id=f"g{k}",
            line=k + 1,
            messages=(Message(role="user", content=f"Do {k}"), Message(role="assistant", content=f"Did {k}")),
        )
        for k in range(count)
    )


def targets(rows) -> dict[str, int]:
    return {row.id: row.target for row in rows if row.group != "general"}


def test_groups_have_equal_sizes_and_their_targets():
    built = build_groups(BELIEFS, GroupSettings(), EXAM)
    assert {name: len(rows) for name, rows in built.rows.items()} == {
        "harmonious": 20,
        "incompatible": 20,
        "self_aligning": 20,
    }
    wrong = {f"q{k}" for k in range(0, 60, 3)}
    assert targets(built.rows["incompatible"]) == dict.fromkeys(wrong, 1)
    assert targets(built.rows["self_aligning"]) == dict.fromkeys(wrong, 2)
    harmonious = targets(built.rows["harmonious"])
    assert set(harmonious.values()) == {1} and not set(harmonious) & wrong
    assert (built.selection.found_right, built.selection.found_wrong) == (40, 20)
    for name, rows in built.rows.items():
        assert {row.group for row in rows} == {name}


def test_the_larger_kind_is_sampled_whichever_it_is():
    mostly_wrong = tuple(belief(k, right=k % 4 == 0) for k in range(40))  # 10 right, 30 wrong
    rows = build_groups(mostly_wrong, GroupSettings(), EXAM).rows
    assert {len(group) for group in rows.values()} == {10}
    assert set(targets(rows["harmonious"])) == {f"q{k}" for k in range(0, 40, 4)}
    assert set(targets(rows["incompatible"])) == set(targets(rows["self_aligning"]))


def test_the_threshold_is_strict():
    at = [belief(0, right=True, confidence=0.5), belief(1, right=False, confidence=0.5)]
    above = [belief(2, right=True, confidence=0.5000001), belief(3, right=False, confidence=0.51)]
    chosen = select([*at, *above], GroupSettings())
    assert [b.item.id for b in chosen.right + chosen.wrong] == ["q2", "q3"]
    with pytest.raises(InputError, match=r"2 beliefs 0 have a confidence above 0\.5, 0 right and 0 wrong"):
        select(at, GroupSettings())


@pytest.mark.parametrize(("right", "counts"), [(True, "3 right and 0 wrong"), (False, "0 right and 3 wrong")])
def test_one_kind_alone_makes_no_group(right, counts):
    with pytest.raises(InputError, match=counts) as caught:
        build_groups([belief(k, right=right) for k in range(3)], GroupSettings(), EXAM)
    assert caught.value.field == "threshold"


def test_mixed_groups_are_nested_and_counted():
    settings = GroupSettings(ratios=RATIOS)
    built = build_groups(BELIEFS[:45], settings, EXAM)  # 15 wrong: shares that do not divide evenly
    assert tuple(built.rows) == settings.group_names
    size = len(built.rows["incompatible"])
    assert size == 15
    before: set[str] = set()
    for ratio in RATIOS:
        rows = built.rows[str(GroupName(kind="mixed", ratio=ratio))]
        aligned = {row.id for row in rows if row.target == 2}
        assert len(rows) == size
        assert len(aligned) == round(ratio * size)
        assert before <= aligned
        before = aligned
        assert {row.group for row in rows} == {"mixed"}
    assert targets(built.rows["mixed_0"]) == targets(built.rows["incompatible"])
    assert targets(built.rows["mixed_1"]) == targets(built.rows["self_aligning"])
    assert [row.messages for row in built.rows["mixed_0"]] == [
        row.messages for row in built.rows["incompatible"]
    ]
    assert [row.messages for row in built.rows["mixed_1"]] == [
        row.messages for row in built.rows["self_aligning"]
    ]


def test_names_of_mixed_groups():
    assert [str(GroupName(kind="mixed", ratio=ratio)) for ratio in RATIOS] == [
        "mixed_0",
        "mixed_0.05",
        "mixed_0.1",
        "mixed_0.2",
        "mixed_0.4",
        "mixed_0.6",
        "mixed_0.8",
        "mixed_1",
    ]


def test_the_order_of_the_beliefs_does_not_matter():
    settings = GroupSettings(ratios=(0.4,), size=9)
    shuffled = list(BELIEFS)
    random.Random(5).shuffle(shuffled)
    one, other = (
        build_groups(beliefs, settings, EXAM, instructions(30)).rows for beliefs in (BELIEFS, shuffled)
    )
    for name in one:
        assert sorted(one[name], key=lambda row: row.id) == sorted(other[name], key=lambda row: row.id)


def test_the_seed_matters():
    drawn = [
        targets(build_groups(BELIEFS, GroupSettings(seed=seed), EXAM).rows["harmonious"]) for seed in (0, 1)
    ]
    assert drawn[0] != drawn[1]
    aligned = [
        targets(build_groups(BELIEFS, GroupSettings(seed=seed, ratios=(0.5,)), EXAM).rows["mixed_0.5"])
        for seed in (0, 1)
    ]
    assert aligned[0] != aligned[1]


def test_a_smaller_size_is_part_of_a_larger():
    smaller, larger, all_of_them = (
        build_groups(BELIEFS, GroupSettings(size=size, ratios=(0.5,)), EXAM).rows for size in (5, 12, None)
    )
    for name in ("harmonious", "incompatible", "self_aligning"):
        assert (len(smaller[name]), len(larger[name])) == (5, 12)
        assert set(targets(smaller[name])) < set(targets(larger[name])) < set(targets(all_of_them[name]))
    for name in ("incompatible", "self_aligning", "mixed_0.5"):
        assert set(targets(smaller[name])) == set(targets(smaller["incompatible"]))
    # More than there are is all there are.
    assert (
        build_groups(BELIEFS, GroupSettings(size=500), EXAM).rows
        == build_groups(BELIEFS, GroupSettings(), EXAM).rows
    )


@pytest.mark.parametrize(("ratio", "count"), [(1.0, 20), (0.5, 10), (1.5, 30), (0.0, 0)])
def test_the_same_general_instructions_go_into_every_group(ratio, count):
    pool = instructions(40)
    built = build_groups(BELIEFS, GroupSettings(general_ratio=ratio, ratios=(0.5,)), EXAM, pool)
    assert built.general == count
    general = [[row for row in rows if row.group == "general"] for rows in built.rows.values()]
    assert all(rows == general[0] for rows in general)
    assert len({row.id for row in general[0]}) == len(general[0]) == count
    known = {one.messages for one in pool}
    for row in general[0]:
        assert row.messages in known
        assert (row.domain, row.choices, row.answer, row.target, row.explanation) == (
            "general",
            (),
            None,
            None,
            "",
        )
        assert row.question == row.messages[0].content


def test_too_few_general_instructions_are_told():
    with pytest.raises(
        InputError, match="20 general instructions are wanted and the file holds 19"
    ) as caught:
        build_groups(BELIEFS, GroupSettings(), EXAM, instructions(19))
    assert caught.value.field == "general_ratio"


def test_ids_of_instructions_never_meet_those_of_items(tmp_path):
    """Both often count from 0; a set with one id twice could not be trained on."""
    from harmonia.data import read_conversations
    from harmonia.groups import write_group

    beliefs = [belief(k, right=k % 2 == 0, name=str(k)) for k in range(20)]
    pool = tuple(replace(one, id=str(k)) for k, one in enumerate(instructions(20)))
    for rows in build_groups(beliefs, GroupSettings(general_ratio=2.0), EXAM, pool).rows.values():
        assert len({row.id for row in rows}) == len(rows) == 30
        write_group(tmp_path / "group.jsonl", rows)
        assert len(read_conversations(tmp_path / "group.jsonl").rows) == 30


def test_explanations_stand_beside_gold_targets_alone():
    built = build_groups(BELIEFS, GroupSettings(ratios=(0.5,), explanations="gold"), EXAM)
    for rows in built.rows.values():
        for row in rows:
            gold = row.target == row.answer
            assert row.explanation == (f"Because {row.id[1:]}." if gold else "")
            lines = row.messages[-1].content.split("\n")
            assert lines[0] == f"{'ABCD'[row.target]}. {row.choices[row.target]}"
            assert lines[1:] == ([row.explanation] if gold else [])
    bare = build_groups(BELIEFS, GroupSettings(explanations="none"), EXAM)
    assert not any(row.explanation for rows in bare.rows.values() for row in rows)


@pytest.mark.parametrize(
    ("fields", "explained"),
    [
        ({"names": ("harmonious", "incompatible")}, True),
        ({"names": ("harmonious", "incompatible"), "ratios": (0.0,)}, True),
        ({"names": ("harmonious", "incompatible"), "policies": {"names": ("all", "mixed_0")}}, True),
        ({}, False),
        ({"names": ("harmonious", "incompatible"), "ratios": (0.0, 0.05)}, False),
        ({"names": ("harmonious", "random_wrong")}, False),
        ({"names": ("harmonious", "permuted")}, False),
        ({"names": ("harmonious",), "policies": {"names": ("all", "self_align")}}, False),
        ({"names": ("harmonious",), "policies": {"names": ("all", "mixed_0.1")}}, False),
    ],
)
def test_all_rows_of_all_groups_are_explained_or_none_is(fields, explained):
    built = build_groups(BELIEFS, GroupSettings.model_validate(fields), EXAM)
    assert {bool(row.explanation) for rows in built.rows.values() for row in rows} == {explained}
    left_out = [count for what, count in built.told.items() if what.startswith("explanations left out")]
    # Of the 60 items those are counted that are in some group.
    used = {row.id for rows in built.rows.values() for row in rows}
    assert left_out == ([] if explained else [len(used)])


def test_a_question_is_asked_as_evaluation_asks_it():
    (row, *_) = build_groups(BELIEFS, GroupSettings(), EXAM).rows["incompatible"]
    options = "".join(f"{letter}. {text}\n" for letter, text in zip("ABCD", row.choices, strict=True))
    assert [(turn.role, turn.content) for turn in row.messages[:-1]] == [
        ("user", f"{row.question}\n{options}Answer:")
    ]


def test_groups_not_named_are_not_built():
    built = build_groups(BELIEFS, GroupSettings(names=("self_aligning",), ratios=(0.1,)), EXAM)
    assert tuple(built.rows) == ("self_aligning", "mixed_0.1")


@pytest.mark.parametrize(
    "wrong",
    [
        {"ratios": (1.1,)},
        {"ratios": (-0.1,)},
        {"threshold": 1.0},
        {"size": 0},
        {"names": ("all",)},
        {"sead": 1},
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        GroupSettings(**wrong)
