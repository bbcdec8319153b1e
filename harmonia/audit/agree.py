"""Whether a long answer of the model's own says what the row says: by embeddings, or by a judge.

Both give a pair of answers a score. How high it must be is not a number of ours, which would hold
for one model only: the file tells it. Answers to different questions are unlike, so an answer agrees
where it is more like the row's than the share `unlike` of `PAIRS` such pairs. By this the
likeness that any two texts have for a model falls out, and a judge's liking for "yes", too.

- `embeddings`: the cosine of both (`models/embed.py`). It tells the subject better than the fact.
- `judge`: log-odds of " yes" against " no" after the question and both answers, the mean over both
  orders of the answers and both orders of the words; above 0, too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any, NamedTuple, Protocol

from harmonia.audit.settings import AgreementSettings
from harmonia.errors import InputError
from harmonia.models import LocalModel, Scorer, fingerprint, load_model
from harmonia.models.protocols import LEAST
from harmonia.prompts import Controls, Encoder
from harmonia.prompts.encode import Request, common_length

PAIRS = 128
"""Pairs of answers to different questions by which likeness is measured."""

_FEWEST = 8
_WORDS = ("yes", "no")
_ASKED = """\
Question: {question}
Answer 1: {one}
Answer 2: {other}
Do both answers say the same, {words}?
Reply:"""
_ROOM = 160
"""Tokens that are left to a question and the judge's own words, at least."""


class Pair(NamedTuple):
    """A question and two answers to it."""

    question: str
    taught: str
    said: str


class Scoring(Protocol):
    """Tells how much alike the answers of pairs are."""

    @property
    def identity(self) -> str:
        """What content addresses hold of it."""

    @property
    def least(self) -> float:
        """The least score of two answers that agree, whatever the file."""

    def scores(self, pairs: Sequence[Pair]) -> list[float]:
        """A score a pair; more is more alike."""


@dataclass(frozen=True, eq=False)
class ByEmbeddings:
    """Cosines."""

    embedder: Any
    least: float = -1.0

    @property
    def identity(self) -> str:
        """The embedder's."""
        return str(self.embedder.identity)

    def scores(self, pairs: Sequence[Pair]) -> list[float]:
        """The cosine of each pair."""
        texts = list(dict.fromkeys(text for pair in pairs for text in (pair.taught, pair.said)))
        vector = dict(zip(texts, self.embedder.embed(texts), strict=True)) if texts else {}
        return [float(vector[pair.taught] @ vector[pair.said]) for pair in pairs]


@dataclass(frozen=True, eq=False)
class ByJudge:
    """Log-odds of "yes" against "no".

    Attributes:
        judge: Who is asked.
        longest: Most tokens of an answer that it reads; of a question as many as it has room for.
    """

    judge: Scorer
    longest: int
    least: float = 0.0

    @property
    def identity(self) -> str:
        """The judge's."""
        return self.judge.identity

    @cached_property
    def _encoder(self) -> Encoder:
        return Encoder(self.judge.tokenizer)

    @cached_property
    def _controls(self) -> Controls:
        return Controls(self.judge.tokenizer)

    def scores(self, pairs: Sequence[Pair]) -> list[float]:
        """The log-odds of each pair, in nats."""
        orders = list(product((False, True), repeat=2))
        requests = [self._request(pair, *order) for pair in pairs for order in orders]
        found = [max(yes.sum, LEAST) - max(no.sum, LEAST) for yes, no in self.judge.loglikelihoods(requests)]
        size = len(orders)
        return [math.fsum(found[k * size : (k + 1) * size]) / size for k in range(len(pairs))]

    def _request(self, pair: Pair, swapped: bool, turned: bool) -> Request:
        guard = self._controls.guard
        answers = [self._cut(guard(" ".join(text.split()))) for text in (pair.taught, pair.said)]
        one, other = reversed(answers) if swapped else answers
        words = " or ".join(reversed(_WORDS) if turned else _WORDS)
        question = guard(" ".join(pair.question.split()))
        text = _ASKED.format(question=question, one=one, other=other, words=words)
        rows = self._encoder.encode([text, *(f"{text} {word}" for word in _WORDS)])
        seam = min(common_length(rows), *(len(row) - 1 for row in rows[1:]))
        tails = tuple(row[seam:] for row in rows[1:])
        room = self.judge.max_tokens - max(map(len, tails))
        return Request(context=rows[0][max(0, seam - room) : seam], continuations=tails)

    def _cut(self, text: str) -> str:
        front = len(self._encoder.front)
        (ids,) = self._encoder.encode([text])
        return text if len(ids) <= front + self.longest else self._encoder.decode(ids[front:][: self.longest])


