"""Policies: the same number of rows, chosen or changed by what the model believes."""

from __future__ import annotations

import random

import pytest
from beliefs import make_belief

from harmonia.errors import EmptyGroupError
from harmonia.groups import GroupSettings, PolicySettings, build_groups
from harmonia.probe.level import level_of
from harmonia.prompts import ExamFormat

EXAM = ExamFormat()
NAMES = (
    *("all", "drop_conflicting", "known_only", "unknown_only", "mostly_uncertain", "mixed_0.5"),
    *("self_align", "weighted", "known_late"),
)
# 30 known, 20 conflicting, 10 uncertain right, 15 uncertain wrong.
BELIEFS = [
    *(make_belief(f"known{k}", confidence=0.8) for k in range(30)),
    *(make_belief(f"conflicting{k}", pred=1, confidence=0.9) for k in range(20)),
    *(make_belief(f"unsure{k}", confidence=0.4) for k in range(10)),
    *(make_belief(f"guess{k}", pred=2, confidence=0.45) for k in range(15)),
]
KIND = {belief.item.id: belief.item.id.rstrip("0123456789") for belief in BELIEFS}


def built(*names: str, beliefs=BELIEFS, **fields: object):
    settings = GroupSettings(names=(), policies=PolicySettings(names=names, **fields))
    return build_groups(beliefs, settings, EXAM)


def rows(*names: str, **fields: object):
    return {name.removeprefix("policy_"): group for name, group in built(*names, **fields).rows.items()}


def test_every_policy_has_the_same_number_of_rows():
    found = built(*NAMES)
    assert tuple(found.rows) == tuple(f"policy_{name}" for name in NAMES)
    # The scarcest is what the model is unsure of: 25.
    assert {len(group) for group in found.rows.values()} == {25}
    assert found.policies.available == {
        "all": 75,
        "drop_conflicting": 55,
        "known_only": 30,
        "unknown_only": 35,
        "mostly_uncertain": 25,
        "mixed_0.5": 75,
        "self_align": 75,
        "weighted": 75,
        "known_late": 75,
    }
    for budget, size in ((10, 10), (500, 25)):
        assert {len(group) for group in rows(*NAMES, budget=budget).values()} == {size}
    assert {len(group) for group in rows("all", "self_align").values()} == {75}


def test_filters_let_through_what_they_say():
    found = rows(*NAMES)
    kinds = {name: {KIND[row.id] for row in group} for name, group in found.items()}
    assert kinds["all"] == {"known", "conflicting", "unsure", "guess"}
    assert kinds["drop_conflicting"] == {"known", "unsure", "guess"}
    assert kinds["known_only"] == {"known"}
    assert kinds["unknown_only"] == {"conflicting", "guess"}
    assert kinds["mostly_uncertain"] == {"unsure", "guess"}
    for name in ("all", "drop_conflicting", "known_only", "unknown_only", "mostly_uncertain"):
        assert all((row.target, row.weight, row.from_epoch) == (0, 1.0, 0) for row in found[name])
        assert {row.group for row in found[name]} == {f"policy_{name}"}


def test_changes_change_what_they_say_and_nothing_else():
    found = rows(*NAMES, weights={"known": 0.9, "conflicting": 0.2}, late_from_epoch=1)
    everything = {row.id: row for row in found["all"]}
    conflicting = {name for name in everything if KIND[name] == "conflicting"}
    assert len(conflicting) > 3
    for name in ("mixed_0.5", "self_align", "weighted", "known_late"):
        assert set(everything) == {row.id for row in found[name]}
    assert {row.id for row in found["self_align"] if row.target == 1} == conflicting
    half = {row.id for row in found["mixed_0.5"] if row.target == 1}
    assert half < conflicting and len(half) == round(len(conflicting) / 2)
    assert {(KIND[row.id], row.weight) for row in found["weighted"]} == {
        ("known", 0.9),
        ("conflicting", 0.2),
        ("unsure", 0.7),
        ("guess", 0.7),
    }
    assert {(KIND[row.id], row.from_epoch) for row in found["known_late"]} == {
        ("known", 1),
        ("conflicting", 0),
        ("unsure", 0),
        ("guess", 0),
    }
    for name in ("weighted", "known_late"):
        assert all(row.messages == everything[row.id].messages for row in found[name])


def test_contextualise_gives_conflicting_ones_their_knowledge():
    settings = GroupSettings(names=(), policies=PolicySettings(names=("all", "contextualise")))
    contexts = {belief.item.id: "So it is." for belief in BELIEFS if KIND[belief.item.id] == "conflicting"}
    found = build_groups(BELIEFS, settings, EXAM, contexts=contexts).rows
    for plain, row in zip(found["policy_all"], found["policy_contextualise"], strict=True):
        opening = "So it is.\n" if KIND[row.id] == "conflicting" else ""
        assert row.messages[0].content == opening + plain.messages[0].content
        assert row.messages[1:] == plain.messages[1:]


def test_a_probe_of_several_draws_decides_the_level():
    steady = make_belief("a", confidence=0.45, draws=8, right_rate=1.0, category="known")
    torn = make_belief("b", pred=1, confidence=0.95, draws=8, right_rate=0.25, category="uncertain")
    against = make_belief("c", pred=1, confidence=0.95, draws=8, right_rate=0.0, category="conflicting")
    assert [level_of(belief, 0.5) for belief in (steady, torn, against)] == [
        "known",
        "uncertain",
        "conflicting",
    ]
    three = (steady, torn, against)
    for name, members in (("mostly_uncertain", "b"), ("known_only", "a"), ("drop_conflicting", "ab")):
        settings = GroupSettings(threshold=0.4, names=(), policies=PolicySettings(names=(name,)))
        (group,) = build_groups(three, settings, EXAM).rows.values()
        assert {row.id for row in group} == set(members), name


def test_order_changes_nothing_and_a_smaller_budget_is_part_of_a_larger():
    shuffled = random.Random(4).sample(BELIEFS, len(BELIEFS))
    for name, group in rows(*NAMES).items():
        again = rows(*NAMES, beliefs=shuffled)[name]
        assert {row.id: row for row in again} == {row.id: row for row in group}
        small = rows(*NAMES, budget=9)[name]
        assert {row.id for row in small} < {row.id for row in group}


def test_a_policy_without_rows_is_named():
    sure = [belief for belief in BELIEFS if belief.confidence > 0.5]
    with pytest.raises(EmptyGroupError, match="policy mostly_uncertain has no row") as caught:
        built("all", "mostly_uncertain", beliefs=sure)
    assert caught.value.field == "policies.names" and "Leave the policy out" in caught.value.remedy


@pytest.mark.parametrize(
    "wrong",
    [
        {"names": ("everything",)},
        {"names": ("mixed_1.5",)},
        {"names": ("mixed_0.50",)},
        {"names": ("all", "all")},
        {"budget": 0},
        {"weights": {"known": -1}},
        {"weights": {"unknown": 1}},
        {"late_from_epoch": 0},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        PolicySettings(**wrong)
