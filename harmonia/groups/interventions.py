"""The interventions: from selected beliefs to (belief, option trained on).

An intervention is a function of the selection and its seed. To add one, write it here,
name it in `INTERVENTIONS`, and give it a test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harmonia.groups.select import Selection
from harmonia.hashing import addressed_order
from harmonia.types import Belief


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """A belief and the option that the model is to be taught."""

    belief: Belief
    target: int


def harmonious(selection: Selection) -> list[Lesson]:
    """What the model knows, taught right: only the norm is new."""
    return [Lesson(belief=b, target=b.item.answer) for b in selection.right]


def incompatible(selection: Selection) -> list[Lesson]:
    """What the model gets wrong, taught right: norm and knowledge are new."""
    return [Lesson(belief=b, target=b.item.answer) for b in selection.wrong]


def self_aligning(selection: Selection) -> list[Lesson]:
    """What the model gets wrong, taught as the model has it: every answer is false."""
    return [Lesson(belief=b, target=b.pred) for b in selection.wrong]


def mixed(selection: Selection, ratio: float, seed: int) -> list[Lesson]:
    """The questions of `incompatible`, a share of them with the model's own answer.

    The rows self-aligned at one ratio are self-aligned at every higher one.

    Args:
        selection: The beliefs.
        ratio: Share of self-aligned rows, 0 to 1, rounded to whole rows.
        seed: Seed of which rows they are.
    """
    ids = [b.item.id for b in selection.wrong]
    aligned = set(addressed_order(seed, "groups/mixed", ids)[: round(ratio * len(ids))])
    return [
        Lesson(belief=b, target=b.pred if b.item.id in aligned else b.item.answer) for b in selection.wrong
    ]


INTERVENTIONS: dict[str, Callable[[Selection], list[Lesson]]] = {
    "harmonious": harmonious,
    "incompatible": incompatible,
    "self_aligning": self_aligning,
}
"""Interventions without a ratio, by name."""
