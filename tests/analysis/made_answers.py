"""Answers and beliefs made up for the tests of the analysis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from harmonia.analysis import Answers, Place, RunAnswers
from harmonia.types import Belief, Item, Method


def belief(name: str, probs: Sequence[float], answer: int, *, domain: str = "d", **fields: Any) -> Belief:
    choices = tuple("vwxyz"[: len(probs)])
    return belief_in(
        Item(id=name, domain=domain, question="?", choices=choices, answer=answer), probs, **fields
    )


def belief_in(item: Item, probs: Sequence[float], **fields: Any) -> Belief:
    """What a model believes of an item."""
    pred = list(probs).index(max(probs))
    about: dict[str, Any] = {
        "letter_mass": None,
        "form": "icl5",
        "method": "letter",
        "preset": "corrected",
        **fields,
    }
    return Belief(
        item=item,
        probs=tuple(probs),
        pred=pred,
        confidence=max(probs),
        correct=pred == item.answer,
        **about,
    )


def answers(
    correct: Sequence[bool] | np.ndarray, *, sure: float = 0.7, prefix: str = "item", domain: str = "d"
) -> Answers:
    """Answers to items of three options, the first of them right, with a given correctness."""
    rest = (1 - sure) / 3
    right, wrong = (sure, 2 * rest, rest), (2 * rest, sure, rest)
    return Answers.of(
        [
            belief(f"{prefix}{n:05d}", right if good else wrong, 0, domain=domain)
            for n, good in enumerate(correct)
        ]
    )


def run(
    found: Mapping[tuple[str, str, int | None, str, str], Answers],
    *,
    readout: Method = "letter",
    model: str = "m" * 64,
    name: str = "run",
) -> RunAnswers:
    """A run of answers by (domain, group, seed, form, suite), all read out by one method."""
    return RunAnswers(
        name=name,
        model=model,
        probe_form="icl5",
        method="letter",
        answers={
            Place(domain=domain, group=group, seed=seed, form=form, readout=readout, suite=suite): one
            for (domain, group, seed, form, suite), one in found.items()
        },
    )
