"""Questions to answer in words: their file, and when an answer is right."""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from harmonia.data import ItemSource
from harmonia.data.cells import MISSING, cell, unfold
from harmonia.data.marks import apart
from harmonia.data.source import ColumnMapping
from harmonia.data.tables import DataTable, open_tables
from harmonia.errors import InputError
from harmonia.hashing import sample, sha256_json
from harmonia.parsing import require_new

_REMEDY = "A row needs question and answers (a list of texts that are right) or answer (one text)."
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
    words = "".join(parts).split()
    return " ".join([word for word in words if word not in _ARTICLES] or words or plain.split())


def _is_punctuation(mark: str) -> bool:
    return mark in string.punctuation or unicodedata.category(mark).startswith("P")


def read_open_questions(source: ItemSource) -> tuple[OpenQuestion, ...]:
    """Read questions in words from a file of any format.

    Rows have a question, and `answers` or `answer`; an `id` and a `domain` if wanted. The source's `columns`
    says where these are called otherwise.

    Returns:
        The questions. A row's domain comes before the source's; where neither says, it is
        the file's folder. Without an id a question is called by its content.

    Raises:
        InputError: The file cannot be read or is empty, a row is wrong, or an id comes twice.
    """
    names = source.columns
    unused = source.model_fields_set - {"path", "domain", "columns", "split", "config", "limit", "seed"}
    unused |= {f"columns.{name}" for name in names.model_fields_set - {"question", "answer", "id", "subject"}}
    if unused:
        remedy = "Leave it out: it is of questions with options."
        raise InputError("no setting of questions in words", field=min(unused), remedy=remedy)
    found: list[OpenQuestion] = []
    rows: dict[str, int] = {}
    for table in open_tables(Path(source.path), source):
        _require_columns(names, table)
        domain = source.domain or Path(table.file).absolute().parent.name
        for number, values in table.rows:
            if isinstance(values, InputError):
                raise values
            field = partial(_field, values, table.file, number)
            text = field(names.question or "question", (str,)).strip()
            answers = _answers(values, names.answer, table.file, number)
            made = sha256_json([text, answers])[:16]
            about = cell(values, names.subject or "domain")
            question = OpenQuestion(
                id=str(field(names.id or "id", (str, int))) if names.id or "id" in table.columns else made,
                domain=str(domain if about is MISSING else about or domain),
                question=text,
                answers=answers,
            )
            require_new(rows, question.id, file=table.file, row=number, field=names.id or "id")
            found.append(question)
    if not found:
        raise InputError("the file holds no question", file=source.path, remedy=_REMEDY)
    if source.limit is None:
        return tuple(found)
    return tuple(sample(source.seed, "limit", found, [one.id for one in found], source.limit))


def _require_columns(names: ColumnMapping, table: DataTable) -> None:
    rows = [values for _, values in table.rows if not isinstance(values, InputError)]
    for name in names.names:
        if rows and all(cell(values, name) is MISSING for values in rows):
            problem = f"no such column; here are {', '.join(table.columns)}"
            remedy = "Correct the name under `columns`."
            raise InputError(problem, file=table.file, field=name, remedy=remedy)


def _answers(values: Mapping[str, Any], column: str | None, file: str, number: int) -> tuple[str, ...]:
    name = column or ("answers" if "answers" in values else "answer")
    said = cell(values, name)
    said = said if name == "answer" else unfold(said)  # one text may well begin with a bracket
    if isinstance(said, str):
        return (str(_field(values, file, number, name, (str,))).strip(),)
    answers: Sequence[Any] = _field({name: said}, file, number, name, (list,))
    if not all(isinstance(answer, str) and answer.strip() for answer in answers):
        raise InputError(
            "not a list of texts", file=file, row=number, field=name, seen=answers, remedy=_REMEDY
        )
    return tuple(answer.strip() for answer in answers)


def _field(values: Mapping[str, Any], file: str, number: int, name: str, types: tuple[type, ...]) -> Any:
    value = cell(values, name)
    value = None if value is MISSING else value
    empty = not value.strip() if isinstance(value, str) else value == []
    if not isinstance(value, types) or isinstance(value, bool) or empty:
        problem = "missing, empty or of the wrong type"
        raise InputError(problem, file=file, row=number, field=name, seen=value, remedy=_REMEDY)
    return value
