"""Canaries: known facts that are held back from training, to see afterwards what was lost."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from harmonia.audit.choices import ChoiceRow
from harmonia.audit.rows import AuditRow
from harmonia.data.conversations import fields_of
from harmonia.data.turns import MODEL_ERROR
from harmonia.hashing import addressed_order

MOST_CANARIES = 200
_HELD_BACK = 5
"""One of so many certain rows is held back at most, so that a small file keeps most of what is known."""


def error_lines(path: Path, *, what: str) -> Iterator[int]:
    """Lines of a fine-tuning file that are marked as a model's own errors."""
    for line, fields in fields_of(path, what=what):
        if isinstance(fields, dict) and fields.get(MODEL_ERROR):
            yield line


def canaries_of(
    source: str,
    rows: Sequence[AuditRow],
    choices: Sequence[ChoiceRow],
    seed: int,
    errors: Collection[int] = (),
) -> Iterator[dict[str, Any]]:
    """Known facts of the `file`, or of the `exam`, on which all draws agree, drawn by (seed, row).

    A row at one of the lines `errors` is none: the model knows its answer, and the answer is wrong.
    """
    items = {one.item.id: one.item for one in choices}
    known = {
        row.id: row
        for row in rows
        if row.category == "known" and row.confidence == 1 and row.line not in errors
    }
    most = min(MOST_CANARIES, -(-len(known) // _HELD_BACK)) if source == "file" else MOST_CANARIES
    for name in addressed_order(seed, f"audit/canaries/{source}", known)[:most]:
        row = known[name]
        asked: dict[str, Any] = {"id": name, "source": source, "line": row.line, "kind": row.kind}
        if item := items.get(name):
            yield {**asked, "question": item.question, "choices": item.choices, "answer": item.answer}
        else:
            yield {**asked, "question": row.instruction, "answer": row.answer}
