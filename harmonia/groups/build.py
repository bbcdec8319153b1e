"""Beliefs -> all training sets of a domain, general instructions mixed in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harmonia.data.general import Instruction
from harmonia.errors import InputError
from harmonia.groups.interventions import INTERVENTIONS, Lesson, mixed
from harmonia.groups.select import Selection, select
from harmonia.groups.settings import GroupSettings, mixed_name
from harmonia.hashing import sample
from harmonia.prompts import ExamFormat
from harmonia.types import Belief, GroupRow


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltGroups:
    """The training sets of one domain.

    Attributes:
        rows: Rows by the group's name.
        selection: The beliefs behind them.
        general: General instructions in each group.
    """

    rows: dict[str, tuple[GroupRow, ...]]
    selection: Selection
    general: int


def build_groups(
    beliefs: Sequence[Belief],
    settings: GroupSettings,
    exam: ExamFormat,
    instructions: Sequence[Instruction] = (),
) -> BuiltGroups:
    """Build every group that the settings name.

    Args:
        beliefs: All beliefs of the domain.
        settings: Which groups, how large.
        exam: Words the questions and answers.
        instructions: Pool of general instructions; the same ones go into every group.
            Empty for none.

    Raises:
        InputError: There are no beliefs for a group, or too few instructions.
    """
    selection = select(beliefs, threshold=settings.threshold, seed=settings.seed, size=settings.size)
    lessons: dict[str, tuple[str, list[Lesson]]] = {
        name: (name, INTERVENTIONS[name](selection)) for name in settings.names
    }
    for ratio in settings.ratios:
        lessons[mixed_name(ratio)] = ("mixed", mixed(selection, ratio, settings.seed))
    general = _general(instructions, round(settings.general_ratio * len(selection.wrong)), settings.seed)
    return BuiltGroups(
        rows={
            file: (*(_row(lesson, name, exam, settings.explanations) for lesson in chosen), *general)
            for file, (name, chosen) in lessons.items()
        },
        selection=selection,
        general=len(general),
    )


def _row(lesson: Lesson, group: str, exam: ExamFormat, explanations: str) -> GroupRow:
    item = lesson.belief.item
    # The item's explanation argues for the right option: beside another target it would contradict the row.
    fits = explanations == "gold" and lesson.target == item.answer
    explanation = item.explanation if fits else ""
    return GroupRow(
        id=item.id,
        domain=item.domain,
        group=group,
        question=item.question,
        choices=item.choices,
        answer=item.answer,
        target=lesson.target,
        explanation=explanation,
        messages=exam.conversation(item, lesson.target, explanation),
    )


def _general(instructions: Sequence[Instruction], count: int, seed: int) -> list[GroupRow]:
    if not instructions or not count:
        return []
    if len(instructions) < count:
        raise InputError(
            f"{count} general instructions are wanted and the file holds {len(instructions)}",
            field="general_ratio",
            remedy="Give a larger file, a lower general_ratio, or a smaller group size.",
        )
    chosen = sample(seed, "groups/general", instructions, [one.id for one in instructions], count)
    return [
        GroupRow(
            # Instructions and items are named apart: both may count from 0.
            id=f"general/{one.id}",
            domain="general",
            group="general",
            question=one.messages[0].content,
            choices=(),
            answer=None,
            target=None,
            explanation="",
            messages=one.messages,
        )
        for one in chosen
    ]
