"""The one strict check between the raw fields of a row and an `Item`.

Every reader hands its rows to `check_rows`, so that a question means the same
whatever file it came from. A row that breaks a rule becomes a `BadRow` that names
file, row, field, the value seen and the remedy; nothing is repaired or guessed.

Text is kept as the file has it, except that white space around the question and
around each option is taken off: a prompt adds its own. Options are compared after
that. An explanation that is missing or null becomes an empty text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from harmonia.data.answers import DESCRIPTIONS, find_answer
from harmonia.data.records import MISSING, BadRow, FileRows, Place, RawRow, bad_row
from harmonia.errors import InputError
from harmonia.hashing import addressed_random
from harmonia.types import Item

__all__ = ["check_rows"]

MIN_CHOICES = 2
MAX_CHOICES = 26


def check_rows(
    rows: Iterable[RawRow | BadRow], *, place: Place, used: dict[str, tuple[str, int]] | None = None
) -> FileRows:
    """Turn raw rows into items and bad rows, in order.

    Args:
        rows: Raw rows; a row found bad on the way here passes through.
        place: Where they stand.
        used: Ids used so far and where first; given when a data set has several
            files, and added to.

    Returns:
        The items and bad rows of the file.
    """
    used = {} if used is None else used
    checked: list[Item | BadRow] = []
    for raw in rows:
        if isinstance(raw, BadRow):
            checked.append(raw)
            continue
        try:
            checked.append(_item(raw, place, used))
        except InputError as error:
            checked.append(bad_row(error))
    return FileRows(file=place.file, rows=tuple(checked))


def _item(raw: RawRow, place: Place, used: dict[str, tuple[str, int]]) -> Item:
    layout = raw.layout
    # The id goes first and is booked even if the rest is wrong: a second use stays a second use.
    name = _id(raw, place, used)
    question = _text(raw.question, layout.question, raw, place).strip()
    choices = _choices(raw, place)
    answer = _answer(raw, place, choices)
    if layout.shuffle is not None:
        order = list(range(len(choices)))
        addressed_random(0, layout.shuffle, name).shuffle(order)
        choices, answer = tuple(choices[k] for k in order), order.index(answer)
    explanation = ""
    if raw.explanation is not MISSING and raw.explanation is not None:
        explanation = _text(raw.explanation, layout.explanation, raw, place, blank=True)
    return Item(
        id=name,
        domain=_text(raw.domain, layout.domain, raw, place),
        question=question,
        choices=choices,
        answer=answer,
        explanation=explanation,
        source=place.source,
        split=place.split,
    )


def _id(raw: RawRow, place: Place, used: dict[str, tuple[str, int]]) -> str:
    field = raw.layout.id
    value = raw.id
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    name = _text(value, field, raw, place)
    if name in used:
        file, row = used[name]
        first = f"row {row}" if file == place.file else f"row {row} of {file}"
        raise _error(
            raw, place, field, f"this id was used before, in {first}", raw.id, "Give each row its own."
        )
    used[name] = (place.file, raw.row)
    return name


def _choices(raw: RawRow, place: Place) -> tuple[str, ...]:
    names = raw.layout.choices
    whole = names if isinstance(names, str) else names[0]
    values = raw.choices
    if values is MISSING:
        raise _missing(raw, place, whole)
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise _wrong_type(raw, place, whole, values, "a list of texts")
    if not MIN_CHOICES <= len(values) <= MAX_CHOICES:
        problem = f"{len(values)} options; an item has {MIN_CHOICES} to {MAX_CHOICES}"
        raise _error(raw, place, whole, problem, list(values), "Correct or remove the row.")
    found: list[str] = []
    for k, value in enumerate(values):
        field = f"{names}[{k}]" if isinstance(names, str) else names[k]
        choice = _text(value, field, raw, place).strip()
        if choice in found:
            problem = f"the same text as option {found.index(choice) + 1} of this row"
            raise _error(
                raw, place, field, problem, choice, "Options must differ: correct or remove the row."
            )
        found.append(choice)
    return tuple(found)


def _answer(raw: RawRow, place: Place, choices: tuple[str, ...]) -> int:
    field, value = raw.layout.answer, raw.answer
    if value is MISSING:
        raise _missing(raw, place, field)
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        wanted = " or ".join(DESCRIPTIONS[form] for form in raw.layout.forms)
        raise _wrong_type(raw, place, field, value, wanted)
    if value == raw.layout.unanswered:
        remedy = "Its answers are withheld: take a split that has them."
        raise _error(raw, place, field, "the row has no answer", value, remedy)
    labels = _labels(raw, place, choices) if "label" in raw.layout.forms else ()
    index = find_answer(value, raw.layout.forms, choices, labels)
    if index is None:
        wanted = " or ".join(DESCRIPTIONS[form] for form in raw.layout.forms)
        raise _error(raw, place, field, f"the answer is not {wanted}", value, "Correct or remove the row.")
    if not 0 <= index < len(choices):
        problem = f"the answer is out of range: the row has {len(choices)} options"
        raise _error(raw, place, field, problem, value, "Correct or remove the row.")
    return index


def _labels(raw: RawRow, place: Place, choices: tuple[str, ...]) -> tuple[str, ...]:
    field = raw.layout.labels
    if raw.labels is MISSING:
        raise _missing(raw, place, field)
    if not isinstance(raw.labels, Sequence) or isinstance(raw.labels, str):
        raise _wrong_type(raw, place, field, raw.labels, "a list of texts")
    labels = tuple(_text(label, field, raw, place).strip() for label in raw.labels)
    if len(labels) != len(choices) or len(set(labels)) != len(labels):
        problem = f"not one label of its own for each of the {len(choices)} options"
        raise _error(raw, place, field, problem, list(labels), "Correct or remove the row.")
    return labels


def _text(value: Any, field: str, raw: RawRow, place: Place, *, blank: bool = False) -> str:
    if value is MISSING:
        raise _missing(raw, place, field)
    if not isinstance(value, str):
        raise _wrong_type(raw, place, field, value, "a text")
    if not blank and not value.strip():
        raise _error(raw, place, field, "empty or only white space", value, "Fill it in or remove the row.")
    # JSON can spell half of a surrogate pair, which no UTF-8 file can hold.
    if any("\ud800" <= character <= "\udfff" for character in value):
        remedy = "Correct the escape or remove the row."
        raise _error(raw, place, field, "half of a surrogate pair, which is not a character", value, remedy)
    return value


def _missing(raw: RawRow, place: Place, field: str) -> InputError:
    return InputError(
        "the field is missing", file=place.file, row=raw.row, field=field, remedy="Add it or remove the row."
    )


def _wrong_type(raw: RawRow, place: Place, field: str, value: Any, wanted: str) -> InputError:
    kind = "null" if value is None else type(value).__name__
    return _error(raw, place, field, f"{kind} where {wanted} belongs", value, "Correct or remove the row.")


def _error(raw: RawRow, place: Place, field: str, problem: str, seen: Any, remedy: str) -> InputError:
    return InputError(problem, file=place.file, row=raw.row, field=field, seen=seen, remedy=remedy)
