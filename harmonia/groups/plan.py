"""Beliefs -> lessons of every training set, before a word of them is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harmonia.groups.interventions import INTERVENTIONS, Lesson, mixed
from harmonia.groups.policies import Policies, apply_policies, conflicting_in_budget
from harmonia.groups.select import Selection, select
from harmonia.groups.settings import GroupSettings, Match
from harmonia.groups.texts import Need, Texts, need_of
from harmonia.types import Belief, Item


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPlan:
    """Who is taught what.

    Attributes:
        selections: The beliefs chosen, by what was matched; `()` for the paper's groups.
        lessons: (intervention, lessons) by file name, as `settings.group_names` has them.
        left_out: Why an item was left out, by its id.
    """

    selections: dict[Match, Selection]
    policies: Policies
    lessons: dict[str, tuple[str, list[Lesson]]]
    needs: tuple[Need, ...]
    left_out: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedTexts:
    """What has to be written before groups can be built.

    Attributes:
        explanations: (item, option that the model believes) to be argued for; an item
            without its text is left out.
        gold: (item, right option) that some row teaches with an explanation; the data's
            own is used where none is written.
        contexts: (item, right option) whose knowledge is to be written out; an item
            without its text is left out.
    """

    explanations: tuple[tuple[Item, int], ...]
    gold: tuple[tuple[Item, int], ...]
    contexts: tuple[tuple[Item, int], ...]


def plan_groups(beliefs: Sequence[Belief], settings: GroupSettings, texts: Texts | None) -> GroupPlan:
    """Choose the beliefs of every group, and what each is taught.

    Without `texts` no item is left out for want of one.

    Raises:
        EmptyGroupError: There are no beliefs for a group.
    """
    left_out: dict[str, str] = {}
    needs: list[Need] = []

    def missing(need: Need) -> dict[str, str]:
        lacking = {} if texts is None else texts.missing(need)
        needs.append(need)
        left_out.update(lacking)
        return lacking

    selections: dict[Match, Selection] = {}
    for match in ((), *settings.match):
        chosen = select(beliefs, settings, match)
        named = (name for name in settings.groups if name.matched == match and not name.policy)
        selections[match] = chosen.without(missing(need_of(named, chosen.wrong, settings)))
    named = (name for name in settings.groups if name.policy)
    need = need_of(named, conflicting_in_budget(beliefs, settings), settings)
    policies = apply_policies(beliefs, settings, missing(need))
    return GroupPlan(
        selections=selections,
        policies=policies,
        lessons=_lessons(settings, selections, policies),
        needs=tuple(needs),
        left_out=left_out,
    )


def _lessons(
    settings: GroupSettings, selections: Mapping[Any, Selection], policies: Policies
) -> dict[str, tuple[str, list[Lesson]]]:
    lessons: dict[str, tuple[str, list[Lesson]]] = {}
    for name in settings.groups:
        if name.policy:
            group, taught = str(name), policies.lessons[name.rule]
        elif name.ratio is not None:
            group, taught = name.kind, mixed(selections[()].wrong, name.ratio, settings.seed)
        else:
            group, taught = name.kind, INTERVENTIONS[name.kind](selections[name.matched])
        lessons[str(name)] = (group, taught)
    return lessons


def wanted_texts(beliefs: Sequence[Belief], *draws: GroupSettings) -> WantedTexts:
    """The texts that the groups of one draw, or of several together, call for, each once.

    Raises:
        EmptyGroupError: There are no beliefs for a group.
    """
    explanations, gold, contexts = [], [], []
    for settings in draws:
        plan = plan_groups(beliefs, settings, None)
        taught = [lesson for _, lessons in plan.lessons.values() for lesson in lessons]
        right = [one.belief for one in taught if one.target == one.belief.item.answer]
        explanations += [(b.item, b.pred) for need in plan.needs if need.explanation for b in need.beliefs]
        gold += [(b.item, b.item.answer) for b in right if settings.explanations != "none"]
        contexts += [(b.item, b.item.answer) for need in plan.needs if need.context for b in need.beliefs]
    return WantedTexts(explanations=_once(explanations), gold=_once(gold), contexts=_once(contexts))


def _once(wanted: Sequence[tuple[Item, int]]) -> tuple[tuple[Item, int], ...]:
    return tuple({(item.id, target): (item, target) for item, target in wanted}.values())
