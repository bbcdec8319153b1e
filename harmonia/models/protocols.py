"""Who answers: what a scorer and a generator are, and what they give. Nothing above knows which it has."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from pydantic import Field

from harmonia.parsing import Settings
from harmonia.prompts.controls import Controls
from harmonia.prompts.encode import Request

Ended = Literal["stop", "end", "length", "no room", "no text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenReading:
    """What a model says at one token of a continuation.

    Attributes:
        logprob: Log-probability of the token, in nats.
        entropy: Entropy of the next token's distribution there, in nats.
        other: Id of the likeliest token but this one.
        other_logprob: Its log-probability, in nats.
    """

    logprob: float
    entropy: float
    other: int
    other_logprob: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Likelihood:
    """How likely a continuation is.

    Attributes:
        sum: Sum of its tokens' log-probabilities in nats, under the whole vocabulary; nan where
            only a bound is known.
        tokens: A reading of each token, in order; empty unless the request asks for them.
        at_most: What the sum is at most, in nats, where a server lists the likeliest tokens alone
            and this is none of them; None where the sum is known.
    """

    sum: float
    tokens: tuple[TokenReading, ...] = ()
    at_most: float | None = None


class GenerationSettings(Settings):
    """How texts are continued.

    Attributes:
        temperature: What logits are divided by; 0 takes the likeliest token each time.
        top_p: Only the likeliest tokens that reach this probability together are drawn from.
        max_new_tokens: Most tokens of a continuation.
        samples: Continuations of each prompt.
        stop: Texts that end a continuation and do not belong to it.
    """

    temperature: float = Field(default=0.0, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_new_tokens: int = Field(default=256, ge=1)
    samples: int = Field(default=1, ge=1)
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuation:
    """One continuation of a prompt.

    Attributes:
        text: Its text, up to the stop text.
        tokens: Token ids as generated, those of the stop text included, the end mark not;
            empty where a server does not tell them.
        ended: What ended it: a stop text, the model's end mark, or the limit of length.
            `no room` if the prompt alone fills the model's context, `no text` if a server
            answers without one.
    """

    text: str
    tokens: tuple[int, ...]
    ended: Ended


ROUNDING = {"float32": 1e-4, "float16": 0.01, "bfloat16": 0.05}
"""Bounds on what a probability changes by the company that it is calculated in; measured (docs/log.md)."""

LEAST = math.log(1e-12)
"""Floor of log-probabilities, in nats, where they are averaged or compared."""


class Scorer(Protocol):
    """Says how likely texts are."""

    @property
    def tokenizer(self) -> Any:
        """The transformers tokenizer whose ids requests hold."""

    @property
    def max_tokens(self) -> int:
        """Positions of the model."""

    @property
    def vocabulary(self) -> int:
        """Token ids that it gives a probability are those below this number."""

    @property
    def identity(self) -> str:
        """What content addresses hold of it: equal only where all answers are."""

    @property
    def rounding(self) -> float:
        """Bound on how far a probability differs in other batches, another order or with other threads."""

    @property
    def tells_each(self) -> bool:
        """Whether it tells every likelihood; otherwise some of single tokens are only bounded."""

    @property
    def slower_scoring(self) -> tuple[str, ...]:
        """What it scores without, and why, a sentence each; none if with everything."""

    def loglikelihoods(
        self, requests: Sequence[Request], *, batch_tokens: int | None = None
    ) -> list[tuple[Likelihood, ...]]:
        """Likelihood of each continuation of each request, in order.

        Args:
            requests: What to score, as token ids.
            batch_tokens: Tokens to score together at most; a scorer that finds its own size
                if None. It changes values by rounding at most.
        """


class Generator(Protocol):
    """Continues prompts."""

    @property
    def max_tokens(self) -> int | None:
        """Positions of the model; None where only its server knows."""

    @property
    def identity(self) -> str:
        """What content addresses hold of it: equal only where all answers are."""

    @property
    def controls(self) -> Controls | None:
        """Its control tokens, to guard data against; None where they are its server's affair."""

    @property
    def slower_generating(self) -> tuple[str, ...]:
        """What it writes without, and why, a sentence each; none if with everything."""

    def generate(
        self,
        prompts: Sequence[str],
        settings: GenerationSettings,
        *,
        addresses: Sequence[str],
        seed: int,
        stage: str,
    ) -> list[tuple[Continuation, ...]]:
        """Continue each prompt.

        A draw depends on its prompt, the seed, the stage and its address alone, not on what
        else is asked.

        Args:
            prompts: Raw texts. Data in them is guarded (`guarded`) where it must not
                give control tokens.
            settings: How.
            addresses: A name of each prompt for the address of its draws.
            seed: Seed of the draws.
            stage: Stage of the draws.

        Returns:
            Per prompt, in order, one continuation a sample.
        """


def guarded(model: Generator, text: str) -> str:
    """A text of data of which the model reads no part as a control token, as far as is known."""
    return model.controls.guard(text) if model.controls else text


def until_stop(text: str, stop: Sequence[str]) -> str:
    """A text up to the first of the texts that end it."""
    return text[: min((place for place in map(text.find, stop) if place >= 0), default=len(text))]
