"""What a run teaches: its rows in tokens and in order, and what a person should know of them first."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harmonia.errors import InputError
from harmonia.prompts import Encoder, Template
from harmonia.training.encode import Encoded, EncodedSet, EncodedSets, show_mask
from harmonia.training.exported import Exported, exported, reply_frame
from harmonia.training.settings import FEW, TrainingSettings, optimizer_steps, say_steps

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """What a run teaches.

    Attributes:
        rows: Its rows of all epochs, in order.
        shown: The first rows, with what is learned of them.
        saved: The chat template to save with the tuned model.
        notes: What a person should know before it starts.
    """

    template: Template
    encoded: EncodedSet
    rows: list[Encoded]
    steps: int
    shown: list[dict[str, Any]]
    saved: Exported
    notes: tuple[str, ...]


def taught(
    group: Path, template: Template, settings: TrainingSettings, *, seed: int, longest: int, sets: EncodedSets
) -> Taught:
    """Encode a set, lay out its epochs, and tell what is learned and what to know of it.

    `longest` is the most tokens of a row.

    Raises:
        InputError: The training set is wrong.
    """
    encoder = Encoder(template.chat.tokenizer)
    encoded = sets.encode(group, template, encoder, longest, settings.learn)
    _check_epochs(group, settings.epochs, encoded)
    rows = encoded.epochs(settings.epochs, seed)
    steps = optimizer_steps(len(rows), settings)
    shown = show_mask(encoded, encoder)
    for row in shown:
        for before, part in itertools.pairwise([{"text": ""}, *row["parts"]]):
            if part["learned"]:
                log.info("row %s learns %r after %r", row["id"], part["text"], before["text"][-60:])
    if steps >= FEW:
        log.info("%s: %s", group, say_steps(steps, settings))
    saved = exported(template, encoder, encoded.some)
    notes = (*_notes(template, encoded, settings, steps, longest), *saved.notes())
    for note in notes:
        log.warning("%s: %s", group, note)
    return Taught(
        template=template, encoded=encoded, rows=rows, steps=steps, shown=shown, saved=saved, notes=notes
    )


def _notes(
    template: Template, encoded: EncodedSet, settings: TrainingSettings, steps: int, longest: int
) -> Iterator[str]:
    yield from encoded.notes
    _, _, end = reply_frame(template)
    if not end:
        yield f"the chat template '{template.chat.name}' ends no reply with a mark: no stop is taught"
    count = len(encoded.rows)
    if silent := sum(not row.weight for row in encoded.rows):
        yield f"rows that teach nothing (weight 0, or no turn that is learned): {silent} of {count}"
    if encoded.spelled.rows:
        yield encoded.spelled.note("rows")
    if encoded.shortened:
        yield f"rows cut to {longest} tokens: {encoded.shortened} of {count}"
    if steps < FEW:
        yield say_steps(steps, settings)


def _check_epochs(group: Path, epochs: int, encoded: EncodedSet) -> None:
    for row in encoded.rows:
        if row.from_epoch >= epochs:
            problem = (
                f"row {row.id} is shown from epoch {row.from_epoch} on, and the last one is {epochs - 1}"
            )
            remedy = "Train for more epochs, or show the row earlier."
            raise InputError(problem, file=group, field="from_epoch", seen=row.from_epoch, remedy=remedy)
