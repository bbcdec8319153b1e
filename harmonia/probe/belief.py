"""One item's scores -> its belief."""

from __future__ import annotations

import math

from harmonia.prompts.template import PRESET
from harmonia.types import Belief, Item, Method, Normalisation, Scores


def belief_of(
    item: Item,
    scores: Scores,
    *,
    form: str,
    method: Method,
    normalisation: Normalisation = "raw",
    keep_prompt: bool = False,
) -> Belief:
    """Turn log-likelihoods into a distribution over the options.

    For `letter` the probabilities are the softmax over the letters' logits, which is
    their share of the letters' mass; for `cloze` the softmax over the options'
    log-likelihoods, each divided by its length in the unit chosen.

    Args:
        item: The item asked.
        scores: Its scores.
        form: How it was asked.
        method: What was scored.
        normalisation: Unit of length for `cloze`; `raw` divides by nothing.
        keep_prompt: Keep the scored text in the belief.
    """
    values = scores.logprobs
    if method == "cloze" and normalisation != "raw":
        units = scores.n_chars if normalisation == "char" else scores.n_tokens
        values = tuple(value / unit for value, unit in zip(values, units, strict=True))
    probs = _softmax(values)
    pred = probs.index(max(probs))
    return Belief(
        item=item,
        probs=probs,
        pred=pred,
        confidence=probs[pred],
        correct=pred == item.answer,
        letter_mass=min(1.0, math.fsum(math.exp(value) for value in values)) if method == "letter" else None,
        form=form,
        method=method,
        preset=PRESET,
        normalisation=normalisation if method == "cloze" else None,
        shots=scores.shots,
        prompt=scores.context if keep_prompt else None,
    )


def _softmax(values: tuple[float, ...]) -> tuple[float, ...]:
    top = max(values)
    weights = [math.exp(value - top) for value in values]
    total = math.fsum(weights)
    return tuple(weight / total for weight in weights)
