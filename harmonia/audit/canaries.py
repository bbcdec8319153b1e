"""Canaries: known facts that are held back from training, to see afterwards what was lost."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Literal

from harmonia.audit.choices import choice_of
from harmonia.audit.rows import AuditRow
from harmonia.data.conversations import fields_of
from harmonia.data.turns import MODEL_ERROR
from harmonia.hashing import FirstDrawn
from harmonia.types import Conversation, Item

MOST_CANARIES = 200
_HELD_BACK = 5
"""One of so many certain rows is held back at most, so that a small file keeps most of what is known."""


def error_lines(path: Path, *, what: str) -> Iterator[int]:
    """Lines of a fine-tuning file that are marked as a model's own errors."""
    for line, fields in fields_of(path, what=what):
        if isinstance(fields, dict) and fields.get(MODEL_ERROR):
            yield line


class KnownFacts:
    """Facts on which all draws agree, of which some are held back, drawn by (seed, row).

    A question that follows other turns is none: without them nobody could answer it.

    Args:
        source: Of the `file`, or of the `exam`.
        seed: Seed of the draws.
        errors: Lines of rows that are none: the model knows their answers, and these are wrong.
    """

    def __init__(self, source: Literal["file", "exam"], seed: int, errors: Collection[int] = ()) -> None:
        self._source, self._errors, self._known = source, errors, 0
        self._first = FirstDrawn[tuple[AuditRow, Conversation, Item | None]](
            MOST_CANARIES, seed, f"audit/canaries/{source}"
        )

    def add(self, row: Conversation, verdict: AuditRow, item: Item | None = None) -> None:
        """Take a row, if it is one; a question of an exam is its `item`."""
        sure = verdict.category == "known" and verdict.confidence == 1 and verdict.asks_alone
        if sure and verdict.line not in self._errors:
            self._known += 1
            self._first.add(verdict.id, (verdict, row, item))

    @property
    def canaries(self) -> Iterator[dict[str, Any]]:
        """The rows of `canaries.jsonl`."""
        most = MOST_CANARIES
        if self._source == "file":
            most = min(most, -(-self._known // _HELD_BACK))
        for verdict, row, item in self._first.members[:most]:
            asked = {"id": verdict.id, "source": self._source, "line": verdict.line, "kind": verdict.kind}
            found = choice_of(row) if item is None and verdict.kind == "choice" else None
            if one := item or (found and found.item):
                yield {**asked, "question": one.question, "choices": one.choices, "answer": one.answer}
            else:
                yield {**asked, "question": verdict.instruction, "answer": verdict.answer}
