"""Demonstrations: from a fixed pool, the same for all items or drawn per item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harmonia.errors import InputError
from harmonia.hashing import addressed_order
from harmonia.prompts.settings import PromptSettings
from harmonia.types import Item


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotPool:
    """Items to demonstrate with, and how to choose among them.

    Attributes:
        items: The pool, in its file's order.
        choice: `fixed` takes the first ones; `per_item` draws by (seed, item).
        seed: Seed of the draw.
    """

    items: tuple[Item, ...]
    choice: str = "fixed"
    seed: int = 0

    @classmethod
    def of(cls, items: Sequence[Item], settings: PromptSettings) -> ShotPool:
        """A pool under the settings of an experiment."""
        return cls(items=tuple(items), choice=settings.shot_choice, seed=settings.shot_seed)

    def choose(self, item: Item, count: int, draw: int = 0) -> tuple[Item, ...]:
        """Up to `count` demonstrations for an item, never the item itself.

        Where the pool holds several domains (MMLU's subjects), only the item's own
        domain is drawn from. A pool that has fewer gives all it has: the belief says
        how many there were, and such items are counted.

        Draw 0 is the choice above; for each other draw a `fixed` pool takes another set, still the same for
        all items.

        Raises:
            InputError: The pool has no demonstration for the item.
        """
        several = len({shot.domain for shot in self.items}) > 1
        fit = [
            shot
            for shot in self.items
            if (not several or shot.domain == item.domain) and shot.question != item.question
        ]
        if count and not fit:
            problem = f"no demonstration fits item {item.id} of domain '{item.domain}'"
            remedy = "Give demonstrations of this domain, or ask without any (icl0, chat0)."
            raise InputError(problem, file=self.items[0].source if self.items else None, remedy=remedy)
        again = f"/draw{draw}" if draw else ""
        if self.choice == "per_item" or draw:
            by_id = {shot.id: shot for shot in fit}
            whom = f"/{item.id}" if self.choice == "per_item" else ""
            fit = [by_id[name] for name in addressed_order(self.seed, f"shots{whom}{again}", by_id)]
        return tuple(fit[:count])
