"""How a file says which option is right: the forms, and the place each one means.

Exam files write a number or a letter, ARC a label of its own, the raw Xiezhi form
and SciQ the text of the right option. A form is a pure function from what the file
says to an index from 0, or None where the value is not of that form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

__all__ = ["DESCRIPTIONS", "AnswerForm", "find_answer"]

AnswerForm = Literal["index", "index1", "digits", "letter", "label", "text"]
Value = int | str
Texts = tuple[str, ...]

DESCRIPTIONS: Mapping[AnswerForm, str] = {
    "index": "a whole number from 0",
    "index1": "a whole number from 1",
    "digits": "a whole number from 0",
    "letter": "a letter from A",
    "label": "one of the row's labels",
    "text": "the text of one of the row's options",
}


def _index(value: Value, choices: Texts, labels: Texts) -> int | None:
    return value if isinstance(value, int) else None


def _index1(value: Value, choices: Texts, labels: Texts) -> int | None:
    return value - 1 if isinstance(value, int) else None


def _digits(value: Value, choices: Texts, labels: Texts) -> int | None:
    # Two digits at most: no row has more options, and int() refuses very long ones.
    text = value.strip() if isinstance(value, str) else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 2 else None


def _letter(value: Value, choices: Texts, labels: Texts) -> int | None:
    text = value.strip() if isinstance(value, str) else ""
    return ord(text.upper()) - ord("A") if len(text) == 1 and text.isascii() and text.isalpha() else None


def _label(value: Value, choices: Texts, labels: Texts) -> int | None:
    text = str(value).strip()
    return labels.index(text) if text in labels else None


def _text(value: Value, choices: Texts, labels: Texts) -> int | None:
    text = value.strip() if isinstance(value, str) else ""
    return choices.index(text) if text in choices else None


_FINDERS: Mapping[AnswerForm, Callable[[Value, Texts, Texts], int | None]] = {
    "index": _index,
    "index1": _index1,
    "digits": _digits,
    "letter": _letter,
    "label": _label,
    "text": _text,
}


def find_answer(
    value: Value, forms: tuple[AnswerForm, ...], choices: Texts, labels: Texts = ()
) -> int | None:
    """Find the place of the right option.

    Args:
        value: What the file says.
        forms: The forms that the file may use, tried in order.
        choices: The options, without white space around them.
        labels: The label of each option, for the form `label`.

    Returns:
        An index from 0, which may lie outside the options; None if no form fits.
    """
    for form in forms:
        index = _FINDERS[form](value, choices, labels)
        if index is not None:
            return index
    return None
