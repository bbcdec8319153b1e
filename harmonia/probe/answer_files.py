"""The answers of a run: narrow files, whose items stand once in a file of their own."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harmonia.columns import Count, Share, Table
from harmonia.data.stored_items import item_key
from harmonia.types import Belief, Category


@dataclass(frozen=True, kw_only=True)
class AnswerRow:
    """A model's answer to one question.

    Attributes:
        key: The question, by its key in the file of items.
        probs: Probability of each option, in the item's order; they sum to 1.
        asked_probs: Mean probability of each letter as it was asked, in the letters' order and before
            any correction; empty for `cloze`. Not there where the note `as_asked` says that all are `probs`.
        letter_mass: Share of the whole vocabulary's probability on the scored letters; empty for `cloze`.
        shots: Demonstrations in the prompt.
        agreement: Share of the draws whose prediction is the answer; empty for one draw.
        right_rate: Share of the draws that answer right; empty for one draw.
        category: Level of the belief over the draws; empty for one draw.
        borderline: Whether rounding could change the answer or its level; empty where it was not looked at.
        prompt: The text whose next token was scored; empty unless kept.
        unlisted_mass: What letters that a server did not list can hold of the vocabulary's probability at
            most; empty where all were told.
    """

    key: str
    probs: tuple[Share, ...]
    asked_probs: tuple[Share, ...] | None
    letter_mass: Share | None
    shots: Count | None
    agreement: Share | None
    agreement_low: Share | None
    agreement_high: Share | None
    right_rate: Share | None
    category: Category | None
    borderline: bool | None
    prompt: str | None
    unlisted_mass: Share | None


ANSWERS = Table(name="answers", row=AnswerRow, key=("key",), sparse=True)

SAME = ("form", "method", "preset", "normalisation", "draws")
"""What all answers of a file have in common: it stands in the file's metadata, under `asked`."""


def write_answers(path: Path, beliefs: Sequence[Belief], items: Path, about: Mapping[str, Any]) -> None:
    """Write the answers of one asking into a run, in one step.

    `items` is the file that holds their items; the path to it is noted, relative to this one. `about` is how
    they were made: model hash, template hash, token ids.
    """
    (asked,) = {tuple(getattr(belief, name) for name in SAME) for belief in beliefs}
    names = [column.name for column in ANSWERS.columns if column.name != "key"]
    columns = {name: [getattr(belief, name) for belief in beliefs] for name in names}
    as_asked = columns["asked_probs"] == columns["probs"]
    if as_asked:
        columns["asked_probs"] = [None] * len(beliefs)
    note = {
        "as_asked": as_asked,
        "items": Path(os.path.relpath(items, path.parent)).as_posix(),
        "asked": dict(zip(SAME, asked, strict=True)),
    }
    ANSWERS.write_file(path, {"key": [item_key(one.item) for one in beliefs], **columns}, {**about, **note})
