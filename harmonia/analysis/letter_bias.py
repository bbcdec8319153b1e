"""How much a model's answers follow the letters instead of what stands at them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import pstdev

import numpy as np
from numpy.typing import NDArray

from harmonia.analysis.answers import Answers
from harmonia.analysis.chance import unbiased_rstd
from harmonia.columns import Count, Share
from harmonia.prompts import LETTERS
from harmonia.types import Belief


@dataclass(frozen=True, kw_only=True)
class LetterSummary:
    """How much a model's answers follow the letters.

    Attributes:
        n: Questions.
        rstd: Standard deviation of the letters' recalls (RStd).
        rstd_null: Its mean for an unbiased answerer of the same accuracy (`chance.py`).
        rstd_null_95: The 95 % point of the same.
        letter_mass: Mean share of the vocabulary's probability on the letters; empty where not known.
    """

    n: Count
    rstd: Share
    rstd_null: Share
    rstd_null_95: Share
    letter_mass: Share | None


@dataclass(frozen=True, kw_only=True)
class LetterBias(LetterSummary):
    """The same, letter by letter: tuples run over the letters from A, as many as any item has.

    Places are those of the item's own order, also where an item was asked in another. Asking
    in random orders hides a taste for a letter from `rstd` and `answered`, not from `prior`.
    RStd is that of Zheng et al. 2024 over the letters that are ever right, 0 to 0.5
    (population form; they print it in percent).

    Attributes:
        recall: Share answered right of the items whose right answer is the letter; None
            for a letter that is never right.
        right: Share of the items whose right answer is the letter.
        answered: Share of the items that are answered with it.
        prior: Mean probability of the letter as it was asked, before any correction and
            whatever stood at it, over the items that have it; None where letters were
            not scored (`cloze`).
    """

    recall: tuple[float | None, ...]
    right: tuple[float, ...]
    answered: tuple[float, ...]
    prior: tuple[float, ...] | None


def letter_bias(answers: Answers | Sequence[Belief]) -> LetterBias:
    """Summarise the letters of one probe or evaluation.

    Raises:
        InputError: There are no answers.
    """
    if not isinstance(answers, Answers):
        answers = Answers.of(answers)
    n, places = len(answers), answers.probs_I_C.shape[1]
    right_C = np.bincount(answers.gold_I, minlength=places)
    found_C = np.bincount(answers.gold_I[answers.correct_I], minlength=places)
    recall = [int(found) / int(all_) if all_ else None for found, all_ in zip(found_C, right_C, strict=True)]
    null, null_95 = unbiased_rstd(right_C, int(found_C.sum()))
    return LetterBias(
        n=n,
        rstd_null=null,
        rstd_null_95=null_95,
        rstd=pstdev([share for share in recall if share is not None]),
        recall=tuple(recall),
        right=_shares(right_C, n),
        answered=_shares(np.bincount(answers.pred_I, minlength=places), n),
        prior=_prior(answers),
        letter_mass=answers.letter_mass,
    )


def by_letter(shares: Sequence[float | None] | None) -> str:
    """Shares as a person reads them: `A .31  B .22`; `-` for none."""
    if shares is None:
        return "-"
    named = zip(LETTERS, shares, strict=False)
    return "  ".join(f"{letter} {'-' if share is None else f'{share:.2f}'}" for letter, share in named)


def _shares(count_C: NDArray[np.int64], n: int) -> tuple[float, ...]:
    return tuple(int(count) / n for count in count_C)


def _prior(answers: Answers) -> tuple[float, ...] | None:
    if np.isnan(answers.asked_I_C).any():
        return None
    # An item of fewer options has probability 0 beyond them and counts for none of those letters.
    has_C = (np.arange(answers.asked_I_C.shape[1]) < answers.options_I[:, None]).sum(axis=0)
    total_C = answers.asked_I_C.sum(axis=0)
    return tuple(float(total / have) for total, have in zip(total_C, has_C, strict=True))
