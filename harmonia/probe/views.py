"""One prompt's scores -> a view: a distribution over the options as that prompt showed them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harmonia.probe.orders import Order
from harmonia.types import AnswerStyle, Normalisation, Scores


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a model said to one prompt about an item.

    Attributes:
        order: Order in which the prompt showed the options.
        probs: Probability of each place, in that order; sums to 1.
        letter_mass: Share of the whole vocabulary on the letters; None for `cloze`.
        shots: Demonstrations in the prompt.
        prompt: Its text; None unless kept.
    """

    order: Order
    probs: tuple[float, ...]
    letter_mass: float | None
    shots: int
    prompt: str | None


def view_of(
    scores: Scores,
    order: Order,
    *,
    style: AnswerStyle,
    normalisation: Normalisation = "raw",
    keep_prompt: bool = False,
) -> View:
    """Turn log-likelihoods into a distribution.

    For letters the probabilities are the softmax over the letters' log-likelihoods,
    which is their share of the letters' mass. For `cloze` they are the softmax over the
    options' log-likelihoods, each divided by its length in the unit chosen.

    `normalisation` is the unit of length for `cloze`; `raw` divides by nothing.
    """
    values = scores.logprobs
    if style == "cloze" and normalisation != "raw":
        units = scores.n_chars if normalisation == "char" else scores.n_tokens
        values = tuple(value / unit for value, unit in zip(values, units, strict=True))
    mass = min(1.0, math.fsum(math.exp(value) for value in values)) if style == "letter" else None
    return View(
        order=order,
        probs=softmax(values),
        letter_mass=mass,
        shots=scores.shots,
        prompt=scores.context if keep_prompt else None,
    )


def softmax(values: Sequence[float]) -> tuple[float, ...]:
    """Exponentials of values in nats, divided by their sum."""
    top = max(values)
    weights = [math.exp(value - top) for value in values]
    total = math.fsum(weights)
    return tuple(weight / total for weight in weights)


def mean(rows: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """Mean of equally long rows, place by place."""
    return tuple(math.fsum(column) / len(rows) for column in zip(*rows, strict=True))
