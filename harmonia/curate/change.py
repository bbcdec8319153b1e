"""What a policy makes of a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from harmonia.audit.choices import naming
from harmonia.curate.audited import JudgedRow
from harmonia.curate.settings import CurateSettings
from harmonia.types import Conversation

Change = Literal["none", "own answer", "context", "weight", "late", "rewritten", "new", "pair"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CuratedRow:
    """A row to train on, and where it comes from.

    Attributes:
        row: What is taught.
        category: The audit's verdict; None for a row that is not the file's.
        conflict: The audit's, 0 to 1.
        policy: Who took the row: the policy, or `random` for the control.
        changed: What the policy changed.
        rejected: Of a pair for preference training the answer that is not preferred.
        model_error: Whether the answer is the model's own error: its answer where the file has another.
    """

    row: Conversation
    category: str | None
    conflict: float | None
    policy: str
    changed: Change = "none"
    rejected: str | None = None
    model_error: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RowTexts:
    """The texts that a policy changes rows by.

    Attributes:
        contexts: Contexts by row id.
        rewritten: Rewritten answers by row id and place among its messages.
    """

    contexts: Mapping[str, str]
    rewritten: Mapping[tuple[str, int], str]


def changed(
    judged: JudgedRow, row: Conversation, aligned: bool, settings: CurateSettings, texts: RowTexts
) -> CuratedRow:
    """A row as the policy teaches it; `aligned` rows teach the model's own answer."""
    policy, new = settings.policy, row
    change: Change = "none"
    if aligned:
        new, change = _saying(row, {judged.turn: _own_answer(judged, row)}), "own answer"
    elif policy == "contextualise" and judged.category == "conflicting":
        place = judged.turn - 1
        asked = f"{texts.contexts[judged.id]}\n{row.messages[place].content}"
        new, change = _saying(row, {place: asked}), "context"
    elif policy == "weighted":
        new, change = replace(row, weight=row.weight * getattr(settings.weights, judged.category)), "weight"
    elif policy == "known_late" and judged.category == "known":
        since = max(row.from_epoch, settings.late_from_epoch)
        new, change = replace(row, from_epoch=since), "late"
    elif texts.rewritten:
        places = range(len(row.messages))
        said = {k: texts.rewritten[row.id, k] for k in places if (row.id, k) in texts.rewritten}
        new, change = _saying(row, said), "rewritten"
    return CuratedRow(
        row=new,
        category=judged.category,
        conflict=judged.conflict,
        policy=policy,
        changed=change if new != row else "none",
        model_error=aligned,
    )


def _own_answer(judged: JudgedRow, row: Conversation) -> str:
    if judged.kind == "choice" and judged.choices is not None and judged.believed is not None:
        return naming(row.messages[judged.turn].content, judged.choices, judged.believed)
    return (judged.own_answer or "").strip()


def _saying(row: Conversation, texts: Mapping[int, str]) -> Conversation:
    """A row with other texts at some places among its messages."""
    messages = [
        replace(turn, content=texts[place]) if place in texts else turn
        for place, turn in enumerate(row.messages)
    ]
    return replace(row, messages=tuple(messages))
