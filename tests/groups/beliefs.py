"""Beliefs made to measure."""

from __future__ import annotations

from harmonia.types import Belief, Item


def make_belief(
    name: str,
    *,
    answer: int = 0,
    pred: int = 0,
    confidence: float = 0.7,
    question: str = "",
    explanation: str = "",
    **fields: object,
) -> Belief:
    """A belief about a question of four options."""
    rest = (1 - confidence) / 3
    return Belief(
        item=Item(
            id=name,
            domain="law",
            question=question or f"Question {name}?",
            choices=tuple(f"{name} option {k}" for k in range(4)),
            answer=answer,
            explanation=explanation,
        ),
        probs=tuple(confidence if k == pred else rest for k in range(4)),
        pred=pred,
        confidence=confidence,
        correct=pred == answer,
        letter_mass=0.9,
        form="icl5",
        method="letter",
        preset="corrected",
        **fields,
    )
