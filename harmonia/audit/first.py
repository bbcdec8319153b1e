"""First pass: what the model says at each word of a row, behind demonstrations from its own file.

One request a draw reads each token of the answer; two more give the answer with and without its
instruction, for IFD.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from harmonia.audit.content import Answer, FileForm, answers_of
from harmonia.audit.settings import AuditSettings
from harmonia.audit.shots import Posed, Shown
from harmonia.audit.spans import WordReading, read_words
from harmonia.models import Likelihood, Scorer, TokenReading
from harmonia.models.protocols import LEAST
from harmonia.prompts.encode import Encoder, Request
from harmonia.types import Conversation

CHUNK = 64
"""Rows read together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawReading:
    """What the model says of a row behind one draw of demonstrations.

    Attributes:
        words: The words at stake, in order; those that were cut are left out.
        nll: Mean negative log-likelihood of all the answer's tokens, in nats.
        excess: Mean of that less the entropy there.
        largest: Largest of these differences.
    """

    words: tuple[WordReading, ...]
    nll: float
    excess: float
    largest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstReading:
    """What the first pass gives of a row.

    Attributes:
        draws: A reading behind each draw of demonstrations.
        stakes: Words at stake that were read.
        ifd: Mean cross-entropy of the answers with their instruction over that without
            (Li et al. 2024); None where the latter is 0, or it was not wanted.
        tokens: Tokens of the answers that were read.
        cut: Tokens left unread, of answers or of what stands before them.
        shots: Demonstrations that fitted, the fewest of the draws.
    """

    draws: tuple[DrawReading, ...]
    stakes: int
    ifd: float | None
    tokens: int
    cut: int
    shots: int


class FirstPass:
    """Reads rows.

    Args:
        model: Who is asked.
        encoder: Of its tokenizer.
        shown: Writes rows behind demonstrations.
        form: The form of the file's answers.
        settings: How.
        ifd: Whether IFD is wanted, too, which takes two more readings of each answer.
    """

    def __init__(
        self,
        model: Scorer,
        encoder: Encoder,
        shown: Shown,
        form: FileForm,
        settings: AuditSettings,
        *,
        ifd: bool = True,
    ) -> None:
        self._model, self._encoder, self._shown = model, encoder, shown
        self._form, self._settings, self._ifd = form, settings, ifd

    def read(self, rows: Sequence[Conversation]) -> list[FirstReading]:
        """Read some rows; all is scored in one go."""
        asked = [self.asked(row) for row in rows]
        requests = [one for of_row in asked for one in of_row.requests]
        found = iter(self._model.loglikelihoods(requests, batch_tokens=self._settings.batch_tokens))
        return [
            self._reading(row, of_row, [next(found)[0] for _ in of_row.requests])
            for row, of_row in zip(rows, asked, strict=True)
        ]

    def asked(self, row: Conversation) -> RowRequests:
        """What is asked of a row."""
        turns = [place for place, _ in answers_of(row)]
        draws = []
        for draw in range(self._settings.draws):
            shots = self._shown.demonstrations(row, draw)
            draws.append([self._shown.asked(row, place, shots) for place in turns])
        also = turns if self._ifd else []
        plain = [self._shown.asked(row, place, ()) for place in also]
        return RowRequests(draws=draws, plain=plain, bare=[self._shown.bare(row, place) for place in also])

    def _reading(self, row: Conversation, asked: RowRequests, found: Sequence[Likelihood]) -> FirstReading:
        answers = [self._form.answer(row, place) for place, _ in answers_of(row)]
        turns = len(answers)
        draws = [
            self._draw(answers, asked.draws[draw], found[draw * turns : (draw + 1) * turns])
            for draw in range(len(asked.draws))
        ]
        without = _mean_nll(asked.bare, found[-turns:]) if self._ifd else 0.0
        return FirstReading(
            draws=tuple(draws),
            stakes=min(len(draw.words) for draw in draws),
            ifd=_mean_nll(asked.plain, found[-2 * turns : -turns]) / without if without else None,
            tokens=sum(len(one.answer) for one in asked.draws[0]),
            cut=max(sum(one.cut for one in of_draw) for of_draw in asked.draws),
            shots=min(one.shots for of_draw in asked.draws for one in of_draw),
        )

    def _draw(
        self, answers: Sequence[Answer], asked: Sequence[Posed], found: Sequence[Likelihood]
    ) -> DrawReading:
        words: list[WordReading] = []
        tokens: list[TokenReading] = []
        for answer, one, likelihood in zip(answers, asked, found, strict=True):
            floored = [_floored(token) for token in likelihood.tokens]
            tokens += floored
            words += read_words(
                answer, one.answer, floored, self._encoder, self._settings.rule, self._model.rounding
            )
        excess = [-one.logprob - one.entropy for one in tokens]
        return DrawReading(
            words=tuple(words),
            nll=fmean(-one.logprob for one in tokens),
            excess=fmean(excess),
            largest=max(excess),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RowRequests:
    """What is asked of a row, an entry for each answer: behind each draw, plain, and without instruction.

    Of the last two there are none where IFD is not wanted.
    """

    draws: list[list[Posed]]
    plain: list[Posed]
    bare: list[Posed]

    @property
    def tokens(self) -> int:
        """Tokens of it, demonstrations left out."""
        own = sum(len(one.context) + len(one.answer) for one in self.plain)
        return own * (len(self.draws) + 1) + sum(len(one.context) + len(one.answer) for one in self.bare)

    @property
    def requests(self) -> list[Request]:
        """All of it, in that order; behind demonstrations each token is read."""
        return [
            Request(context=one.context, continuations=(one.answer,), per_token=per_token)
            for part, per_token in (
                *((draw, True) for draw in self.draws),
                (self.plain, False),
                (self.bare, False),
            )
            for one in part
        ]


def _floored(one: TokenReading) -> TokenReading:
    return replace(one, logprob=max(one.logprob, LEAST), other_logprob=max(one.other_logprob, LEAST))


def _mean_nll(asked: Sequence[Posed], found: Sequence[Likelihood]) -> float:
    return -math.fsum(
        max(one.sum, LEAST * len(ids.answer)) for ids, one in zip(asked, found, strict=True)
    ) / sum(len(one.answer) for one in asked)
