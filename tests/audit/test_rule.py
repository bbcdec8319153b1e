"""The rule, case by case."""

from __future__ import annotations

import math

import pytest

from harmonia.audit.rule import Signals, category_of, in_doubt
from harmonia.audit.settings import RuleSettings

SURE = {"trained": 0.9, "gap": 0.0, "confident": False, "entropy": 0.3}
FIGHTS = {"trained": 0.01, "gap": 0.9, "confident": True, "entropy": 0.3}
OPEN = {"trained": 0.05, "gap": 0.1, "confident": False, "entropy": 2.3}


@pytest.mark.parametrize(
    ("signals", "category"),
    [
        ({**SURE, "stakes": 0}, "form"),
        ({**FIGHTS, "stakes": 0}, "form"),
        (SURE, "known"),
        (FIGHTS, "conflicting"),
        (OPEN, "unknown"),
        ({**OPEN, "entropy": 0.5}, "uncertain"),
        # Rarely said, but as likely as anything that the model would say there: e^2.3 is 10.
        ({**OPEN, "trained": 0.16}, "known"),
        ({**OPEN, "trained": 0.14}, "unknown"),
        # Another word is likelier, but the model is not sure of it.
        ({**FIGHTS, "confident": False}, "uncertain"),
        # The model says it itself.
        ({**FIGHTS, "agreement": 0.75, "steady": 0.75}, "known"),
        ({**OPEN, "agreement": 0.5, "steady": 0.5}, "known"),
        # It expects another word here, but has no steady answer.
        ({**FIGHTS, "agreement": 0.0, "steady": 0.25}, "unknown"),
        ({**FIGHTS, "agreement": 0.25, "steady": 0.75}, "conflicting"),
        # It always says something else, though it is not sure in the row's own sentence.
        ({**OPEN, "agreement": 0.0, "steady": 1.0}, "conflicting"),
        ({**OPEN, "agreement": 0.0, "steady": 0.75}, "unknown"),
        # What it always says is a part of the row's answer: nothing else.
        ({**OPEN, "agreement": 0.0, "steady": 1.0, "contained": True}, "uncertain"),
        ({**OPEN, "agreement": 0.0, "steady": 0.75, "contained": True}, "unknown"),
        ({**FIGHTS, "agreement": 0.0, "steady": 1.0, "contained": True}, "uncertain"),
    ],
)
def test_signals_give_a_category(signals, category) -> None:
    assert category_of(Signals(**{"stakes": 1, **signals}), RuleSettings()) == category


def test_conflict_by_hand() -> None:
    # A quarter, where the model chooses evenly among nine words: 1 - sqrt(1/4 * 9/4) = 1/4.
    open_row = {"stakes": 1, "trained": 0.25, "gap": 0.0, "confident": False, "entropy": math.log(9)}
    assert Signals(**open_row).likelihood == pytest.approx(9 / 4)
    assert Signals(**open_row).conflict == pytest.approx(1 / 4)
    # One in a hundred, where it is sure: sqrt(.01 * .01).
    sure = {**open_row, "trained": 0.01, "entropy": 0.0}
    assert Signals(**sure).conflict == pytest.approx(0.99)
    # Answers of its own, a quarter of which agree; then all say one other thing.
    assert Signals(**sure, agreement=0.25, steady=0.5).conflict == pytest.approx(0.75 * 0.99)
    assert Signals(**open_row, agreement=0.0, steady=1.0).conflict == 1
    assert Signals(**open_row, agreement=0.0, steady=1.0, contained=True).conflict == pytest.approx(1 / 4)
    # Not less than nothing, where the words are likelier than all that it would say on average.
    assert Signals(**{**open_row, "trained": 0.9}).conflict == 0


def test_only_rows_that_are_neither_known_nor_form_are_in_doubt() -> None:
    rule = RuleSettings()
    found = [in_doubt(Signals(stakes=1, **one), rule) for one in (SURE, FIGHTS, OPEN)]
    assert found == [False, True, True]


def test_thresholds_are_settings() -> None:
    strict = RuleSettings(known=0.95, conflicting=0.95, likely=2)
    assert category_of(Signals(stakes=1, **SURE), strict) == "uncertain"
    assert category_of(Signals(stakes=1, **FIGHTS), strict) == "uncertain"
