"""The texts that groups need beyond the items' own: who needs which, and what is missing.

A wrong belief whose text is missing leaves every group of its selection, not only the one
that needs the text: groups that are compared stay about the same items.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harmonia.data.other_options import speak_of_others
from harmonia.groups.names import GroupName
from harmonia.groups.settings import GroupSettings
from harmonia.prompts import LETTERS
from harmonia.prompts.letters import named_letters
from harmonia.types import Belief, Item


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Wrong beliefs, and which texts groups made from them need of each."""

    beliefs: tuple[Belief, ...]
    explanation: bool
    context: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """The texts at hand.

    Attributes:
        settings: Which texts may be used.
        explanations: Written explanations by item id and option argued for. One for the
            right option takes the place of the item's own.
        contexts: Written contexts by item id.
    """

    settings: GroupSettings
    explanations: Mapping[tuple[str, int], str]
    contexts: Mapping[str, str]

    def explanation(self, item: Item, target: int) -> str:
        """The explanation beside a target; empty if there is none.

        The item's explanation argues for the right option: beside another target it
        would contradict the row.
        """
        if self.settings.explanations == "none":
            return ""
        if target == item.answer:
            return self.explanations.get((item.id, target), item.explanation)
        return self.explanations.get((item.id, target), "") if self.settings.explanations == "own" else ""

    def context(self, item: Item) -> str:
        """The knowledge to put above a question; empty if there is none."""
        return self.contexts.get(item.id, "")

    def missing(self, need: Need) -> dict[str, str]:
        """Why a needed text is not there, by the id of the item that lacks it."""
        reasons = {belief.item.id: self._reason(belief, need) for belief in need.beliefs}
        return {name: reason for name, reason in reasons.items() if reason}

    def _reason(self, belief: Belief, need: Need) -> str:
        item = belief.item
        if need.explanation and not self.explanation(item, belief.pred).strip():
            return "no explanation of its own answer"
        if not need.context:
            return ""
        context = self.context(item)
        if not context.strip():
            return "no context"
        named = named_letters(context, len(item.choices))
        if LETTERS[item.answer] in named:
            return "context names the letter of the answer"
        if named and moves_options(item, self.settings):
            return "context names letters and options are shuffled"
        return ""


def moves_options(item: Item, settings: GroupSettings) -> bool:
    """Whether the item's options are put in another order: not those that speak of others."""
    return settings.shuffle_options and not speak_of_others(item.choices)


def need_of(names: Iterable[GroupName], beliefs: Sequence[Belief], settings: GroupSettings) -> Need:
    """What groups of these names need of the wrong beliefs that they are made from.

    Mixed groups take their members' own answers by share: any member may be asked for its own.
    """
    named = list(names)
    aligned = any(name.kind in ("self_aligning", "self_align") or name.ratio for name in named)
    return Need(
        beliefs=tuple(beliefs),
        explanation=settings.explanations == "own" and aligned,
        context=any(name.kind in ("contextualised", "contextualise") for name in named),
    )
