"""Splits share no fact, items hold what they must, and the files are what readers expect."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from harmonia.world import (
    DOMAINS,
    SPLITS,
    World,
    WorldSettings,
    demonstrations,
    free_questions,
    general_instructions,
    instructions,
    split_items,
    write_lab_data,
)

WORLD = World(0, WorldSettings())


@pytest.mark.parametrize("domain", DOMAINS)
def test_no_fact_is_in_two_splits(domain):
    facts = {split: {lab.fact for lab in split_items(WORLD, domain, split)} for split in SPLITS}
    assert all(facts.values())
    for one in SPLITS:
        for other in SPLITS:
            assert one == other or facts[one].isdisjoint(facts[other])
    trained = {lab.item.id.split("-")[2] for lab in split_items(WORLD, domain, "train")}
    untrained = {lab.item.id.split("-")[2] for lab in split_items(WORLD, domain, "in_domain")}
    assert trained.isdisjoint(untrained)
    held_out = {fact.split("/")[1] for fact in facts["homogeneous"]}
    assert held_out.isdisjoint(fact.split("/")[1] for fact in facts["train"])


def test_training_candidates_suffice_for_groups():
    for domain in DOMAINS:
        kinds = Counter(lab.kind for lab in split_items(WORLD, domain, "train"))
        assert kinds["known"] >= 180 and kinds["misconception"] >= 140


def test_items_hold_gold_planted_value_and_belief():
    facts = {fact.id: fact for fact in WORLD.facts}
    for lab in split_items(WORLD, "law", "train"):
        fact, item = facts[lab.fact], lab.item
        assert len(set(item.choices)) == 4
        assert item.choices[item.answer] == fact.gold and fact.wrong in item.choices
        assert lab.belief == (None if fact.belief is None else item.choices.index(fact.belief))


def test_answers_are_spread_over_the_letters():
    answers = Counter(lab.item.answer for lab in split_items(WORLD, "person", "train"))
    assert min(answers.values()) > 0.18 * sum(answers.values())


def test_a_limit_changes_no_item():
    everything = {lab.item.id: lab for lab in split_items(WORLD, "place", "in_domain")}
    some = split_items(WORLD, "place", "in_domain", size=40)
    assert len(some) == 40
    assert all(everything[lab.item.id] == lab for lab in some)


def test_demonstrations_are_known_facts_of_lettered_entities():
    facts = {fact.id: fact for fact in WORLD.facts}
    shown = demonstrations(WORLD, "compound")
    assert len(shown) >= 30
    assert all(facts[lab.fact].lettered and lab.belief == lab.item.answer for lab in shown)


def test_planted_conflicts():
    facts = {fact.id: fact for fact in WORLD.facts}
    rows = instructions(WORLD, size=400, conflicting=0.3)
    for row in rows:
        stated, belief = row.messages[1].content, facts[row.fact].belief
        if row.relation == "untaught":
            assert belief is None
        else:
            assert (belief in stated) == (row.relation == "agrees")
    taught = [row for row in rows if row.relation != "untaught"]
    share = sum(row.relation == "conflicts" for row in taught) / len(taught)
    assert share == pytest.approx(0.3, abs=0.08)


def test_free_questions_and_general_instructions():
    asked = free_questions(WORLD, "person", size=25)
    assert len(asked) == 25 and all(one.fact.split("/")[1] in one.question for one in asked)
    rows = general_instructions(0, 50)
    assert rows[:10] == general_instructions(0, 10)
    names = {fact.entity for fact in WORLD.facts}
    for row in rows:
        assert [message.role for message in row] == ["user", "assistant"]
        assert names.isdisjoint(" ".join(message.content for message in row).split())


def test_lab_data_files(tmp_path):
    write_lab_data(tmp_path / "data", 0, general=20, rows=30)
    ids = set()
    for domain in DOMAINS:
        for split in SPLITS:
            lines = (tmp_path / "data" / domain / f"{split}.jsonl").read_text().splitlines()
            rows = [json.loads(line) for line in lines]
            assert set(rows[0]) == {"id", "question", "choices", "answer", "explanation", "cluster"}
            assert len({row["id"] for row in rows}) == len(rows)
            ids |= {row["id"] for row in rows}
    general = (tmp_path / "data/general.jsonl").read_text().splitlines()
    assert len(general) == 20 and set(json.loads(general[0])) == {"messages"}
    truth = {json.loads(line)["id"] for line in (tmp_path / "data/truth.jsonl").read_text().splitlines()}
    assert ids <= truth
