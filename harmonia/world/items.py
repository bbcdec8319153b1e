"""Items on the facts of the lab world: training candidates, demonstrations, suites.

Entities of a domain are cut into three: those asked from memory in multiple-choice documents give
demonstrations, the next the `homogeneous` suite, the rest the training candidates.
No fact is on two sides: `in_domain` asks relations that training never uses,
`out_of_domain` the other domains.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from harmonia.hashing import addressed_random, sample
from harmonia.types import Item
from harmonia.world.facts import RELATIONS, TRAINED_RELATIONS, Fact, Kind, World
from harmonia.world.wordings import QUESTIONS

Split = Literal["train", "dev", "homogeneous", "in_domain", "out_of_domain"]
SPLITS: tuple[Split, ...] = ("train", "dev", "homogeneous", "in_domain", "out_of_domain")


@dataclass(frozen=True, slots=True)
class Question:
    """One wording of a fact with options.

    Attributes:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class LabItem:
    """An item with the truth that no other tool can know.

    Attributes:
        fact: Name of its fact.
        kind: What the corpus did with the fact.
        belief: Index of the option that the corpus taught; None if it taught none.
    """

    item: Item
    fact: str
    kind: Kind
    belief: int | None


def _lab_item(world: World, fact: Fact, split: Split) -> LabItem:
    name = f"{fact.domain}-{fact.entity}-{fact.relation}-0"
    question = ask(world, fact, addressed_random(world.seed, "world/item", name))
    return LabItem(
        item=Item(
            id=name,
            domain=fact.domain,
            question=question.text,
            choices=question.choices,
            answer=question.gold,
            explanation=f"The {fact.relation} of {fact.entity} is {fact.gold}.",
            source="lab",
            split=split,
            cluster=fact.entity,
        ),
        fact=fact.id,
        kind=fact.kind,
        belief=question.belief,
    )


def _chosen(world: World, domain: str, split: Split) -> Iterable[Fact]:
    sizes = world.settings
    held_out_end = sizes.lettered_entities + sizes.held_out_entities
    trained = RELATIONS[domain][:TRAINED_RELATIONS]
    for fact in world.facts:
        if split == "dev":
            # A demonstration that contradicts what was taught would itself be an intervention.
            chosen = fact.domain == domain and fact.lettered and fact.kind == "known"
        elif fact.lettered:
            chosen = False
        elif split == "out_of_domain":
            chosen = fact.domain != domain
        elif split == "in_domain":
            chosen = fact.domain == domain and fact.relation not in trained
        else:
            held_out = fact.entity_index < held_out_end
            chosen = (
                fact.domain == domain and fact.relation in trained and held_out == (split == "homogeneous")
            )
        if chosen:
            yield fact


def split_items(world: World, domain: str, split: Split, *, size: int | None = None) -> list[LabItem]:
    """The items of one split of a domain.

    At most `size` facts are asked, sampled by address; None for all.
    """
    facts = list(_chosen(world, domain, split))
    if size is not None:
        facts = sample(world.seed, f"world/{split}/{domain}", facts, [fact.id for fact in facts], size)
    return [_lab_item(world, fact, split) for fact in facts]


def demonstrations(world: World, domain: str) -> list[LabItem]:
    """Items to show before a question: known facts of the entities that the corpus asks of by letter."""
    return split_items(world, domain, "dev")
