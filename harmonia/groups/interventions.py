"""The interventions: from selected beliefs to what each row is to teach.

An intervention is a function of the selection.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harmonia.groups.select import Selection
from harmonia.hashing import addressed_order
from harmonia.types import Belief


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """A belief, and how it is to be taught.

    Attributes:
        target: Index of the option taught.
        in_context: Whether the prompt is to hold the knowledge that the answer needs.
        from_epoch: First epoch, from 0, that shows the row.
    """

    belief: Belief
    target: int
    in_context: bool = False
    weight: float = 1.0
    from_epoch: int = 0


def gold(belief: Belief) -> Lesson:
    """The right option."""
    return Lesson(belief=belief, target=belief.item.answer)


def believed(belief: Belief) -> Lesson:
    """What the model believes."""
    return Lesson(belief=belief, target=belief.pred)


def gold_in_context(belief: Belief) -> Lesson:
    """The right option, which can be read off the prompt instead of learned."""
    return Lesson(belief=belief, target=belief.item.answer, in_context=True)


def mixed(wrong: Sequence[Belief], ratio: float, seed: int) -> list[Lesson]:
    """The lessons of `incompatible`, a share of them with the model's own answer.

    The rows self-aligned at one ratio are self-aligned at every higher one.

    The ratio, 0 to 1, is rounded to whole rows.
    """
    ids = [belief.item.id for belief in wrong]
    aligned = set(addressed_order(seed, "groups/mixed", ids)[: round(ratio * len(ids))])
    return [believed(belief) if belief.item.id in aligned else gold(belief) for belief in wrong]


INTERVENTIONS: dict[str, Callable[[Selection], list[Lesson]]] = {
    # What the model knows, taught right: only the norm is new.
    "harmonious": lambda selection: list(map(gold, selection.right)),
    # What the model gets wrong, taught right: norm and knowledge are new.
    "incompatible": lambda selection: list(map(gold, selection.wrong)),
    # The same, taught as the model has it: every answer is false.
    "self_aligning": lambda selection: list(map(believed, selection.wrong)),
    # The same, taught right beside the knowledge that it takes.
    "contextualised": lambda selection: list(map(gold_in_context, selection.wrong)),
}
"""Interventions without a ratio, by name."""
