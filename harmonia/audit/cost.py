"""What an audit costs, before it is begun: tokens, and seconds at a rate measured on a few rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import mul
from typing import TypeVar

from harmonia.audit.choices import ChoiceRow, ask_choices
from harmonia.audit.run import Audit
from harmonia.hashing import sample
from harmonia.journal import Chunks

Row = TypeVar("Row")

_TRIED = 8
"""Rows whose passes are timed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditCost:
    """What is to be expected of an audit.

    Attributes:
        choices: Multiple-choice rows to ask, of the file and of the exam.
        choices_tokens: Tokens of their questions in all draws and orders, demonstrations left out.
        choices_s: Seconds of asking them.
        rows: Open rows to read.
        first_tokens: Tokens of the first pass, demonstrations left out: they are read once for many rows.
        first_s: Its seconds.
        second_tokens: Most tokens that the second pass writes: as if all rows were in doubt.
        second_s: Its seconds, at most.
    """

    choices: int
    choices_tokens: int
    choices_s: float
    rows: int
    first_tokens: int
    first_s: float
    second_tokens: int
    second_s: float

    @property
    def lines(self) -> list[str]:
        """It in words, a line each pass."""
        lines = []
        if self.choices:
            cost = f"about {self.choices_tokens:,} tokens, about {self.choices_s:.0f} s"
            lines.append(f"multiple choice: {self.choices:,} rows, {cost}")
        if self.rows:
            cost = f"about {self.first_tokens:,} tokens, about {self.first_s:.0f} s"
            lines.append(f"first pass: {self.rows:,} rows, {cost}")
        if self.second_tokens:
            cost = f"at most {self.second_tokens:,} tokens and {self.second_s:.0f} s"
            lines.append(f"second pass, for rows in doubt alone: {cost}")
        return lines


def cost_of(audit: Audit) -> AuditCost:
    """Try an audit on a few rows, and reckon what all of them cost."""
    how = audit.settings
    read = _few(audit.open_rows, how.seed, lambda row: row.id)
    first_s = second_s = 0.0
    if read:
        audit.first.read(read[:1])  # what is set up once
        first_s = _seconds(lambda: audit.first.read(read))
    if read and how.samples:
        second_s = _seconds(lambda: audit.second.ask([(row, len(row.messages) - 1) for row in read]))
    more = len(audit.open_rows) / max(1, len(read))
    of_file = _asking(audit, audit.choice_rows, audit.choices)
    of_exam = _asking(audit, audit.exam, audit.exam)
    return AuditCost(
        choices=len(audit.choice_rows) + len(audit.exam),
        choices_tokens=round(of_file[0] + of_exam[0]),
        choices_s=of_file[1] + of_exam[1],
        rows=len(audit.open_rows),
        first_tokens=round(sum(audit.first.asked(row).tokens for row in read) * more),
        first_s=first_s * more,
        second_tokens=len(audit.open_rows) * how.draws * how.samples * how.max_new_tokens,
        second_s=second_s * more,
    )


def _asking(audit: Audit, rows: Sequence[ChoiceRow], every: Sequence[ChoiceRow]) -> tuple[float, float]:
    """Tokens and seconds of asking multiple-choice rows, demonstrated by some of `every`."""
    how = audit.settings
    asked = _few(rows, how.seed, lambda one: one.row.id)
    seconds = _seconds(lambda: ask_choices(audit.model, asked, every, how, Chunks()))
    orders = [len(one.item.choices) if how.method == "letter_cyclic" else 1 for one in asked]
    lengths = map(len, audit.encoder.encode([one.row.messages[0].content for one in asked]))
    more = len(rows) / max(1, len(asked))
    return more * how.draws * sum(map(mul, orders, lengths)), more * seconds


def _few(rows: Sequence[Row], seed: int, name: Callable[[Row], str]) -> list[Row]:
    return sample(seed, "audit/cost", rows, [name(row) for row in rows], _TRIED)


def _seconds(work: Callable[[], object]) -> float:
    start = time.monotonic()
    work()
    return time.monotonic() - start
