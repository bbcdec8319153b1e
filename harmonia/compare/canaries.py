"""What two models are asked: questions, known facts held back (canaries), and rows of an audit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harmonia.audit import AuditRow
from harmonia.audit.rule import CATEGORIES
from harmonia.data.at_hand import items_from
from harmonia.errors import InputError
from harmonia.hashing import addressed_order
from harmonia.parsing import read_json_lines, require_new
from harmonia.types import Conversation, Item, Message

ITEMS, CANARIES_SUITE = "items", "canaries"
"""What an exam is called that is the only one, and the facts held back."""

_REMEDY = "Write rows as harmonia audit does: id, question, answer, and for multiple choice choices."


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionSuite:
    """Multiple-choice questions that both models are asked.

    Attributes:
        name: Its name in the tables: `canaries`, `items`, or of several exams the exam's.
        items: The questions.
        shots: What to demonstrate with; the other questions of the suite if None.
    """

    name: str
    items: tuple[Item, ...]
    shots: tuple[Item, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedOfBoth:
    """All that two models are asked.

    Attributes:
        suites: Multiple choice.
        facts: Facts in words: an instruction and its answer each.
        rows: Rows of an audit, as it judged them, whose question can be asked by itself.
        notes: What of the audit is not asked, a sentence each.
    """

    suites: tuple[QuestionSuite, ...] = ()
    facts: tuple[Conversation, ...] = ()
    rows: tuple[AuditRow, ...] = ()
    notes: tuple[str, ...] = ()


def read_canaries(path: Path) -> tuple[QuestionSuite | None, tuple[Conversation, ...]]:
    """Read facts that a model is to keep: multiple choice, and in words.

    Raises:
        InputError: A row is none of these, or there is none.
    """
    items: list[Item] = []
    facts: list[Conversation] = []
    first: dict[str, int] = {}
    for line, row in read_json_lines(path, what="the file of canaries"):
        name, question = (_text(row, key, path, line) for key in ("id", "question"))
        if name in first and isinstance(row.get("source"), str):
            name = f"{row['source']}/{name}"  # a row of the file and a question of the exam may share an id
        require_new(first, name, file=path, row=line)
        if row.get("choices") is None:
            facts.append(conversation_of(name, line, question, _text(row, "answer", path, line)))
        else:
            items.append(_item(name, question, row, path, line))
    if not items and not facts:
        raise InputError("the file of canaries has no rows", file=path, remedy=_REMEDY)
    return QuestionSuite(name=CANARIES_SUITE, items=tuple(items)) if items else None, tuple(facts)


def conversation_of(name: str, line: int, question: str, answer: str) -> Conversation:
    """A question and its answer as a row of a fine-tuning file."""
    turns = Message(role="user", content=question), Message(role="assistant", content=answer)
    return Conversation(id=name, line=line, messages=turns)


def demonstrated(
    suite: QuestionSuite | None, shown: tuple[Item, ...] | None, shots: int
) -> tuple[list[QuestionSuite], tuple[str, ...]]:
    """The suite of the canaries, if it can be asked, and a note where it cannot.

    A single question has no other of its suite to demonstrate with; `shown` then does.
    """
    if suite is None or not shots or len({item.question for item in suite.items}) > 1:
        return [suite] if suite else [], ()
    if shown:
        return [replace(suite, shots=shown)], ()
    return [], ("the one multiple-choice canary is not asked: no other question demonstrates",)


def asked_alone(rows: Sequence[AuditRow]) -> tuple[list[AuditRow], tuple[str, ...]]:
    """Rows of an audit whose question can be asked by itself, and a note where there are others."""
    alone = [row for row in rows if row.asks_alone]
    others = len(rows) - len(alone)
    note = f"rows of the audit whose question follows other turns, not asked again: {others}"
    return alone, (note,) if others else ()


def rows_to_ask(rows: Sequence[AuditRow], most: int, seed: int) -> Iterator[AuditRow]:
    """Up to so many rows of each category at stake, drawn by (seed, row)."""
    for category in CATEGORIES:
        here = {row.id: row for row in rows if row.category == category != "form"}
        yield from (here[name] for name in addressed_order(seed, "compare/rows", here)[:most])


def _item(name: str, question: str, row: dict[str, Any], path: Path, line: int) -> Item:
    choices = row["choices"]
    answer: Any = row.get("answer")
    if not isinstance(choices, list):
        raise InputError(
            "not a list of options", file=path, row=line, field="choices", seen=choices, remedy=_REMEDY
        )
    try:
        item = Item(id=name, domain="", question=question, choices=tuple(choices), answer=answer)
        return items_from((item,)).items[0]
    except InputError as error:
        raise InputError(
            error.problem, file=path, row=line, field=error.field, seen=error.seen, remedy=_REMEDY
        ) from error


def _text(row: dict[str, Any], key: str, path: Path, line: int) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        raise InputError("no text", file=path, row=line, field=key, seen=value, remedy=_REMEDY)
    return value
