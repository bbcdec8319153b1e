"""Accuracy of one model on one suite, with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harmonia.analysis.agreement import entropy
from harmonia.analysis.answers import Answers, per_item
from harmonia.columns import Count, Nats, Share
from harmonia.probe.stability import shares
from harmonia.types import Belief


@dataclass(frozen=True, kw_only=True)
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
        entropy: Mean entropy of the options' probabilities.
        letter_mass: Mean share of the vocabulary's probability on the letters; None
            for `cloze`.
        chance: What guessing gives: mean of 1/options.
    """

    n: Count
    correct: Count
    accuracy: Share
    accuracy_low: Share
    accuracy_high: Share
    accuracy_macro: Share
    confidence: Share
    entropy: Nats
    letter_mass: Share | None
    chance: Share

    @property
    def at_chance(self) -> bool:
        """Whether the interval holds what guessing gives: the accuracy cannot be told from chance."""
        return self.accuracy_low <= self.chance <= self.accuracy_high


def accuracy_of(answers: Answers | Sequence[Belief]) -> Accuracy:
    """Summarise a model's answers to one suite.

    Raises:
        InputError: There are no answers.
    """
    if not isinstance(answers, Answers):
        answers = Answers.of(answers)
    n, correct = len(answers), int(answers.correct_I.sum())
    # As text: np.unique of Python strings compares them one by one.
    _, domain_I = np.unique(answers.domains_I.astype(str), return_inverse=True)
    by_domain = np.bincount(domain_I, weights=answers.correct_I) / np.bincount(domain_I)
    return Accuracy(
        n=n,
        correct=correct,
        **shares("accuracy", correct, n),
        accuracy_macro=float(by_domain.mean()),
        confidence=float(answers.confidence_I.mean()),
        entropy=float(per_item(entropy, answers).mean()),
        letter_mass=answers.letter_mass,
        chance=float((1 / answers.options_I).mean()),
    )
