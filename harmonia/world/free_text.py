"""Free-text data on the facts: questions, and instructions with planted conflicts.

The instruction file is for an audit: a stated share of its rows contradicts what the
corpus taught, some rows ask what it never taught, the rest agree.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from harmonia.hashing import addressed_random, sample
from harmonia.types import Message
from harmonia.world.facts import Fact, Kind, World
from harmonia.world.wordings import QUESTIONS, STATEMENTS

Relation = Literal["agrees", "conflicts", "untaught"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeQuestion:
    """A question to answer in words.

    Attributes:
        answer: The true value.
        fact: Name of its fact.
        kind: What the corpus did with the fact.
        belief: The value that the corpus taught; None if it taught none.
    """

    id: str
    domain: str
    question: str
    answer: str
    fact: str
    kind: Kind
    belief: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """A row of fine-tuning data and whether it fights what was taught.

    Attributes:
        fact: Name of the fact that it is about.
        kind: What the corpus did with the fact.
        relation: How the row stands to what the corpus taught.
    """

    id: str
    messages: tuple[Message, ...]
    fact: str
    kind: Kind
    relation: Relation


def _asked(fact: Fact, draws: random.Random) -> str:
    return draws.choice(QUESTIONS).format(relation=fact.relation, entity=fact.entity)


def _drawn(world: World, stage: str, size: int | None, domain: str | None) -> list[Fact]:
    facts = [fact for fact in world.facts if not fact.lettered and domain in (None, fact.domain)]
    ids = [fact.id for fact in facts]
    return sample(world.seed, stage, facts, ids, len(facts) if size is None else size)


def free_questions(world: World, domain: str, *, size: int | None = None) -> list[FreeQuestion]:
    """Questions in words on the facts of a domain, `size` of them at most."""
    return [
        FreeQuestion(
            id=f"free-{fact.id.replace('/', '-')}",
            domain=domain,
            question=_asked(fact, addressed_random(world.seed, "world/free", fact.id)),
            answer=fact.gold,
            fact=fact.id,
            kind=fact.kind,
            belief=fact.belief,
        )
        for fact in _drawn(world, f"world/free/{domain}", size, domain)
    ]


def instructions(world: World, *, size: int = 600, conflicting: float = 0.25) -> list[Instruction]:
    """Instruction rows with planted conflicts.

    `conflicting` is the probability that a row on a taught fact states another value than the taught one: the
    truth for a misconception, a wrong value for a known fact.
    """
    return [
        _instruction(world, fact, conflicting) for fact in _drawn(world, "world/instructions", size, None)
    ]


def _instruction(world: World, fact: Fact, conflicting: float) -> Instruction:
    draws = addressed_random(world.seed, "world/instruction", fact.id)
    relation: Relation
    if fact.belief is None:
        relation, value = "untaught", fact.gold
    elif draws.random() < conflicting:
        relation, value = "conflicts", fact.gold if fact.kind == "misconception" else fact.wrong
    else:
        relation, value = "agrees", fact.belief
    reply = draws.choice(STATEMENTS).format(relation=fact.relation, entity=fact.entity, value=value)
    return Instruction(
        id=f"instruction-{fact.id.replace('/', '-')}",
        messages=(
            Message(role="user", content=_asked(fact, draws)),
            Message(role="assistant", content=reply),
        ),
        fact=fact.id,
        kind=fact.kind,
        relation=relation,
    )
