"""Questions to answer in words: their file, and when an answer is right."""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harmonia.data.marks import apart
from harmonia.errors import InputError
from harmonia.parsing import read_json_lines

_REMEDY = "A row needs id, question and answers (a list of texts that are right) or answer (one text)."
_ARTICLES = ("a", "an", "the")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenQuestion:
    """A question whose answer is a text.

    Attributes:
        id: Name of the question, unique in its file.
        domain: What it is about.
        question: Its text.
        answers: The right answer, then its other spellings.
    """

    id: str
    domain: str
    question: str
    answers: tuple[str, ...]

    def accepts(self, text: str) -> bool:
        """Whether an answer equals one of the right ones after normalisation."""
        return normalised(text) in {normalised(answer) for answer in self.answers}


def normalised(text: str) -> str:
    """Lower case without punctuation, articles and surplus white space.

    SQuAD's rule (Rajpurkar et al. 2016), with the punctuation of all scripts, but for marks
    that make another number or word (`data/marks.py`). A text that is an article or a mark
    itself ("A", "+") is not emptied.
    """
    plain = text.lower()
    parts = apart(plain)
    parts[::2] = ["".join(mark for mark in part if not _is_punctuation(mark)) for part in parts[::2]]
    bare = "".join(parts).split()
    return " ".join([word for word in bare if word not in _ARTICLES] or bare or plain.split())


def _is_punctuation(mark: str) -> bool:
    return mark in string.punctuation or unicodedata.category(mark).startswith("P")


def read_open_questions(path: Path, *, domain: str | None = None) -> tuple[OpenQuestion, ...]:
    """Read questions from JSONL.

    Args:
        path: Rows with `id`, `question`, and `answers` or `answer`; other fields are left unread.
        domain: Domain of rows that do not name one; the file's folder if None.

    Raises:
        InputError: The file is missing or empty, a row is wrong, or an id comes twice.
    """
    found: dict[str, OpenQuestion] = {}
    rows: dict[str, int] = {}
    for number, values in read_json_lines(path, what="the file of questions"):
        question = OpenQuestion(
            id=str(_field(values, "id", (str, int), path, number)),
            domain=str(values.get("domain") or domain or path.resolve().parent.name),
            question=_field(values, "question", (str,), path, number).strip(),
            answers=_answers(values, path, number),
        )
        if question.id in found:
            raise InputError(
                f"the id was used in row {rows[question.id]} already",
                file=path,
                row=number,
                field="id",
                seen=question.id,
                remedy="Give each question an id of its own.",
            )
        found[question.id], rows[question.id] = question, number
    if not found:
        raise InputError("the file holds no question", file=path, remedy=_REMEDY)
    return tuple(found.values())


def _answers(values: dict[str, Any], path: Path, number: int) -> tuple[str, ...]:
    if "answers" not in values:
        return (_field(values, "answer", (str,), path, number).strip(),)
    answers: Sequence[Any] = _field(values, "answers", (list,), path, number)
    if not all(isinstance(answer, str) and answer.strip() for answer in answers):
        raise InputError(
            "not a list of texts", file=path, row=number, field="answers", seen=answers, remedy=_REMEDY
        )
    return tuple(answer.strip() for answer in answers)


def _field(values: dict[str, Any], name: str, types: tuple[type, ...], path: Path, number: int) -> Any:
    value = values.get(name)
    if not isinstance(value, types) or isinstance(value, bool) or value in ("", []):
        raise InputError(
            "missing, empty or of the wrong type",
            file=path,
            row=number,
            field=name,
            seen=value,
            remedy=_REMEDY,
        )
    return value
