"""How much a model's answers follow the letters instead of what stands at them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import pstdev

from harmonia.errors import InputError
from harmonia.prompts import LETTERS
from harmonia.types import Belief


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterBias:
    """A model's letters over some items. Tuples run over the letters from A, as many as any item has.

    Places are those of the item's own order, also where an item was asked in another: asking
    in random orders hides a taste for a letter from `rstd` and `answered`, not from `prior`.

    Attributes:
        n: Items.
        rstd: Standard deviation of `recall` over the letters that are ever right, 0 to
            0.5 (RStd, Zheng et al. 2024: population form; they print it in percent).
        recall: Share answered right of the items whose right answer is the letter; None
            for a letter that is never right.
        right: Share of the items whose right answer is the letter.
        answered: Share of the items that are answered with it.
        prior: Mean probability of the letter as it was asked, before any correction and
            whatever stood at it, over the items that have it; None where letters were
            not scored (`cloze`).
        letter_mass: Mean share of the vocabulary's probability on the letters; None where
            it is not known.
    """

    n: int
    rstd: float
    recall: tuple[float | None, ...]
    right: tuple[float, ...]
    answered: tuple[float, ...]
    prior: tuple[float, ...] | None
    letter_mass: float | None


def letter_bias(beliefs: Sequence[Belief]) -> LetterBias:
    """Summarise the letters of one probe or evaluation.

    Raises:
        InputError: There are no beliefs.
    """
    if not beliefs:
        raise InputError("there are no beliefs to look at")
    places = range(max(len(belief.item.choices) for belief in beliefs))
    right = [[belief for belief in beliefs if belief.item.answer == place] for place in places]
    recall = [sum(b.correct for b in group) / len(group) if group else None for group in right]
    masses = [belief.letter_mass for belief in beliefs if belief.letter_mass is not None]
    return LetterBias(
        n=len(beliefs),
        rstd=pstdev([share for share in recall if share is not None]),
        recall=tuple(recall),
        right=tuple(len(group) / len(beliefs) for group in right),
        answered=tuple(sum(b.pred == place for b in beliefs) / len(beliefs) for place in places),
        prior=_prior(beliefs, places),
        letter_mass=math.fsum(masses) / len(masses) if masses else None,
    )


def by_letter(shares: Sequence[float | None] | None) -> str:
    """Shares as a person reads them: `A .31  B .22`; `-` for none."""
    if shares is None:
        return "-"
    named = zip(LETTERS, shares, strict=False)
    return "  ".join(f"{letter} {'-' if share is None else f'{share:.2f}'}" for letter, share in named)


def _prior(beliefs: Sequence[Belief], places: range) -> tuple[float, ...] | None:
    if any(belief.method == "cloze" for belief in beliefs):
        return None
    # Records of other probes do not say what was asked: their probabilities are it.
    asked = [belief.asked_probs or belief.probs for belief in beliefs]
    columns = [[probs[place] for probs in asked if len(probs) > place] for place in places]
    return tuple(math.fsum(column) / len(column) for column in columns)
