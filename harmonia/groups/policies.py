"""Policies: what to train on, of all that one has, compared at the same number of rows.

The pool is all of a domain's beliefs, confident or not, in an addressed order. A policy
that filters takes the first rows that pass; one that changes rows takes the first rows and
changes some. Each makes as many as the scarcest of them has, the budget at most. `all` is
doing nothing: a random sample with gold answers.

Sources: `unknown_only` after SLearnLLM (2025), `mostly_uncertain` after the MaybeKnown of
SliCK (Gekhman et al. 2024), `weighted` in the manner of KaFT (2025), whose weights are not
known to us: no parity with any of them is claimed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from harmonia.errors import EmptyGroupError
from harmonia.groups.interventions import Lesson, gold, gold_in_context, mixed
from harmonia.groups.names import GroupName
from harmonia.groups.settings import GroupSettings
from harmonia.hashing import addressed_order
from harmonia.probe.level import level_of
from harmonia.types import Belief


class Standing(NamedTuple):
    """How a row stands to a model.

    Attributes:
        level: `known`, `conflicting`, `uncertain`; of audited rows `unknown` and `form`, too.
        right: Whether the model answers as the row has it.
        rate: Share of the model's answers that do; None where it was asked once.
    """

    level: str
    right: bool
    rate: float | None


FILTERS: dict[str, Callable[[Standing], bool]] = {
    "drop_conflicting": lambda row: row.level != "conflicting",
    "known_only": lambda row: row.level in ("known", "form"),
    "unknown_only": lambda row: not row.right,
    "mostly_uncertain": lambda row: row.level == "uncertain" if row.rate is None else 0 < row.rate < 1,
}
"""Policies that choose rows and leave them as they are, by name."""


def aligned_share(policy: str) -> float:
    """Share of the conflicting rows that a policy teaches the model's own answer."""
    return 1.0 if policy == "self_align" else GroupName.parse(policy).ratio or 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """What each policy trains on.

    Attributes:
        lessons: By policy, the same number of each.
        available: Rows that each policy had to choose from.
    """

    lessons: dict[str, Sequence[Lesson]]
    available: dict[str, int]


def apply_policies(
    beliefs: Sequence[Belief], settings: GroupSettings, without: Collection[str] = ()
) -> Policies:
    """Choose and change rows by every policy that the settings name.

    Items of the ids in `without` are left out of the rows of policies that filter nothing; the others then
    take as many fewer.

    Raises:
        EmptyGroupError: A policy has no row to choose.
    """
    candidates, chosen = _candidates(beliefs, settings)
    plain = [belief for belief in chosen if belief.item.id not in without]
    scarce = [name for name, found in candidates.items() if not found]
    if scarce or (candidates and not plain):
        raise EmptyGroupError(
            f"policy {scarce[0]} has no row" if scarce else "the rows of the policies all lack a text",
            field="policies.names",
            seen=scarce[0] if scarce else list(candidates),
            remedy="Leave the policy out, change the threshold, or probe more items.",
        )
    lessons: dict[str, Sequence[Lesson]] = {}
    for name, found in candidates.items():
        rows = found[: len(plain)] if name in FILTERS else plain
        lessons[name] = _taught(name, rows, settings)
    return Policies(lessons=lessons, available={name: len(found) for name, found in candidates.items()})


def conflicting_in_budget(beliefs: Sequence[Belief], settings: GroupSettings) -> list[Belief]:
    """The beliefs for which a policy may need a text: conflicting ones of the unfiltered rows."""
    _, chosen = _candidates(beliefs, settings)
    return [belief for belief in chosen if level_of(belief, settings.threshold) == "conflicting"]


def _standing(belief: Belief, threshold: float) -> Standing:
    return Standing(level_of(belief, threshold), belief.correct, belief.right_rate)


def _candidates(
    beliefs: Sequence[Belief], settings: GroupSettings
) -> tuple[dict[str, list[Belief]], list[Belief]]:
    """What each policy may choose from, in order, and the rows of one that filters nothing."""
    if not settings.policies.names:
        return {}, []
    by_id = {belief.item.id: belief for belief in beliefs}
    pool = [by_id[name] for name in addressed_order(settings.seed, "groups/policies", by_id)]
    candidates = {name: list(pool) for name in settings.policies.names}
    for name in candidates.keys() & FILTERS.keys():
        candidates[name] = [one for one in pool if FILTERS[name](_standing(one, settings.threshold))]
    count = min([len(found) for found in candidates.values()], default=0)
    return candidates, pool[: min(count, settings.policies.budget or count)]


def _taught(name: str, rows: Sequence[Belief], settings: GroupSettings) -> list[Lesson]:
    levels = {belief.item.id: level_of(belief, settings.threshold) for belief in rows}
    conflicting = [belief for belief in rows if levels[belief.item.id] == "conflicting"]
    changed: Sequence[Lesson] = []
    if aligned_share(name):
        changed = mixed(conflicting, aligned_share(name), settings.seed)
    elif name == "contextualise":
        changed = [gold_in_context(belief) for belief in conflicting]
    elif name == "weighted":
        weights = settings.policies.weights.model_dump()
        changed = [replace(gold(belief), weight=weights[levels[belief.item.id]]) for belief in rows]
    elif name == "known_late":
        known = [belief for belief in rows if levels[belief.item.id] == "known"]
        changed = [replace(gold(belief), from_epoch=settings.policies.late_from_epoch) for belief in known]
    instead = {lesson.belief.item.id: lesson for lesson in changed}
    return [instead.get(belief.item.id) or gold(belief) for belief in rows]
