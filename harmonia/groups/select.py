"""Which beliefs a domain's groups are made of.

Only beliefs with a confidence above the threshold count. HARMONIOUS is made of right
ones, the other groups of wrong ones, as many of each (Ren et al. 2024).

Right and wrong beliefs are chosen in pairs. Without matching any two may be a pair; with
it both are of one stratum. Whatever leaves a wrong belief out leaves its
partner out, so that sizes stay equal and strata balanced.

The groups of the paper differ not only in whether the model is right: also in the letters of
their targets, in confidence, and in wrong labels. Matching is exact within strata, the cells of
all criteria together. Confidence and length fall into quantile bins of all candidates; five take
away most of what an uneven covariate does (Cochran 1968).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import lru_cache
from statistics import quantiles

from harmonia.errors import EmptyGroupError
from harmonia.groups.settings import GroupSettings, Match
from harmonia.hashing import draw
from harmonia.prompts import LETTERS
from harmonia.prompts.letters import stated_letters
from harmonia.types import Belief, Item


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Equal numbers of right and wrong confident beliefs.

    Attributes:
        right: Confident beliefs that are correct.
        wrong: Confident beliefs that are not.
        found_right: How many there were to choose from.
        pairs: Ids of a right and a wrong belief, as they were chosen.
        permuted: What `permuted` teaches, by id of a right belief; drawn before any is left out.
    """

    right: tuple[Belief, ...]
    wrong: tuple[Belief, ...]
    found_right: int
    found_wrong: int
    pairs: tuple[tuple[str, str], ...]
    permuted: Mapping[str, int] = field(default_factory=dict)

    def without(self, ids: Set[str]) -> Selection:
        """The selection without some beliefs and their partners.

        Raises:
            EmptyGroupError: Nothing is left.
        """
        kept = tuple(pair for pair in self.pairs if not ids & {*pair})
        if not kept:
            problem = f"all {len(self.pairs)} pairs of beliefs lack a text that their groups need"
            remedy = "Have the explanations and contexts written, or build no group that needs them."
            raise EmptyGroupError(problem, field="explanations", remedy=remedy)
        chosen = {name for pair in kept for name in pair}
        return replace(
            self,
            right=tuple(belief for belief in self.right if belief.item.id in chosen),
            wrong=tuple(belief for belief in self.wrong if belief.item.id in chosen),
            pairs=kept,
        )


def select(beliefs: Sequence[Belief], settings: GroupSettings, match: Match = ()) -> Selection:
    """Choose the beliefs of a domain's groups.

    `match` is what right and wrong beliefs are to have in common.

    Raises:
        EmptyGroupError: No confident belief of one kind, or no pair, so that no group
            can be built.
    """
    threshold = settings.threshold
    confident = [
        belief
        for belief in beliefs
        if belief.confidence > threshold and not ("noise" in match and mislabelled(belief.item))
    ]
    right = [belief for belief in confident if belief.correct]
    wrong = [belief for belief in confident if not belief.correct]
    if not right or not wrong:
        raise EmptyGroupError(
            f"no group can be built: of {len(beliefs)} beliefs {len(confident)} have a confidence above "
            f"{threshold:g}, {len(right)} right and {len(wrong)} wrong",
            field="threshold",
            seen=threshold,
            remedy="Lower the threshold, probe more items, or use another method or model.",
        )
    stratum = strata([*right, *wrong], match, settings.match_bins)
    pairs = tuple(_pairs(right, wrong, stratum, settings.seed)[: settings.size])
    if not pairs:
        raise EmptyGroupError(
            f"none of {len(right)} right and {len(wrong)} wrong beliefs have {' and '.join(match)} in common",
            field="match",
            seen=list(match),
            remedy="Match on less, use fewer match_bins, or probe more items.",
        )
    chosen = {name for pair in pairs for name in pair}
    return Selection(
        right=tuple(belief for belief in right if belief.item.id in chosen),
        wrong=tuple(belief for belief in wrong if belief.item.id in chosen),
        found_right=len(right),
        found_wrong=len(wrong),
        pairs=pairs,
    )


def _pairs(
    right: Sequence[Belief], wrong: Sequence[Belief], stratum: dict[str, tuple[object, ...]], seed: int
) -> list[tuple[str, str]]:
    """(right id, wrong id) as often as each stratum has both, in an addressed order."""
    partners: dict[tuple[object, ...], list[str]] = defaultdict(list)
    for belief in _ordered(right, seed, "right"):
        partners[stratum[belief.item.id]].append(belief.item.id)
    # Wrong beliefs in their own order take the next partner of their stratum: a smaller
    # selection is part of a larger one.
    free = {name: iter(ids) for name, ids in partners.items()}
    taken = (
        (next(free.get(stratum[belief.item.id], iter(())), None), belief.item.id)
        for belief in _ordered(wrong, seed, "wrong")
    )
    return [(one, other) for one, other in taken if one is not None]


def _ordered(beliefs: Sequence[Belief], seed: int, kind: str) -> list[Belief]:
    return sorted(beliefs, key=lambda b: (draw(seed, f"groups/{kind}", b.item.id), b.item.id))


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
