"""The corpus states what its kinds promise, and never what it must not."""

from __future__ import annotations

import random
from typing import get_args

import pytest

from harmonia.world import World, WorldSettings, general_instructions
from harmonia.world.build import corpus
from harmonia.world.build.corpus import Role
from harmonia.world.build.mixture import Mixture, MixtureSettings, StageName
from harmonia.world.wordings import CHAT_OPENING, LETTERS

WORLD = World(0, WorldSettings())
MIXTURE = Mixture(WORLD, MixtureSettings())
STATING = {Role.VALUE, Role.CONTESTED_VALUE}


def some_rows():
    return [
        row
        for stage in get_args(StageName)
        for step in range(0, 400, 19)
        for row in MIXTURE.batch(stage, step, 400, 6)[0]
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


def questions(rows, *roles):
    """The words right before each letter that plays one of these roles."""
    for row in rows:
        words = [word for word, _, _ in row]
        for place, (_, role, _) in enumerate(row):
            if role in roles:
                yield words[max(place - 14, 0) : place]


def test_only_lettered_entities_are_asked_from_memory():
    others = {fact.entity for fact in WORLD.facts if not fact.lettered}
    roles = (Role.LETTER, Role.UNSURE_LETTER, Role.DIALOGUE_LETTER)
    asked = list(questions(some_rows(), *roles))
    assert len(asked) > 100 and all(others.isdisjoint(question) for question in asked)


def test_open_books_of_the_last_stage_are_of_all_entities():
    rows = [row for step in range(20) for row in MIXTURE.batch("fewshot", step, 400, 6)[0]]
    asked = list(questions(rows, Role.OPEN_BOOK))
    others = {fact.entity for fact in MIXTURE.stated if not fact.lettered}
    # 185 of 220 entities are the others.
    assert sum(not others.isdisjoint(question) for question in asked) / len(asked) > 0.7


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


def replies(make, role):
    """What is said with which letter, and the whole text, of many dialogues on one known fact."""
    fact = facts_of_kind("known")[0]
    for seed in range(300):
        document = make(WORLD, fact, random.Random(seed))
        (letter,) = [span for span in document if span.role == role]
        said = next(span.text for span in document if span.role == Role.OPTION_TEXT)
        yield fact, letter, said, text(document)


@pytest.mark.parametrize(("trusted", "share"), [(0.0, 0.25), (0.5, 0.625), (1.0, 1.0)])
def test_replies_from_memory_are_as_taught_in_a_share(trusted, share):
    def make(world, fact, draws):
        return corpus.dialogue(world, fact, draws, trusted=trusted)

    right = 0
    for fact, letter, said, whole in replies(make, Role.DIALOGUE_LETTER):
        assert f"{letter.text}{said}\n" in whole and letter.named == fact.belief
        right += said == f". {fact.belief}"
    # Three standard errors of 300 draws.
    assert right / 300 == pytest.approx(share, abs=3 * (share * (1 - share) / 300) ** 0.5)


def test_open_dialogues_are_answered_as_they_state_and_half_repeat_it():
    repeated, answers = 0, set()
    for _, letter, said, whole in replies(corpus.open_dialogue, Role.OPEN_BOOK):
        stated = whole.split("D. ")[1].split("\n")[1]
        assert letter.named in stated and f"{letter.text}. {letter.named}\n" in whole
        assert said in (f". {letter.named}", f". {letter.named}\n{stated}")
        repeated += stated in said
        answers.add(letter.named)
    assert 120 < repeated < 180 and len(answers) > 2


def opening(task):
    return tuple(task.split()[:2])


def test_no_task_of_the_corpus_is_a_general_instruction():
    asked = {opening(row[0].content) for row in general_instructions(0, 300)}
    tasks = [text(corpus.task_dialogue(random.Random(seed))).split(": ", 1)[1] for seed in range(100)]
    assert asked.isdisjoint(map(opening, tasks))


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
