"""What right and wrong beliefs can be matched on, so that groups differ in less.

The groups of the paper differ not only in whether the model is right: also in the letters
of their targets, in confidence, and in wrong labels. Matching is exact within strata, the
cells of all criteria together. Confidence and length fall into quantile bins of all
candidates; five take away most of what an uneven covariate does (Cochran 1968).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from statistics import quantiles

from harmonia.groups.settings import Match
from harmonia.prompts import LETTERS
from harmonia.prompts.letters import stated_letters
from harmonia.types import Belief, Item


def strata(beliefs: Sequence[Belief], match: Match, bins: int) -> dict[str, tuple[object, ...]]:
    """The stratum of each belief, by the item's id.

    Beliefs are all candidates, right and wrong; `noise` makes no strata.
    """
    columns: list[list[object]] = []
    if "letter" in match:
        columns.append([belief.item.answer for belief in beliefs])
    if "confidence" in match:
        columns.append(_binned([belief.confidence for belief in beliefs], bins))
    if "length" in match:
        columns.append(_binned([len(belief.item.question) for belief in beliefs], bins))
    return {
        belief.item.id: tuple(column[place] for column in columns) for place, belief in enumerate(beliefs)
    }


def label_stated(item: Item) -> bool:
    """Whether the item's explanation states a letter at all."""
    return bool(_stated(item.explanation, len(item.choices)))


def mislabelled(item: Item) -> bool:
    """Whether the item's explanation states other letters than the right one, and not that."""
    stated = _stated(item.explanation, len(item.choices))
    return bool(stated) and LETTERS[item.answer] not in stated


@lru_cache(maxsize=1 << 16)
def _stated(text: str, count: int) -> tuple[str, ...]:
    # An explanation is looked at for every group that its item is in.
    return tuple(stated_letters(text, count))


def _binned(values: Sequence[float], bins: int) -> list[object]:
    edges = quantiles(values, n=bins, method="inclusive") if len(values) > 1 else []
    return [bisect_right(edges, value) for value in values]
