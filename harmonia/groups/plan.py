"""Beliefs -> lessons of every training set, before a word of them is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harmonia.groups.interventions import INTERVENTIONS, Lesson, has_third, mixed, permute, require_third
from harmonia.groups.policies import Policies, apply_policies, conflicting_in_budget
from harmonia.groups.select import Selection, select, without
from harmonia.groups.settings import GroupSettings, Match
from harmonia.groups.texts import Need, Texts, need_of, need_of_policies
from harmonia.remade import picked
from harmonia.types import Belief, Item

_NO_THIRD = "only two options, and random_wrong needs one that is neither right nor believed"


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
    lessons: dict[str, tuple[str, Sequence[Lesson]]]
    needs: tuple[Need, ...]
    left_out: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedTexts:
    """What has to be written before groups can be built.

    Attributes:
        explanations: (item, option that is not right) to be argued for; an item without
            its text is left out.
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
    candidates = beliefs
    if "random_wrong" in settings.names:
        # Of both kinds: else right beliefs alone would be about items where guessing is right half the time.
        sure = [one for one in beliefs if one.confidence > settings.threshold]
        for correct in (True, False):
            require_third([one.item for one in sure if one.correct == correct])
        left_out = {one.item.id: _NO_THIRD for one in sure if not has_third(one.item)}
        rows = [row for row, one in enumerate(beliefs) if one.item.id not in left_out]
        candidates = picked(beliefs, rows)

    def missing(need: Need) -> dict[str, str]:
        lacking = {} if texts is None else texts.missing(need)
        needs.append(need)
        left_out.update(lacking)
        return lacking

    selections: dict[Match, Selection] = {}
    for match in ((), *settings.match):
        chosen = select(candidates, settings, match)
        named = (name for name in settings.groups if name.matched == match and not name.policy)
        # Written texts argue for letters already drawn; else they are drawn of the rows that stay.
        own = settings.explained == "own"
        chosen = _permuted(chosen, settings) if own else chosen
        lacking = missing(need_of(named, chosen, settings)).keys()
        left = without(chosen, lacking, settings, match)
        selections[match] = left if own else _permuted(left, settings)
    named = (name for name in settings.groups if name.policy)
    need = need_of_policies(named, conflicting_in_budget(beliefs, settings), settings)
    policies = apply_policies(beliefs, settings, missing(need))
    return GroupPlan(
        selections=selections,
        policies=policies,
        lessons=_lessons(settings, selections, policies),
        needs=tuple(needs),
        left_out=left_out,
    )


def _permuted(chosen: Selection, settings: GroupSettings) -> Selection:
    """The selection with letters drawn for `permuted`, if that is built."""
    if "permuted" not in settings.names:
        return chosen
    return replace(chosen, permuted=permute(chosen.right, settings.seed))


def _lessons(
    settings: GroupSettings, selections: Mapping[Any, Selection], policies: Policies
) -> dict[str, tuple[str, Sequence[Lesson]]]:
    lessons: dict[str, tuple[str, Sequence[Lesson]]] = {}
    taught: Sequence[Lesson]
    for name in settings.groups:
        if name.policy:
            group, taught = str(name), policies.lessons[name.rule]
        elif name.ratio is not None:
            group, taught = name.kind, mixed(selections[name.matched].wrong, name.ratio, settings.seed)
        else:
            group, taught = name.kind, INTERVENTIONS[name.kind](selections[name.matched], settings.seed)
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
        explanations += [pair for need in plan.needs for pair in need.explanations]
        gold += [(b.item, b.item.answer) for b in right if settings.explained != "none"]
        contexts += [(item, item.answer) for need in plan.needs for item in need.contexts]
    return WantedTexts(explanations=_once(explanations), gold=_once(gold), contexts=_once(contexts))


def _once(wanted: Sequence[tuple[Item, int]]) -> tuple[tuple[Item, int], ...]:
    return tuple({(item.id, target): (item, target) for item, target in wanted}.values())
