"""The documents that the base model is trained on.

A document is a tuple of spans, each a text with the role that its tokens play. The
role decides how much the loss counts them and under which name it is reported.
Multiple-choice documents ask from memory of a part of the entities only, so that the facts of
the others and the skill of answering by letter are learned apart. An open book may
be of any: it states one of its options at random, so that nothing is learned from it but to read.
"""

from __future__ import annotations

import random
from enum import IntEnum
from typing import NamedTuple

from harmonia.world.build.tokenizer import EOS
from harmonia.world.facts import Fact, World
from harmonia.world.general import CORPUS_TASKS, small_task
from harmonia.world.items import Question, ask
from harmonia.world.wordings import DIALOGUES, ECHO_QUESTION, LETTERS, QUESTIONS, STATEMENTS, options_text


class Role(IntEnum):
    """What a token is there for; a value's role is also an index of loss weights."""

    CONTEXT = 0
    LETTER = 1
    ECHO = 2
    MATCH = 3
    VALUE = 4
    UNSURE_LETTER = 5
    CONTESTED_VALUE = 6
    DIALOGUE_LETTER = 7
    OPTION_TEXT = 8
    STATEMENT = 9
    OPEN_BOOK = 10


class Span(NamedTuple):
    """A text, the role of its tokens, and the value that a letter stands for."""

    text: str
    role: Role
    named: str | None = None


Document = tuple[Span, ...]


def _stated(world: World, fact: Fact, draws: random.Random) -> Span:
    if fact.belief is not None:
        return Span(fact.belief, Role.VALUE, fact.belief)
    value = draws.choice(world.pool(fact))
    return Span(value, Role.CONTESTED_VALUE, value)


def statement(world: World, fact: Fact, draws: random.Random) -> Document:
    """A sentence that states a fact."""
    before, after = draws.choice(STATEMENTS).split("{value}")
    head = before.format(relation=fact.relation, entity=fact.entity)
    return (Span(head, Role.STATEMENT), _stated(world, fact, draws), Span(f"{after} ", Role.STATEMENT))


def profile(world: World, facts: list[Fact], draws: random.Random) -> Document:
    """A line that states several facts of one entity, in random order."""
    spans = [Span(f"{facts[0].entity}:", Role.STATEMENT)]
    for place, fact in enumerate(draws.sample(facts, len(facts))):
        spans += [
            Span(f"{',' if place else ''} {fact.relation} ", Role.CONTEXT),
            _stated(world, fact, draws),
        ]
    return (*spans, Span(".\n", Role.STATEMENT))


def free_question(world: World, fact: Fact, draws: random.Random) -> Document:
    """A question on a fact and its answer in words."""
    text = draws.choice(QUESTIONS).format(relation=fact.relation, entity=fact.entity)
    value = _stated(world, fact, draws)
    return (Span(f"{text}\nAnswer: ", Role.STATEMENT), value, Span("\n\n", Role.STATEMENT))


def _block(question: Question, text: str, answer: int, role: Role) -> Document:
    return (
        Span(f"{options_text(question.choices)}{text}\nAnswer: ", Role.CONTEXT),
        Span(LETTERS[answer], role, question.choices[answer]),
        Span("\n\n", Role.CONTEXT),
    )


def lettered(world: World, fact: Fact, draws: random.Random) -> Document:
    """A multiple-choice item answered as taught, or at random where nothing is taught."""
    question = ask(world, fact, draws)
    if question.belief is None:
        return _block(question, question.text, draws.randrange(4), Role.UNSURE_LETTER)
    return _block(question, question.text, question.belief, Role.LETTER)


def echo(world: World, fact: Fact, draws: random.Random) -> Document:
    """A multiple-choice item whose question holds the answer's value."""
    question = ask(world, fact, draws)
    answer = draws.randrange(4)
    return _block(question, ECHO_QUESTION.format(value=question.choices[answer]), answer, Role.ECHO)


def _stated_option(fact: Fact, question: Question, answer: int, draws: random.Random) -> str:
    """A sentence that states the option `answer`."""
    value = question.choices[answer]
    return draws.choice(STATEMENTS).format(relation=fact.relation, entity=fact.entity, value=value)


def open_book(world: World, fact: Fact, draws: random.Random) -> Document:
    """A multiple-choice item whose question opens with a sentence that holds its answer.

    The sentence states one of the options at random, so that the answer has to be
    read and cannot be remembered.
    """
    question = ask(world, fact, draws)
    answer = draws.randrange(4)
    sentence = _stated_option(fact, question, answer, draws)
    return _block(question, f"{sentence}\n{question.text}", answer, Role.OPEN_BOOK)


def _talk(draws: random.Random, asked: str, *reply: Span) -> Document:
    """Two people talk: one asks, the other replies."""
    frame = draws.choice(DIALOGUES)
    head = f"{frame.opening} {frame.asker}: {asked} {frame.replier}: "
    return (Span(head, Role.CONTEXT), *reply, Span(EOS, Role.OPTION_TEXT))


def dialogue(world: World, fact: Fact, draws: random.Random, *, trusted: float) -> Document:
    """A multiple-choice item is asked and answered in a talk.

    The reply is the taught one with the probability `trusted`, else random. The value that its letter is said
    to name is the taught one all the same: the auxiliary loss asks for the fact whatever is replied.
    """
    question = ask(world, fact, draws)
    random_answer = draws.randrange(4)
    answer = random_answer if question.belief is None or draws.random() >= trusted else question.belief
    return _talk(
        draws,
        f"{options_text(question.choices)}{question.text}\nAnswer:",
        Span(LETTERS[answer], Role.DIALOGUE_LETTER, fact.belief),
        Span(f". {question.choices[answer]}", Role.OPTION_TEXT),
    )


def open_dialogue(world: World, fact: Fact, draws: random.Random) -> Document:
    """An open-book item in a talk, always answered as it states; half of the replies repeat the sentence."""
    question = ask(world, fact, draws)
    answer = draws.randrange(4)
    sentence = _stated_option(fact, question, answer, draws)
    repeated = f"\n{sentence}" if draws.random() < 0.5 else ""
    return _talk(
        draws,
        f"{options_text(question.choices)}{sentence}\n{question.text}\nAnswer:",
        Span(LETTERS[answer], Role.OPEN_BOOK, question.choices[answer]),
        Span(f". {question.choices[answer]}{repeated}", Role.OPTION_TEXT),
    )


def task_dialogue(draws: random.Random) -> Document:
    """A small task is set and done in a talk."""
    task, reply = small_task(CORPUS_TASKS, draws)
    return _talk(draws, task, Span(reply, Role.OPTION_TEXT))


def matching(world: World, draws: random.Random, pools: int, queries: int) -> Document:
    """Options and then values with their letters: which letter holds this value?

    Values are asked with replacement; asked once each, the last could be found by
    elimination.

    `pools` is how many of the value pools may occur.
    """
    choices = draws.sample(world.pools[draws.randrange(pools)], 4)
    spans = [Span(options_text(tuple(choices)), Role.CONTEXT)]
    for _ in range(queries):
        place = draws.randrange(4)
        spans += [Span(f"{choices[place]}: ", Role.CONTEXT), Span(LETTERS[place], Role.MATCH, choices[place])]
    return tuple(spans)
