"""The facts of the lab world: domains x entities x relations, values from shared pools.

Each fact is of one kind. *Known*: the corpus states its true value. *Misconception*:
the corpus always states one wrong value. *Untaught*: the corpus never states it.
*Contested*: the corpus states a random value at each mention. What a model trained on
the corpus should believe is therefore known beforehand. Every draw is addressed by
(seed, fact), so a fact does not depend on how many others there are.

Words for entities and values are invented. A value is a four-letter stem, an entity a stem with
its domain's ending: the two can never be the same word, and no two domains share an entity. The
words are the first of an addressed order, so asking for more changes none of those already there.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from itertools import product
from typing import Literal

from harmonia.errors import InputError
from harmonia.hashing import addressed_order, addressed_random

Kind = Literal["known", "misconception", "untaught", "contested"]
KINDS: tuple[Kind, ...] = ("known", "misconception", "untaught", "contested")

RELATIONS: dict[str, tuple[str, ...]] = {
    "person": ("profession", "hometown", "instrument", "hobby", "award", "rival"),
    "place": ("crop", "climate", "dialect", "emblem", "river", "festival"),
    "compound": ("colour", "solvent", "odour", "crystal", "hazard", "source"),
    "law": ("penalty", "author", "sector", "court", "symbol", "region"),
}
"""Relations of each domain; the n-th relations of all domains share one pool of values."""

DOMAINS = tuple(RELATIONS)
TRAINED_RELATIONS = 4
"""Relations of a domain, from the first, that fine-tuning may use; the rest are for the `in_domain` suite."""


_CONSONANTS = "bdfghjklmnprstvz"
_VOWELS = "aeiou"
_ENDINGS = {"person": "n", "place": "ria", "compound": "xyl", "law": "que"}
_ENGLISH = (
    "base bone data date done fate fine five fire gave game gone have here hope home life like line "
    "live love made make mate more move name nine none note page rate rule safe same sale side size "
    "some sure take tale time tone tune vote"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldSettings:
    """Size and composition of a world.

    Attributes:
        entities: Entities of a domain.
        lettered_entities: How many of them, from the first, are asked from memory in multiple-choice
            documents; only these give demonstrations, only the others give items.
        held_out_entities: How many of the others are kept for the `homogeneous` suite.
        values: Values in the pool of a relation.
        known: Share of facts whose true value the corpus states.
        misconception: Share of facts of which the corpus states one wrong value.
        untaught: Share of facts that the corpus never states.
        contested: Share of facts of which the corpus states a random value each time.
    """

    entities: int = 220
    lettered_entities: int = 35
    held_out_entities: int = 50
    values: int = 12
    known: float = 0.44
    misconception: float = 0.34
    untaught: float = 0.10
    contested: float = 0.12

    def __post_init__(self) -> None:
        """Refuse settings that leave a split empty or shares that are no partition.

        Raises:
            InputError: A number is out of its range.
        """
        if self.lettered_entities < 6 or self.held_out_entities < 1:
            raise InputError(
                "too few entities for demonstrations or for the held-out suite", seen=asdict(self)
            )
        if self.entities <= self.lettered_entities + self.held_out_entities:
            raise InputError("no entity is left to train on", field="entities", seen=self.entities)
        if self.values < 4:
            raise InputError("an item needs four values", field="values", seen=self.values)
        shares = [self.share(kind) for kind in KINDS]
        if min(shares) < 0 or abs(sum(shares) - 1) > 1e-9:
            raise InputError("the shares of the kinds must be a partition of 1", seen=shares)

    def share(self, kind: Kind) -> float:
        """Share of the facts that are of this kind."""
        return float(getattr(self, kind))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One fact, with what the corpus teaches of it.

    Attributes:
        relation: What is asked of it.
        gold: The true value.
        wrong: The planted wrong value, stated if the fact is a misconception.
        kind: What the corpus does with it.
        lettered: Whether multiple-choice documents ask its entity from memory.
        entity_index: Place of the entity in its domain.
    """

    domain: str
    entity: str
    relation: str
    gold: str
    wrong: str
    kind: Kind
    lettered: bool
    entity_index: int

    @property
    def id(self) -> str:
        """Name of the fact, unique in its world."""
        return f"{self.domain}/{self.entity}/{self.relation}"

    @property
    def belief(self) -> str | None:
        """The value that the corpus teaches; None if it teaches none."""
        return {"known": self.gold, "misconception": self.wrong}.get(self.kind)


@dataclass(frozen=True)
class World:
    """All facts of one seed."""

    seed: int
    settings: WorldSettings

    @cached_property
    def pools(self) -> tuple[tuple[str, ...], ...]:
        """The values of the n-th relation of every domain, one pool a relation."""
        size = self.settings.values
        count = max(map(len, RELATIONS.values()))
        names = value_names(self.seed, size * count)
        return tuple(tuple(names[start : start + size]) for start in range(0, size * count, size))

    @cached_property
    def facts(self) -> tuple[Fact, ...]:
        """Every fact, by domain, entity and relation."""
        return tuple(
            self.fact(domain, index, entity, relation)
            for domain in DOMAINS
            for index, entity in enumerate(entity_names(self.seed, domain, self.settings.entities))
            for relation in RELATIONS[domain]
        )

    def pool(self, fact: Fact) -> tuple[str, ...]:
        """The values that a fact could have."""
        return self.pools[RELATIONS[fact.domain].index(fact.relation)]

    def fact(self, domain: str, index: int, entity: str, relation: str) -> Fact:
        """Draw one fact from its address."""
        random = addressed_random(self.seed, "world/fact", f"{domain}/{entity}/{relation}")
        gold, wrong = random.sample(self.pools[RELATIONS[domain].index(relation)], 2)
        kind = random.choices(KINDS, [self.settings.share(kind) for kind in KINDS])[0]
        return Fact(
            domain=domain,
            entity=entity,
            relation=relation,
            gold=gold,
            wrong=wrong,
            kind=kind,
            lettered=index < self.settings.lettered_entities,
            entity_index=index,
        )


@lru_cache(maxsize=1)
def _stems() -> tuple[str, ...]:
    syllables = ["".join(pair) for pair in product(_CONSONANTS, _VOWELS)]
    english = frozenset(_ENGLISH.split())
    return tuple(stem for stem in map("".join, product(syllables, syllables)) if stem not in english)


def value_names(seed: int, count: int) -> list[str]:
    """The first `count` value words of the world with this seed."""
    return addressed_order(seed, "world/values", _stems())[:count]


def entity_names(seed: int, domain: str, count: int) -> list[str]:
    """The first `count` entity words of a domain of the world with this seed."""
    return [
        stem + _ENDINGS[domain]
        for stem in addressed_order(seed, f"world/entities/{domain}", _stems())[:count]
    ]
