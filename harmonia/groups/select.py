"""Which beliefs a domain's groups are made of.

Only beliefs with a confidence above the threshold count. HARMONIOUS is made of right
ones, the other groups of wrong ones, as many of each (Ren et al. 2024).

The groups of the paper differ not only in whether the model is right: also in the letters of
their targets, in confidence, and in wrong labels. Matched groups are alike in what is named
(`balance.py`). Whatever leaves a wrong belief out leaves a right one out, and what is left is
matched again, so that sizes stay equal and groups balanced.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import lru_cache

from harmonia.errors import EmptyGroupError
from harmonia.groups.balance import Traits, cells_of, kolmogorov_smirnov, largest, total_variation
from harmonia.groups.settings import GroupSettings, Match
from harmonia.hashing import addressed_order
from harmonia.prompts import LETTERS
from harmonia.prompts.letters import stated_letters
from harmonia.remade import picked
from harmonia.types import Belief, Item

_SIDES = ("right", "wrong")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Equal numbers of right and wrong confident beliefs.

    Attributes:
        right: Confident beliefs that are correct.
        wrong: Confident beliefs that are not.
        found_right: How many there were to choose from.
        permuted: What `permuted` teaches, by id of a right belief; where the model explains it, drawn
            before any is left out.
    """

    right: Sequence[Belief]
    wrong: Sequence[Belief]
    found_right: int
    found_wrong: int
    permuted: Mapping[str, int] = field(default_factory=dict)

    @property
    def imbalance(self) -> dict[str, float]:
        """How far right and wrong beliefs are apart: total variation of letters, KS of numbers, 0 to 1.

        `believed` is that of the wrong ones' right letters from the letters that they believe.
        """
        sides = self.right, self.wrong
        right, wrong = ([belief.item.answer for belief in side] for side in sides)
        believed = [belief.pred for belief in self.wrong]
        confidence = [[belief.confidence for belief in side] for side in sides]
        length = [[len(belief.item.question) for belief in side] for side in sides]
        return {
            "letter": total_variation(*_shares(right, wrong)),
            "believed": total_variation(*_shares(wrong, believed)),
            "confidence": kolmogorov_smirnov(*confidence),
            "length": kolmogorov_smirnov(*length),
        }


def _shares(one: Sequence[int], other: Sequence[int]) -> tuple[list[float], list[float]]:
    ours, others = Counter(one), Counter(other)
    every = sorted({*ours, *others})
    return [ours[k] / len(one) for k in every], [others[k] / len(other) for k in every]


def select(beliefs: Sequence[Belief], settings: GroupSettings, match: Match = ()) -> Selection:
    """Choose the beliefs of a domain's groups.

    `match` is what right and wrong beliefs are to have in common.

    Raises:
        EmptyGroupError: No confident belief of one kind, or no pair, so that no group
            can be built.
    """
    threshold = settings.threshold
    confident = [
        Traits.of(belief, row)
        for row, belief in enumerate(beliefs)
        if belief.confidence > threshold and not ("noise" in match and mislabelled(belief.item))
    ]
    right = sum(one.correct for one in confident)
    wrong = len(confident) - right
    if not right or not wrong:
        raise EmptyGroupError(
            f"no group can be built: of {len(beliefs)} beliefs {len(confident)} have a confidence above "
            f"{threshold:g}, {right} right and {wrong} wrong",
            field="threshold",
            seen=threshold,
            remedy="Lower the threshold, probe more items, or use another method or model.",
        )
    ids = _balanced(confident, settings, match)
    rows = [[one.row for one in confident if one.id in ids and one.correct == kind] for kind in (True, False)]
    return Selection(
        right=picked(beliefs, rows[0]),
        wrong=picked(beliefs, rows[1]),
        found_right=right,
        found_wrong=wrong,
    )


def without(selection: Selection, ids: Set[str], settings: GroupSettings, match: Match) -> Selection:
    """The selection without some beliefs, as many right as wrong ones and balanced as before.

    Raises:
        EmptyGroupError: Nothing is left.
    """
    if not ids:
        return selection
    right, wrong = (
        [Traits.of(belief, row) for row, belief in enumerate(side) if belief.item.id not in ids]
        for side in (selection.right, selection.wrong)
    )
    if not right or not wrong:
        problem = f"all {len(selection.wrong)} pairs of beliefs lack a text that their groups need"
        remedy = "Have the explanations and contexts written, or build no group that needs them."
        raise EmptyGroupError(problem, field="explanations", remedy=remedy)
    chosen = _balanced([*right, *wrong], settings, match)
    return replace(
        selection,
        right=picked(selection.right, [one.row for one in right if one.id in chosen]),
        wrong=picked(selection.wrong, [one.row for one in wrong if one.id in chosen]),
    )


def _balanced(candidates: Sequence[Traits], settings: GroupSettings, match: Match) -> Set[str]:
    """Ids of the largest selection that is alike in what is matched; of each cell the first by address."""
    cell_of = {
        one.id: cell
        for one, cell in zip(candidates, cells_of(candidates, match, settings.match_bins), strict=True)
    }
    left = largest(list(cell_of.values()), settings.size, settings.seed)
    sides = {kind: [one.id for one in candidates if one.correct == (kind == "right")] for kind in _SIDES}
    chosen = set()
    for kind, side in sides.items():
        for name in addressed_order(settings.seed, f"groups/{kind}", side):
            if left[cell_of[name]]:
                left[cell_of[name]] -= 1
                chosen.add(name)
    if not chosen:
        raise EmptyGroupError(
            f"no {len(sides['right'])} right and {len(sides['wrong'])} wrong beliefs have "
            f"{' and '.join(match)} in common",
            field="match",
            seen=list(match),
            remedy="Match on less, use fewer match_bins, or probe more items.",
        )
    return chosen


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
