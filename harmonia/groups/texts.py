"""The texts that groups need beyond the items' own: who needs which, and what is missing.

A belief whose text is missing leaves every group of its selection, not only the one
that needs the text: groups that are compared stay about the same items.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harmonia.data.other_options import speak_of_others
from harmonia.groups.interventions import INTERVENTIONS
from harmonia.groups.names import GroupName
from harmonia.groups.select import Selection
from harmonia.groups.settings import GroupSettings
from harmonia.prompts import LETTERS
from harmonia.prompts.letters import named_letters
from harmonia.types import Belief, Item


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Texts that groups need.

    Attributes:
        explanations: Items, and the option that each is to be explained by, which is not right.
        contexts: Items whose knowledge is shown.
    """

    explanations: tuple[tuple[Item, int], ...]
    contexts: tuple[Item, ...]


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
        if self.settings.explained == "none":
            return ""
        if target == item.answer:
            return self.explanations.get((item.id, target), item.explanation)
        return self.explanations.get((item.id, target), "") if self.settings.explained == "own" else ""

    def context(self, item: Item) -> str:
        """The knowledge to put above a question; empty if there is none."""
        return self.contexts.get(item.id, "")

    def missing(self, need: Need) -> dict[str, str]:
        """Why a needed text is not there, by the id of the item that lacks it."""
        reasons = {item.id: self._no_context(item) for item in need.contexts}
        for item, target in need.explanations:
            if not self.explanation(item, target).strip():
                reasons[item.id] = "no explanation of the option taught"
        return {name: reason for name, reason in reasons.items() if reason}

    def _no_context(self, item: Item) -> str:
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


def need_of(names: Iterable[GroupName], selection: Selection, settings: GroupSettings) -> Need:
    """What groups of these names need of the beliefs that they are made from.

    Mixed groups take their members' own answers by share: any member may be asked for its own.
    """
    named = list(names)
    argued: list[tuple[Item, int]] = []
    for name in named if settings.explained == "own" else ():
        if name.teaches_wrong:
            kind = "self_aligning" if name.ratio else name.kind
            lessons = INTERVENTIONS[kind](selection, settings.seed)
            argued += [
                (one.belief.item, one.target) for one in lessons if one.target != one.belief.item.answer
            ]
    shown = selection.wrong if any(name.in_context for name in named) else ()
    return Need(explanations=tuple(argued), contexts=tuple(belief.item for belief in shown))


def need_of_policies(
    names: Iterable[GroupName], conflicting: Sequence[Belief], settings: GroupSettings
) -> Need:
    """What policies of these names need of the conflicting beliefs among the unfiltered rows."""
    named = list(names)
    own = settings.explained == "own" and any(name.teaches_wrong for name in named)
    shown = any(name.in_context for name in named)
    return Need(
        explanations=tuple((belief.item, belief.pred) for belief in conflicting if own),
        contexts=tuple(belief.item for belief in conflicting if shown),
    )
