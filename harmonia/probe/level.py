"""How an item stands to what a model believes: decided here alone."""

from __future__ import annotations

from harmonia.types import Belief, Category

LEVELS: tuple[Category, ...] = ("known", "conflicting", "uncertain")


def level(right: bool, *, sure: bool) -> Category:
    """`known` if right and sure, `conflicting` if wrong and sure, `uncertain` if not sure."""
    if not sure:
        return "uncertain"
    return "known" if right else "conflicting"


def level_of(belief: Belief, threshold: float) -> Category:
    """The level of a belief.

    Over several draws of demonstrations the probe has found it (`stability.py`); of one draw a
    model is sure where its confidence is above the threshold.
    """
    return belief.category or level(belief.correct, sure=belief.confidence > threshold)
