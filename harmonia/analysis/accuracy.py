"""Accuracy of one model on one suite, with its interval."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import binomtest

from harmonia.errors import InputError
from harmonia.types import Belief


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """How often a model was right.

    Attributes:
        n: Items.
        correct: Items answered rightly.
        accuracy: Their share (micro).
        accuracy_low: Lower end of its 95 % Wilson interval, items as the sample.
        accuracy_high: Upper end.
        accuracy_macro: Mean over the items' domains (MMLU's subjects) of the share
            right in each.
        confidence: Mean probability of the option answered.
        letter_mass: Mean share of the vocabulary's probability on the letters; None
            for `cloze`.
    """

    n: int
    correct: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    accuracy_macro: float
    confidence: float
    letter_mass: float | None


def accuracy_of(beliefs: Sequence[Belief]) -> Accuracy:
    """Summarise a model's answers to one suite.

    Raises:
        InputError: There are no answers.
    """
    if not beliefs:
        raise InputError("no predictions to take an accuracy of", remedy="Evaluate at least one item.")
    correct = sum(belief.correct for belief in beliefs)
    interval = binomtest(correct, len(beliefs)).proportion_ci(method="wilson")
    by_domain: dict[str, list[bool]] = defaultdict(list)
    for belief in beliefs:
        by_domain[belief.item.domain].append(belief.correct)
    masses = [belief.letter_mass for belief in beliefs if belief.letter_mass is not None]
    return Accuracy(
        n=len(beliefs),
        correct=correct,
        accuracy=correct / len(beliefs),
        accuracy_low=float(interval.low),
        accuracy_high=float(interval.high),
        accuracy_macro=sum(sum(right) / len(right) for right in by_domain.values()) / len(by_domain),
        confidence=sum(belief.confidence for belief in beliefs) / len(beliefs),
        letter_mass=sum(masses) / len(masses) if masses else None,
    )
