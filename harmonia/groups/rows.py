"""Lesson -> GroupRow: the words that teach it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from harmonia.errors import InputError
from harmonia.groups.interventions import Lesson
from harmonia.groups.settings import GroupSettings
from harmonia.groups.texts import Texts, moves_options
from harmonia.hashing import addressed_random, sample
from harmonia.prompts import ExamFormat
from harmonia.prompts.letters import named_letters
from harmonia.types import Conversation, GroupRow, Item


def row_of(lesson: Lesson, group: str, exam: ExamFormat, settings: GroupSettings, texts: Texts) -> GroupRow:
    """Write out a lesson.

    The texts that the lesson needs are there.
    """
    item, target = lesson.belief.item, lesson.target
    explanation = texts.explanation(item, target)
    context = texts.context(item) if lesson.in_context else ""
    if moves_options(item, settings):
        item, places = _shuffled(item, settings.seed)
        target = places[target]
        # A letter in the explanation is that of the old order.
        explanation = "" if named_letters(explanation, len(item.choices)) else explanation
    # The knowledge opens the question, wherever the options stand: there a reader looks for it.
    asked = replace(item, question=f"{context}\n{item.question}") if context else item
    return GroupRow(
        id=item.id,
        domain=item.domain,
        group=group,
        question=item.question,
        choices=item.choices,
        answer=item.answer,
        target=target,
        explanation=explanation,
        messages=exam.conversation(asked, target, explanation),
        weight=lesson.weight,
        from_epoch=lesson.from_epoch,
    )


def _shuffled(item: Item, seed: int) -> tuple[Item, Mapping[int, int]]:
    """The item with its options in another order, and the new place of each option."""
    order = list(range(len(item.choices)))
    addressed_random(seed, "groups/options", item.id).shuffle(order)
    places = {old: new for new, old in enumerate(order)}
    choices = tuple(item.choices[old] for old in order)
    return replace(item, choices=choices, answer=places[item.answer]), places


def general_rows(instructions: Sequence[Conversation], count: int, seed: int) -> list[GroupRow]:
    """General instructions to mix in; fewer of them are part of more.

    Raises:
        InputError: There are fewer instructions than wanted, though not none.
    """
    if not instructions or not count:
        return []
    if len(instructions) < count:
        problem = f"{count} general instructions are wanted and the file holds {len(instructions)}"
        remedy = "Give a larger file, a lower general_ratio, or a smaller group size."
        raise InputError(problem, field="general_ratio", remedy=remedy)
    chosen = sample(seed, "groups/general", instructions, [one.id for one in instructions], count)
    return [
        GroupRow(
            # Instructions and items are named apart: both may count from 0.
            id=f"general/{one.id}",
            domain="general",
            group="general",
            question=next(turn.content for turn in one.messages if turn.role == "user"),
            messages=one.messages,
            weight=one.weight,
            from_epoch=one.from_epoch,
        )
        for one in chosen
    ]
