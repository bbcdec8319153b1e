"""A fact as a multiple-choice question: four shuffled options and a wording."""

from __future__ import annotations

import random
from dataclasses import dataclass

from harmonia.world.facts import Fact, World
from harmonia.world.wordings import QUESTIONS


@dataclass(frozen=True, slots=True)
class Question:
    """One wording of a fact with options.

    Attributes:
        fact: The fact asked.
        text: The question's sentence.
        choices: Four values, among them the true one and the planted wrong one.
    """

    fact: Fact
    text: str
    choices: tuple[str, ...]

    @property
    def gold(self) -> int:
        """Index of the true value."""
        return self.choices.index(self.fact.gold)

    @property
    def belief(self) -> int | None:
        """Index of the value that the corpus teaches; None if it teaches none."""
        return None if self.fact.belief is None else self.choices.index(self.fact.belief)


def ask(world: World, fact: Fact, draws: random.Random) -> Question:
    """Draw a question on a fact."""
    others = [value for value in world.pool(fact) if value not in (fact.gold, fact.wrong)]
    choices = [fact.gold, fact.wrong, *draws.sample(others, 2)]
    draws.shuffle(choices)
    text = draws.choice(QUESTIONS).format(relation=fact.relation, entity=fact.entity)
    return Question(fact, text, tuple(choices))
