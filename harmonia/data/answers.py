"""How a file says which option is right, decided from all its rows.

A number may count from 0 or from 1, a letter may be an option's place or its text: one row
cannot tell, a file can. What it cannot tell either is refused, and decided by the user.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from harmonia.data.cells import RowPlace
from harmonia.errors import InputError

AnswerForm = Literal["index", "index1", "letter", "label", "text"]

MEANINGS: Mapping[AnswerForm, str] = {
    "index": "a whole number from 0",
    "index1": "a whole number from 1",
    "letter": "a letter from A",
    "label": "one of the row's labels",
    "text": "the text of one of the row's options",
}

_WHOLE = re.compile(r"[+-]?\d{1,2}(\.0+)?")
_STRAY = 10
"""From 0, answers out of range by one are strays if 10 times as many are 0."""

_CHANCE = 1e-3
"""So rarely would no answer be the first option by chance: that many rows should tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerCell:
    """What a row says of its answer."""

    place: RowPlace
    value: Any
    choices: tuple[str, ...]
    labels: tuple[str, ...] = ()


def _whole(value: Any) -> int | None:
    """A whole number, also as tables write it that have no whole numbers (`2.0`)."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        # Two digits at most: no row has more options, and int() refuses very long ones.
        return int(float(value)) if _WHOLE.fullmatch(value.strip()) else None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value if isinstance(value, int) else None


def _from_one(asked: AnswerCell) -> int | None:
    number = _whole(asked.value)
    return None if number is None else number - 1


def _letter(asked: AnswerCell) -> int | None:
    text = asked.value.strip() if isinstance(asked.value, str) else ""
    return ord(text.upper()) - ord("A") if len(text) == 1 and text.isascii() and text.isalpha() else None


def _label(asked: AnswerCell) -> int | None:
    number = _whole(asked.value)
    text = asked.value.strip() if isinstance(asked.value, str) else str(number)
    return asked.labels.index(text) if text in asked.labels else None


def _text(asked: AnswerCell) -> int | None:
    text = asked.value.strip() if isinstance(asked.value, str) else None
    return asked.choices.index(text) if text in asked.choices else None


_PLACES: Mapping[AnswerForm, Callable[[AnswerCell], int | None]] = {
    "label": _label,
    "text": _text,
    "letter": _letter,
    "index": lambda asked: _whole(asked.value),
    "index1": _from_one,
}


def place_of(asked: AnswerCell, form: AnswerForm) -> int | None:
    """The place of the right option.

    Returns:
        An index from 0, which may lie outside the options; None if the value is not of
        that form.
    """
    return _PLACES[form](asked)


def is_withheld(value: Any) -> bool:
    """Whether a value stands for an answer that is not told: nothing, blank, or -1."""
    if isinstance(value, str):
        return not value.strip() or _whole(value) == -1
    return value is None or value == -1 or (isinstance(value, float) and math.isnan(value))


def find_form(rows: Sequence[AnswerCell], field: str) -> AnswerForm:
    """Find the form of a file's answers: the one that fits most rows.

    Raises:
        InputError: Two forms fit and say different things.
    """
    places = {form: [place_of(asked, form) for asked in rows] for form in _PLACES}
    inside = {
        form: [
            place if place in range(len(asked.choices)) else None
            for place, asked in zip(found, rows, strict=True)
        ]
        for form, found in places.items()
    }
    fits = {form: _count(found) for form, found in inside.items()}
    most = max(fits.values())
    if not most:
        return max(places, key=lambda form: _count(places[form]))
    best = [form for form, count in fits.items() if count == most]
    if best[0] == "index1":
        return "index"  # `require_numbering` says what speaks against it
    others = [form for form in best[1:] if form != "index1" or "index" not in best]
    for other in others:
        for asked, one, two in zip(rows, inside[best[0]], inside[other], strict=True):
            if one != two:
                problem = (
                    f"the answers fit two forms that say different things, {best[0]} "
                    f"({MEANINGS[best[0]]}) and {other} ({MEANINGS[other]})"
                )
                raise asked.place.wrong(field, problem, asked.value, _decide(best[0], other))
    return best[0]


def _count(places: Sequence[int | None]) -> int:
    return sum(place is not None for place in places)


def require_numbering(rows: Sequence[AnswerCell], form: AnswerForm, field: str, *, told: bool) -> bool:
    """Refuse numbers that do not count as they are read.

    `told` says that the user named the form; else numbers from 0 need what shows it.

    Returns:
        Whether the rows show where they count from: one answer is 0, or one the number of
        options.

    Raises:
        InputError: Answers read from 0 run from 1 to the number of options, or the other
            way round; or many answers show neither.
    """
    if form not in ("index", "index1"):
        return True
    numbers = [(asked, number) for asked in rows if (number := _whole(asked.value)) is not None]
    zeros = [asked for asked, number in numbers if number == 0]
    lasts = [asked for asked, number in numbers if number == len(asked.choices)]
    other: AnswerForm = "index1" if form == "index" else "index"
    if form == "index1":
        against = zeros if not lasts else []
        problem = f"the answers count from 0: it stands in {len(zeros)} rows, the number of options in none"
    else:
        against = lasts if not zeros or (not told and len(lasts) * _STRAY > len(zeros)) else []
        problem = (
            f"the answers seem to count from 1: {len(lasts)} of {len(numbers)} are the number of options, "
            f"{len(zeros)} are 0"
        )
    if against:
        first = against[0]
        raise first.place.wrong(field, problem, first.value, f"{_decide(other)} Or correct the rows.")
    chance = math.prod(1 - 1 / len(asked.choices) for asked, _ in numbers)
    if not zeros and not lasts and not told and chance < _CHANCE:
        problem = (
            f"whether the {len(numbers)} answers count from 0 or from 1 cannot be told: none is 0, and "
            "none the number of options"
        )
        raise InputError(problem, file=rows[0].place.file, field=field, remedy=_decide("index", "index1"))
    return bool(zeros or lasts or not numbers)


def _decide(*forms: AnswerForm) -> str:
    named = " or ".join(f"columns.answer_form={form}" for form in forms)
    return f"Say {named} (YAML: `columns: {{answer_form: {forms[0]}}}`)."