class Agreement:
    """Says of pairs of answers whether they agree.

    Args:
        scoring: How pairs are scored.
        unlike: Share of the pairs of different answers that must be less alike.
        answers: Questions of the file, each with its long answer.

    Raises:
        InputError: The file has too few such answers; or its answers are no more like themselves
            than like each other, so that the model cannot tell.
    """

    def __init__(self, scoring: Scoring, unlike: float, answers: Sequence[tuple[str, str]]) -> None:
        import numpy as np

        self._scoring = scoring
        some = list({taught: (question, taught) for question, taught in answers}.values())[: PAIRS + 1]
        if len(some) < _FEWEST:
            raise InputError(
                f"too few long answers to tell which are alike: {len(some)}, and {_FEWEST} are needed",
                field="agreement.long",
                remedy="Leave it at overlap.",
            )
        others = [Pair(*one, other) for one, (_, other) in zip(some, [*some[1:], some[0]], strict=True)]
        reached = float(np.quantile(scoring.scores(others), unlike))
        self.least = max(scoring.least, reached)
        same = scoring.scores([Pair(*one, one[1]) for one in some])
        if 2 * sum(score > self.least for score in same) < len(same):
            raise InputError(
                "the model cannot tell which answers say the same: of the file's own answers less than "
                "half are more like themselves than like those to other questions",
                field="agreement.long",
                remedy="Name another model (agreement.model.path), or leave it at overlap.",
            )

    @property
    def identity(self) -> str:
        """What content addresses hold of it."""
        return self._scoring.identity

    @property
    def note(self) -> str:
        """What a person should know."""
        return f"long answers agree above a likeness of {self.least:.3f}, as the file's own answers tell"

    def agree(self, pairs: Sequence[Pair]) -> list[bool]:
        """Whether the answers of each pair agree; an empty one agrees with none."""
        asked = [pair for pair in pairs if pair.said.strip()]
        scores = iter(self._scoring.scores(asked))
        return [bool(pair.said.strip()) and next(scores) > self.least for pair in pairs]


def agreement_of(
    how: AgreementSettings, model: Any, longest: int, answers: Sequence[tuple[str, str]]
) -> Agreement | None:
    """How long answers are compared; None by overlap, or where there are no long answers.

    Args:
        how: The settings.
        model: The audited model.
        longest: Most tokens of an answer of the model's own.
        answers: Questions of the file, each with its long answer.

    Raises:
        InputError: The model cannot be asked so.
    """
    if how.long == "overlap" or not answers:
        return None
    scoring = _embeddings(how, model) if how.long == "embeddings" else _judge(how, model, longest)
    return Agreement(scoring, how.unlike, answers)


def _embeddings(how: AgreementSettings, model: Any) -> ByEmbeddings:
    from harmonia.models.embed import embedder_of, load_embedder

    if how.model is not None:
        return ByEmbeddings(load_embedder(how.model))
    if not isinstance(model, LocalModel):
        remedy = "Name a folder (agreement.model.path), or let a model judge (agreement.long=judge)."
        raise InputError(
            "the audited model shows no hidden states, as its files are not here",
            field="agreement.long",
            seen=how.long,
            remedy=remedy,
        )
    return ByEmbeddings(embedder_of(model))


def _judge(how: AgreementSettings, model: Any, longest: int) -> ByJudge:
    judge: Scorer = model
    if how.served is not None:
        from harmonia.models.served_model import ServedModel

        judge = ServedModel(how.served)
    elif how.model is not None:
        judge = load_model(how.model, fingerprint(how.model))
    if not judge.tells_each:
        raise InputError(
            "the judge's server does not tell the likelihood of each word, but lists the likeliest alone",
            field="agreement",
            remedy="Use a server that tells all, or a model folder (agreement.model.path).",
        )
    if (room := 2 * longest + _ROOM) > judge.max_tokens:
        raise InputError(
            f"the judge has {judge.max_tokens} positions, and {room} are needed for two answers",
            field="max_new_tokens",
            remedy="Lower it, or name another judge (agreement.model.path).",
        )
    return ByJudge(judge, longest)
