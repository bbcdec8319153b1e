"""The audited row, and its table `rows.parquet`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from harmonia.audit.rule import AuditCategory
from harmonia.columns import Count, Measure, Nats, Share, Table

ROWS = "rows.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """An audited row of a fine-tuning file.

    Attributes:
        id: Its own id; without one the hash of what it teaches.
        line: Its line in the file, or row in a table, from 1.
        kind: `choice` for multiple choice, `open` for all else.
        category: `known`, `conflicting`, `unknown`, `form` (no fact at stake) or `uncertain`.
        confidence: Share of the draws of demonstrations that give this category by themselves; of
            multiple choice those that answer alike.
        borderline: Whether rounding in the model could change category or confidence. The model's own
            answers are taken as they are.
        conflict: How little the model would say what the row teaches. 1 less the geometric mean of
            the probability of the words at stake and of that over the probability of its own words
            there. Or the share of its own answers that say the same, if that is more and the row's
            answer does not hold all that they say. Of it the share that agrees with the row is taken
            off. Of multiple choice by how much more probable another option is. Rows are ranked by it.
        reason: What decided, in words.
        instruction: The turn in front of the answer that decided.
        answer: That answer.
        turn: Its place among the row's messages, from 0.
        stakes: Words of the answers that neither instruction nor the file's form give.
        trained: Probability of their tokens, the geometric mean; of multiple choice that of the option.
        entropy: Mean entropy at these tokens; empty for multiple choice.
        nll: Mean negative log-likelihood of the answers' tokens behind demonstrations.
        excess: Mean of that less the entropy there.
        largest: Largest of these differences.
        ifd: Cross-entropy of the answers with the instruction over that without.
        agreement: Share of the model's sampled answers that agree; of multiple choice the share
            of the draws that answer as the row.
        steady: Share of them that say the same as the most frequent one.
        own_answer: The model's own answer: the most frequent sample, or the option it believes.
        believed: Index of that option.
        target: Index of the option that the row teaches.
        choices: The options of a multiple-choice row.
        probs: Probability of each of them.
        span_turns: For each confident conflict the place of its answer among the messages.
        span_starts: Its first character in that answer.
        span_stops: Past its last character.
        span_expected: The word that the model expects there, as far as one token tells.
        span_probs: The probability of that word, mean of the draws that found it.
        tokens: Tokens of the answers that were read.
        cut: Tokens that were not read, because the row is too long.
        shots: Demonstrations in front of it, the fewest of the draws.
    """

    id: str
    line: Count
    kind: Literal["open", "choice"]
    category: AuditCategory
    confidence: Share
    borderline: bool
    conflict: Share
    reason: str
    instruction: str
    answer: str
    turn: Count
    stakes: Count | None = None
    trained: Share
    entropy: Nats | None = None
    nll: Nats | None = None
    excess: Nats | None = None
    largest: Nats | None = None
    ifd: Annotated[float, Measure("ratio", 0)] | None = None
    agreement: Share | None = None
    steady: Share | None = None
    own_answer: str | None = None
    believed: Count | None = None
    target: Count | None = None
    choices: tuple[str, ...] | None = None
    probs: tuple[Share, ...] | None = None
    span_turns: tuple[Count, ...] = ()
    span_starts: tuple[Count, ...] = ()
    span_stops: tuple[Count, ...] = ()
    span_expected: tuple[str, ...] = ()
    span_probs: tuple[Share, ...] = ()
    tokens: Count
    cut: Count
    shots: Count

    @property
    def asks_alone(self) -> bool:
        """Whether its question can be asked by itself: at most a system turn stands before it."""
        return self.turn <= 2


AUDIT_ROWS = Table(name="rows", row=AuditRow, key=("id",))


def write_rows(path: Path, rows: Iterable[AuditRow], about: Mapping[str, Any]) -> None:
    """Write `rows.parquet` in one step, some rows at a time; `about` is how the verdicts were made."""
    AUDIT_ROWS.write_stream(path, rows, about)
