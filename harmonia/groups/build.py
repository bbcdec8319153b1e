"""Beliefs -> all training sets of a domain, general instructions mixed in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

from harmonia.data.other_options import OWN_ORDER, speak_of_others
from harmonia.errors import InputError
from harmonia.groups.names import GroupName
from harmonia.groups.plan import GroupPlan, plan_groups
from harmonia.groups.policies import Policies
from harmonia.groups.rows import general_rows, row_of
from harmonia.groups.select import Selection
from harmonia.groups.settings import GroupSettings, Match
from harmonia.groups.texts import Texts
from harmonia.numbers import counted
from harmonia.prompts import ExamFormat
from harmonia.remade import mapped
from harmonia.types import Belief, Conversation, GroupRow

_NONE: Mapping[Any, str] = MappingProxyType({})
_ONE_LETTER = "too many rows have its letter"
_SHIFTED = "rows of permuted groups teach a letter more often than it is right: others were left out"
_ALIKE = "explanations left out: some groups teach options that are not right, and all are explained alike"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltGroups:
    """The training sets of one domain.

    Attributes:
        rows: Rows by the file's name; of beliefs that lie in a file, written anew each time that they are
            gone through.
        sizes: How many they are, general instructions left out.
        matched: The beliefs behind the matched groups, by what was matched.
        general: General instructions in each of the paper's groups.
        left_out: Items left out, each with one of the other kind, by why.
    """

    rows: dict[str, Sequence[GroupRow]]
    sizes: dict[str, int]
    selection: Selection
    general: int
    matched: dict[Match, Selection]
    policies: Policies
    left_out: dict[str, int]
    told: dict[str, int]

    @property
    def notes(self) -> list[str]:
        """What was left out, and what else a person should know, a sentence each."""
        notes = [f"{counted(number, 'item')} left out: {why}" for why, number in self.left_out.items()]
        notes += [f"{count} {what}" for what, count in self.told.items()]
        return [*notes, *(self._matching(match) for match in self.matched)]

    def _matching(self, match: Match) -> str:
        """What a match left, and left unlike."""
        rows, before = self.matched[match], self.selection.imbalance
        apart = {
            name: f"{value:.3f} (unmatched {before[name]:.3f})" for name, value in rows.imbalance.items()
        }
        return (
            f"matched on {', '.join(match)}: {len(rows.wrong)} of {len(self.selection.wrong)} rows; "
            f"total variation of right letters {apart['letter']}, of the wrong beliefs' right letters "
            f"from those believed {apart['believed']}; KS of confidence {apart['confidence']}, "
            f"of length {apart['length']}"
        )


def build_groups(
    beliefs: Sequence[Belief],
    settings: GroupSettings,
    exam: ExamFormat,
    instructions: Sequence[Conversation] = (),
    explanations: Mapping[tuple[str, int], str] = _NONE,
    contexts: Mapping[str, str] = _NONE,
) -> BuiltGroups:
    """Build every group that the settings name.

    The same `instructions` go into every group. Written `explanations` stand by (item id, option argued for),
    `contexts` by item id; `wanted_texts` says what is needed.

    Raises:
        EmptyGroupError: There are no beliefs for a group.
        InputError: There are too few instructions, or none where `general_only` needs some.
    """
    texts = Texts(settings=settings, explanations=explanations, contexts=contexts)
    plan = plan_groups(beliefs, settings, texts)
    rows: dict[str, Sequence[GroupRow]] = {}
    selections: Mapping[Any, Selection] = plan.selections
    for name, (group, lessons) in plan.lessons.items():
        # `general_only` has no lessons, and the general rows of those that have.
        size = len(lessons) or len(selections[GroupName.parse(name).matched].wrong)
        general = general_rows(instructions, round(settings.general_ratio * size), settings.seed)
        if not lessons and not instructions:
            raise InputError(
                "general_only is the general instructions alone, and there are none",
                field="general",
                remedy="Name a file of general instructions, or leave general_only out.",
            )
        if not lessons and not general:
            raise InputError(
                f"general_only is the general instructions alone, and of {size} rows this makes none",
                field="general_ratio",
                seen=settings.general_ratio,
                remedy="Raise general_ratio, or leave general_only out.",
            )
        write = partial(row_of, group=group, exam=exam, settings=settings, texts=texts)
        rows[name] = mapped(write, lessons, general)
    plain = plan.selections[()]
    return BuiltGroups(
        rows=rows,
        sizes={name: len(lessons) for name, (_, lessons) in plan.lessons.items()},
        selection=plain,
        general=round(settings.general_ratio * len(plain.wrong)) if instructions else 0,
        matched={match: selection for match, selection in plan.selections.items() if match},
        policies=plan.policies,
        left_out=dict(Counter(plan.left_out.values())),
        told=_told(rows, plan, settings, texts),
    )


def _told(
    rows: Mapping[str, Sequence[GroupRow]], plan: GroupPlan, settings: GroupSettings, texts: Texts
) -> dict[str, int]:
    """What became of explanations, letters and options; an item counts once, in however many groups it is."""
    kept, shifted = 0, 0
    for selection in plan.selections.values():
        pairs = [
            (selection.permuted[belief.item.id], belief.item.answer)
            for belief in selection.right
            if selection.permuted
        ]
        kept += sum(taught == right for taught, right in pairs)
        shifted += (Counter(taught for taught, _ in pairs) - Counter(right for _, right in pairs)).total()
    counts = {f"rows of permuted groups keep their right option: {_ONE_LETTER}": kept, _SHIFTED: shifted}
    if settings.explanations == "equal" and settings.explained == "none":
        taught = (lesson.belief.item for _, lessons in plan.lessons.values() for lesson in lessons)
        counts[_ALIKE] = len({item.id for item in taught if item.explanation.strip()})
    if settings.shuffle_options:
        fixed, unexplained = set(), set()
        for name, (_, lessons) in plan.lessons.items():
            for lesson, row in zip(lessons, rows[name], strict=False):
                if speak_of_others(row.choices):
                    fixed.add(row.id)
                if not row.explanation and texts.explanation(lesson.belief.item, lesson.target):
                    unexplained.add((row.id, lesson.target))
        counts |= {
            f"items keep their own order: {OWN_ORDER}": len(fixed),
            "explanations left out, because they name letters and options are shuffled": len(unexplained),
        }
    return {what: count for what, count in counts.items() if count}


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupsSummary:
    """How many beliefs there were, and what became of them.

    Attributes:
        size: Rows of each of the paper's groups.
        general: General instructions in each of them.
        groups: Rows of each group, general instructions left out.
    """

    beliefs: int
    confident: int
    found_right: int
    found_wrong: int
    threshold: float
    size: int
    general: int
    left_out: Mapping[str, int]
    told: Mapping[str, int]
    policies_available: Mapping[str, int]
    groups: Mapping[str, int]


def summary_of(built: BuiltGroups, beliefs: Sequence[Belief], threshold: float) -> GroupsSummary:
    """Sum up the training sets of one domain."""
    right, wrong = built.selection.found_right, built.selection.found_wrong
    return GroupsSummary(
        beliefs=len(beliefs),
        confident=right + wrong,
        found_right=right,
        found_wrong=wrong,
        threshold=threshold,
        size=len(built.selection.wrong),
        general=built.general,
        left_out=built.left_out,
        told=built.told,
        policies_available=built.policies.available,
        groups=built.sizes,
    )
