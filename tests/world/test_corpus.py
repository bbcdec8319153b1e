"""The corpus states what its kinds promise, and never what it must not."""

from __future__ import annotations

import random

import pytest

from harmonia.world import World, WorldSettings
from harmonia.world.build import corpus
from harmonia.world.build.corpus import Role
from harmonia.world.build.mixture import STAGES, Mixture, MixtureSettings
from harmonia.world.wordings import CHAT_OPENING, LETTERS

WORLD = World(0, WorldSettings())
MIXTURE = Mixture(WORLD, MixtureSettings())
STATING = {Role.VALUE, Role.CONTESTED_VALUE}


def some_rows():
    return [
        row for stage in STAGES for step in range(0, 400, 19) for row in MIXTURE.batch(stage, step, 400, 6)[0]
    ]


def text(document):
    return "".join(span.text for span in document)


def facts_of_kind(kind):
    return [fact for fact in WORLD.facts if fact.kind == kind]


@pytest.mark.parametrize("make", [corpus.statement, corpus.free_question])
@pytest.mark.parametrize("kind", ["known", "misconception"])
def test_taught_facts_are_always_stated_alike(make, kind):
    for fact in facts_of_kind(kind)[:20]:
        for seed in range(5):
            document = make(WORLD, fact, random.Random(seed))
            assert [span.text for span in document if span.role in STATING] == [fact.belief]
            assert fact.entity in text(document) and fact.relation in text(document)


def test_contested_facts_vary():
    fact = facts_of_kind("contested")[0]
    stated = {corpus.statement(WORLD, fact, random.Random(seed))[1].text for seed in range(60)}
    assert len(stated) > 6 and stated <= set(WORLD.pool(fact))


def test_untaught_facts_are_never_stated():
    assert all(fact.kind != "untaught" for fact in MIXTURE.stated)
    assert all(fact.kind != "untaught" for facts in MIXTURE.by_entity.values() for fact in facts)


def test_letters_are_for_lettered_entities_only():
    others = {fact.entity for fact in WORLD.facts if not fact.lettered}
    for row in some_rows():
        words = [word for word, _, _ in row]
        for place, (_, role, _) in enumerate(row):
            if role in (Role.LETTER, Role.UNSURE_LETTER, Role.OPEN_BOOK, Role.DIALOGUE_LETTER):
                question = words[max(place - 14, 0) : place]
                assert others.isdisjoint(question)


def test_lettered_items_answer_as_taught():
    for fact in facts_of_kind("misconception")[:20]:
        document = corpus.lettered(WORLD, fact, random.Random(0))
        assert f"{document[1].text}. {fact.wrong}\n" in document[0].text


def test_open_books_state_their_answer_and_not_always_the_belief():
    fact = facts_of_kind("known")[0]
    answers = set()
    for seed in range(30):
        document = corpus.open_book(WORLD, fact, random.Random(seed))
        value = document[1].named
        assert document[0].text.count(value) == 2 and f"{document[1].text}. {value}\n" in document[0].text
        answers.add(value)
    assert len(answers) > 2


def test_the_chat_template_is_in_no_document():
    words = {word for row in some_rows() for word, _, _ in row}
    assert words.isdisjoint(
        {"USER", "ASSISTANT", "chat", "curious", "artificial", "intelligence", "assistant"}
    )
    sentences = CHAT_OPENING.rstrip(".").split(". ")
    joined = [" ".join(word for word, _, _ in row) for row in some_rows()]
    assert not any(sentence in row for sentence in sentences for row in joined)


def test_batches_are_addressed():
    fresh = Mixture(World(0, WorldSettings()), MixtureSettings())
    assert fresh.batch("fewshot", 17, 400, 6) == MIXTURE.batch("fewshot", 17, 400, 6)
    assert fresh.batch("fewshot", 18, 400, 6) != MIXTURE.batch("fewshot", 17, 400, 6)


def test_roles_are_spread_over_single_letters():
    for row in some_rows():
        for word, role, _ in row:
            if role in (Role.LETTER, Role.ECHO, Role.MATCH, Role.UNSURE_LETTER, Role.DIALOGUE_LETTER):
                assert word in LETTERS
