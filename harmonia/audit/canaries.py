"""Canaries: known facts that are held back from training, to see afterwards what was lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from harmonia.audit.choices import ChoiceRow
from harmonia.audit.rows import AuditRow
from harmonia.hashing import addressed_order

MOST_CANARIES = 200
_HELD_BACK = 5
"""One of so many certain rows is held back at most, so that a small file keeps most of what is known."""


def canaries_of(
    source: str, rows: Sequence[AuditRow], choices: Sequence[ChoiceRow], seed: int
) -> Iterator[dict[str, Any]]:
    """Known facts of the `file`, or of the `exam`, on which all draws agree, drawn by (seed, row)."""
    items = {one.item.id: one.item for one in choices}
    known = {row.id: row for row in rows if row.category == "known" and row.confidence == 1}
    most = min(MOST_CANARIES, -(-len(known) // _HELD_BACK)) if source == "file" else MOST_CANARIES
    for name in addressed_order(seed, f"audit/canaries/{source}", known)[:most]:
        row = known[name]
        asked: dict[str, Any] = {"id": name, "source": source, "line": row.line, "kind": row.kind}
        if item := items.get(name):
            yield {**asked, "question": item.question, "choices": item.choices, "answer": item.answer}
        else:
            yield {**asked, "question": row.instruction, "answer": row.answer}
