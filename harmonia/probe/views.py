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
        letter_mass: Share of the whole vocabulary on the letters that were told; None for `cloze`.
        unlisted_mass: What the other letters can hold of it at most, together; None where all were told.
        shots: Demonstrations in the prompt.
        prompt: Its text; None unless kept.
    """

    order: Order
    probs: tuple[float, ...]
    letter_mass: float | None
    shots: int
    prompt: str | None
    unlisted_mass: float | None = None


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

    A letter of which only a bound is known gets no share. Let L be the mass of the letters told
    and U what the others hold at most. An option told at p has p L / (L + U) to p. Another has
    0 to U / (L + U).

    `normalisation` is the unit of length for `cloze`; `raw` divides by nothing.
    """
    values = scores.logprobs
    if style == "cloze" and normalisation != "raw":
        units = scores.n_chars if normalisation == "char" else scores.n_tokens
        values = tuple(value / unit for value, unit in zip(values, units, strict=True))
    values = tuple(-math.inf if math.isnan(value) else value for value in values)
    mass = min(1.0, math.fsum(math.exp(value) for value in values)) if style == "letter" else None
    unlisted = math.fsum(map(math.exp, scores.at_most)) if scores.at_most else None
    return View(
        order=order,
        probs=softmax(values),
        letter_mass=mass,
        shots=scores.shots,
        prompt=scores.context if keep_prompt else None,
        unlisted_mass=None if unlisted is None else min(unlisted, 1 - (mass or 0.0)),
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
