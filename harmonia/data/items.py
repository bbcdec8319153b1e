"""The one strict check between the fields of a row and an `Item`.

A question means the same whatever file it came from. A row that breaks a rule is an error
that names file, row, field, the value seen and the remedy; nothing is repaired or guessed.

Text is kept as the file has it, except that white space around the question and
around each option is taken off: a prompt adds its own. Options are compared after
that. An explanation that is missing or null becomes an empty text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harmonia.data.answers import MEANINGS, AnswerCell, AnswerForm, is_withheld, place_of
from harmonia.data.cells import MISSING, RowPlace, cell
from harmonia.data.columns import Layout
from harmonia.data.other_options import speak_of_others
from harmonia.hashing import addressed_random, sha256_json
from harmonia.types import Item

MIN_CHOICES = 2
MAX_CHOICES = 26
_ID_DIGITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A row whose texts are checked, before the whole file has said what its answer means.

    `prefix` stands before its id, where ids begin anew for each subject; `short` says whether it
    has fewer options than there are columns for them.
    """

    id: str | None
    domain: str
    prefix: str
    question: str
    asked: AnswerCell
    explanation: str
    cluster: str | None
    short: bool


def draft_of(
    fields: Mapping[str, Any], layout: Layout, place: RowPlace, *, domain: str, prefix: str
) -> Draft:
    """Check the texts of a row.

    Raises:
        InputError: A text is missing, empty or none, or the options are not as they must be.
    """
    name = None if layout.id is None else _name(cell(fields, layout.id), layout.id, place)
    cluster = None if layout.cluster is None else cell(fields, layout.cluster)
    question = place.text(cell(fields, layout.question), layout.question).strip()
    choices = _choices(fields, layout, place)
    answer = cell(fields, layout.answer)
    if answer is MISSING:
        place.text(answer, layout.answer)
    explanation = MISSING if layout.explanation is None else cell(fields, layout.explanation)
    if explanation is MISSING or explanation is None:
        explanation = ""
    return Draft(
        id=name,
        domain=domain,
        prefix=prefix,
        question=question,
        asked=AnswerCell(
            place=place,
            value=answer,
            choices=choices,
            labels=_labels(fields, layout, place, len(choices)),
        ),
        explanation=place.text(explanation, layout.explanation or "", blank=True),
        cluster=None if _is_blank(cluster) else _name(cluster, layout.cluster or "", place),
        short=not isinstance(layout.choices, str) and len(choices) < len(layout.choices),
    )


def item_of(draft: Draft, layout: Layout, form: AnswerForm, *, source: str, split: str) -> Item:
    """Make the item of a row.

    Returns:
        The item. Without an id of its own it is called by its content, so that the order
        of the file does not matter.

    Raises:
        InputError: The answer is none of the options.
    """
    choices, answer = draft.asked.choices, _answer(draft, layout, form)
    name = draft.id or sha256_json([draft.question, choices, answer])[:_ID_DIGITS]
    name = f"{draft.prefix}/{name}" if draft.prefix else name
    if layout.shuffle is not None and not speak_of_others(choices):
        order = list(range(len(choices)))
        addressed_random(0, layout.shuffle, name).shuffle(order)
        choices, answer = tuple(choices[k] for k in order), order.index(answer)
    return Item(
        id=name,
        domain=draft.domain,
        question=draft.question,
        choices=choices,
        answer=answer,
        explanation=draft.explanation,
        source=source,
        split=split,
        cluster=draft.cluster,
    )


def _name(value: Any, field: str, place: RowPlace) -> str:
    """A name, which may be a whole number."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return place.text(str(value) if whole else value, field)


def _choices(fields: Mapping[str, Any], layout: Layout, place: RowPlace) -> tuple[str, ...]:
    if isinstance(layout.choices, str):
        values = place.texts(cell(fields, layout.choices), layout.choices)
        names = [f"{layout.choices}[{k}]" for k in range(len(values))]
        whole = layout.choices
    else:
        names, whole = list(layout.choices), layout.choices[0]
        values = [cell(fields, name) for name in names]
        # Questions with four and with five options stand in one sheet: blank columns at the end are none.
        while len(values) > MIN_CHOICES and _is_blank(values[-1]):
            values.pop()
    return options_of(values, names, whole, place)


def options_of(values: Sequence[Any], names: Sequence[str], whole: str, place: RowPlace) -> tuple[str, ...]:
    """The options of a question, each called by its name, all together by `whole`.

    Raises:
        InputError: They are too few or too many, or one is no text or stands twice.
    """
    if not MIN_CHOICES <= len(values) <= MAX_CHOICES:
        problem = f"{len(values)} options; an item has {MIN_CHOICES} to {MAX_CHOICES}"
        raise place.wrong(whole, problem, list(values))
    found: list[str] = []
    for name, value in zip(names, values, strict=False):
        choice = place.text(value, name).strip()
        if choice in found:
            problem = f"the same text as option {found.index(choice) + 1} of this row"
            raise place.wrong(name, problem, choice, "Options must differ: correct or remove the row.")
        found.append(choice)
    return tuple(found)


def _labels(fields: Mapping[str, Any], layout: Layout, place: RowPlace, count: int) -> tuple[str, ...]:
    if layout.labels is None:
        return ()
    values = place.texts(cell(fields, layout.labels), layout.labels)
    labels = tuple(place.text(label, layout.labels).strip() for label in values)
    if len(labels) != count or len(set(labels)) != count:
        raise place.wrong(
            layout.labels, f"not one label of its own for each of the {count} options", list(labels)
        )
    return labels


def _answer(draft: Draft, layout: Layout, form: AnswerForm) -> int:
    value, count = draft.asked.value, len(draft.asked.choices)
    index = place_of(draft.asked, form)
    if index is not None and index in range(count):
        return index
    if is_withheld(value):
        remedy = "Its answers are withheld: take a split that has them."
        raise draft.asked.place.wrong(layout.answer, "the row has no answer", value, remedy)
    if index is None:
        raise draft.asked.place.wrong(layout.answer, f"the answer is not {MEANINGS[form]}", value)
    raise draft.asked.place.wrong(
        layout.answer, f"the answer is out of range: the row has {count} options", value
    )


def _is_blank(value: Any) -> bool:
    return value is None or value is MISSING or (isinstance(value, str) and not value.strip())
