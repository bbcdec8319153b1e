"""What an audit costs, before it is begun: tokens, and seconds at a rate measured on a few rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import mul

from harmonia.audit.choices import ChoiceRow, ask_choices
from harmonia.audit.own import LONGER
from harmonia.audit.run import Audit
from harmonia.audit.survey import CHOICE, OPEN
from harmonia.hashing import sample
from harmonia.journal import Chunks
from harmonia.numbers import counted

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
            lines.append(f"multiple choice: {counted(self.choices, 'row')}, {cost}")
        if self.rows:
            cost = f"about {self.first_tokens:,} tokens, about {self.first_s:.0f} s"
            lines.append(f"first pass: {counted(self.rows, 'row')}, {cost}")
        if self.second_tokens:
            cost = f"at most {self.second_tokens:,} tokens and {self.second_s:.0f} s"
            lines.append(f"second pass, for rows in doubt alone: {cost}")
        return lines


def cost_of(audit: Audit) -> AuditCost:
    """Try an audit on a few rows, and reckon what all of them cost."""
    how = audit.settings
    read, rows = audit.survey.spoken[:_TRIED], audit.survey.kinds.count(OPEN)
    choices = audit.survey.kinds.count(CHOICE)
    first_s = second_s = 0.0
    if read:
        audit.first.read(read[:1])  # what is set up once
        first_s = _seconds(lambda: audit.first.read(read))
    if read and how.samples:
        second_s = _seconds(lambda: audit.second.ask([(row, len(row.messages) - 1) for row in read]))
    more = rows / max(1, len(read))
    of_file = _asking(audit, audit.survey.choices[:_TRIED], choices, audit.survey.choices)
    tried = sample(how.seed, "audit/cost", audit.exam, [one.row.id for one in audit.exam], _TRIED)
    of_exam = _asking(audit, tried, len(audit.exam), audit.exam)
    return AuditCost(
        choices=choices + len(audit.exam),
        choices_tokens=round(of_file[0] + of_exam[0]),
        choices_s=of_file[1] + of_exam[1],
        rows=rows,
        first_tokens=round(sum(audit.first.asked(row).tokens for row in read) * more),
        first_s=first_s * more,
        second_tokens=(rows + (LONGER - 1) * audit.survey.long)
        * how.draws
        * how.samples
        * how.max_new_tokens,
        second_s=second_s * more,
    )


def _asking(
    audit: Audit, asked: Sequence[ChoiceRow], of: int, every: Sequence[ChoiceRow]
) -> tuple[float, float]:
    """Tokens and seconds of asking so many multiple-choice rows, from `asked`, demonstrated by `every`."""
    how = audit.settings
    seconds = _seconds(lambda: ask_choices(audit.model, asked, every, how, Chunks()))
    orders = [len(one.item.choices) if how.method == "letter_cyclic" else 1 for one in asked]
    lengths = map(len, audit.encoder.encode([one.row.messages[0].content for one in asked]))
    more = of / max(1, len(asked))
    return more * how.draws * sum(map(mul, orders, lengths)), more * seconds


def _seconds(work: Callable[[], object]) -> float:
    start = time.monotonic()
    work()
    return time.monotonic() - start
