"""Letter bias of six beliefs, worked by hand."""

from __future__ import annotations

import math

import made_answers
import pytest

from harmonia.analysis.letter_bias import by_letter, letter_bias
from harmonia.errors import InputError
from harmonia.types import Belief


def belief(answer: int, probs: tuple[float, ...], letter_mass: float | None = 0.5, **fields) -> Belief:
    return made_answers.belief("q", probs, answer, letter_mass=letter_mass, **fields)


SIX = (
    belief(0, (0.7, 0.2, 0.1)),  # right
    belief(0, (0.6, 0.1, 0.3)),  # right
    belief(1, (0.8, 0.1, 0.1)),  # answers A
    belief(1, (0.1, 0.7, 0.2), letter_mass=0.9),  # right
    belief(0, (0.4, 0.6), letter_mass=0.1),  # two options: answers B
    belief(0, (0.9, 0.1), letter_mass=None),  # right
)


def test_six_by_hand():
    found = letter_bias(SIX)
    assert found.n == 6
    assert found.right == pytest.approx((4 / 6, 2 / 6, 0))
    assert found.answered == pytest.approx((4 / 6, 2 / 6, 0))
    # A is right four times and answered three of them; B twice and once; C never.
    assert found.recall == (0.75, 0.5, None)
    assert found.rstd == pytest.approx(0.125)
    assert found.prior == pytest.approx((3.5 / 6, 1.8 / 6, 0.7 / 4))
    assert found.letter_mass == pytest.approx(2.5 / 5)
    assert by_letter(found.recall) == "A 0.75  B 0.50  C -"


def test_the_prior_is_of_the_letters_as_they_were_asked():
    # Asked with the two options in the other order: letter A had .3.
    asked = belief(0, (0.7, 0.3), asked_probs=(0.3, 0.7))
    found = letter_bias([asked])
    assert found.prior == (0.3, 0.7)
    assert (found.answered, found.recall) == ((1.0, 0.0), (1.0, None))


def test_a_model_of_one_letter():
    always = [belief(answer, (0.97, 0.01, 0.01, 0.01)) for answer in range(4)]
    found = letter_bias(always)
    assert (found.recall, found.answered) == ((1.0, 0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0))
    assert found.rstd == pytest.approx(math.sqrt(3) / 4)


def test_texts_have_no_letters():
    found = letter_bias(
        [
            belief(0, (0.7, 0.3), letter_mass=None, method="cloze"),
            belief(1, (0.4, 0.6), letter_mass=None, method="cloze"),
        ]
    )
    assert (found.prior, found.letter_mass, found.rstd) == (None, None, 0.0)
    assert by_letter(found.prior) == "-"


def test_nothing_is_refused():
    with pytest.raises(InputError, match="no answers"):
        letter_bias([])
