"""A first pass over a file: which rows are multiple choice, and rows of it to demonstrate with.

Of a file of any size so many rows are held as tell its form, the first by one draw of each.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import compress

import numpy as np

from harmonia.audit.choices import ChoiceRow
from harmonia.audit.settings import AuditSettings
from harmonia.audit.shots import RowForm, form_of
from harmonia.hashing import FirstDrawn, draw
from harmonia.types import Conversation

MOST_SHOWN = 4096
"""Rows of a form, or of multiple choice, to demonstrate with."""
MOST_SPOKEN = 16_384
"""Open rows that tell which words are a file's form."""
LEFT, OPEN, CHOICE = 0, 1, 2
"""What a row is: not to be audited, read word by word, or multiple choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What is known of a file before its rows are asked.

    Attributes:
        kinds: What each row is.
        choices: Multiple-choice rows, to demonstrate with.
        shown: Open rows of each form, to demonstrate with.
        spoken: Open rows, as they are in the file, in the order of their draws.
        long: Open rows to be audited whose answer is long.
    """

    kinds: bytes
    choices: tuple[ChoiceRow, ...]
    shown: tuple[Conversation, ...]
    spoken: tuple[Conversation, ...]
    long: int


def survey(
    rows: Collection[Conversation],
    choice_of: Callable[[Conversation], ChoiceRow | None],
    settings: AuditSettings,
) -> Survey:
    """Go through a file once.

    Args:
        rows: Its rows.
        choice_of: Gives a row as multiple choice; None if it is none.
        settings: How it is audited.
    """
    seed = settings.seed
    choices = FirstDrawn[ChoiceRow](MOST_SHOWN, seed, "audit/choices")
    spoken = FirstDrawn[Conversation](MOST_SPOKEN, seed, "audit/words")
    shown: dict[RowForm, FirstDrawn[Conversation]] = {}
    kinds, is_long, draws = bytearray(), bytearray(), array("Q")
    for row in rows:
        if found := choice_of(row):
            choices.add(row.id, found)
        else:
            spoken.add(row.id, row)
            form = form_of(row, settings.short)
            shown.setdefault(form, FirstDrawn(MOST_SHOWN, seed, "audit/shown")).add(row.id, row)
        kinds.append(CHOICE if found else OPEN)
        is_long.append(not found and not form_of(row, settings.short).short)
        if settings.sample:
            draws.append(draw(seed, "audit/sample", row.id))
    if settings.sample and settings.sample < len(kinds):
        drawn = np.frombuffer(draws, dtype=np.uint64)
        last = np.partition(drawn, settings.sample - 1)[settings.sample - 1]
        kinds = bytearray(np.where(drawn <= last, np.frombuffer(kinds, dtype=np.uint8), LEFT).tobytes())
    return Survey(
        kinds=bytes(kinds),
        choices=choices.members,
        shown=tuple(row for of_form in shown.values() for row in of_form.members),
        spoken=spoken.members,
        long=sum(compress(is_long, kinds)),
    )
