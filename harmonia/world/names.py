"""Invented words for the entities and values of the lab world.

A value is a four-letter stem, an entity a stem with its domain's ending: the two can
never be the same word, and no two domains share an entity. The words are the first
of an addressed order, so asking for more of them changes none of those already there.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product

from harmonia.hashing import addressed_order

_CONSONANTS = "bdfghjklmnprstvz"
_VOWELS = "aeiou"
_ENDINGS = {"person": "n", "place": "ria", "compound": "xyl", "law": "que"}
_ENGLISH = (
    "base bone data date done fate fine five fire gave game gone have here hope home life like line "
    "live love made make mate more move name nine none note page rate rule safe same sale side size "
    "some sure take tale time tone tune vote"
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
