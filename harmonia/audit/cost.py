"""What an audit costs, before it is begun: tokens, and seconds at a rate measured on a few rows."""

from __future__ import annotations

import time
from dataclasses import dataclass

from harmonia.audit.run import Audit
from harmonia.hashing import sample

_TRIED = 8
"""Rows whose passes are timed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditCost:
    """What is to be expected of an audit.

    Attributes:
        rows: Open rows to read.
        first_tokens: Tokens of the first pass, demonstrations left out: they are read once for many rows.
        first_s: Its seconds.
        second_tokens: Most tokens that the second pass writes: as if all rows were in doubt.
        second_s: Its seconds, at most.
    """

    rows: int
    first_tokens: int
    first_s: float
    second_tokens: int
    second_s: float

    @property
    def lines(self) -> tuple[str, str]:
        """It in words, a line each pass."""
        return (
            f"first pass: {self.rows:,} rows, about {self.first_tokens:,} tokens, about {self.first_s:.0f} s",
            f"second pass, for rows in doubt alone: at most {self.second_tokens:,} tokens "
            f"and {self.second_s:.0f} s",
        )


def cost_of(audit: Audit) -> AuditCost:
    """Try an audit on a few rows, and reckon what all of them cost."""
    rows, how = audit.open_rows, audit.settings
    tried = sample(how.seed, "audit/cost", rows, [row.id for row in rows], _TRIED)
    if not tried:
        return AuditCost(rows=0, first_tokens=0, first_s=0.0, second_tokens=0, second_s=0.0)
    audit.first.read(tried[:1])  # what is set up once
    start = time.monotonic()
    audit.first.read(tried)
    first_s = time.monotonic() - start
    tokens = sum(audit.first.asked(row).tokens for row in tried)
    second_s = 0.0
    if how.samples:
        start = time.monotonic()
        audit.second.ask([(row, len(row.messages) - 1) for row in tried])
        second_s = time.monotonic() - start
    more = len(rows) / len(tried)
    return AuditCost(
        rows=len(rows),
        first_tokens=round(tokens * more),
        first_s=first_s * more,
        second_tokens=len(rows) * how.draws * how.samples * how.max_new_tokens,
        second_s=second_s * more,
    )
