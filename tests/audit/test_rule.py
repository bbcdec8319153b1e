"""The rule, case by case."""

from __future__ import annotations

import pytest

from harmonia.audit.rule import Signals, category_of, in_doubt
from harmonia.audit.settings import RuleSettings

SURE = {"trained": 0.9, "conflict": 0.0, "confident": False, "entropy": 0.3}
FIGHTS = {"trained": 0.01, "conflict": 0.9, "confident": True, "entropy": 0.3}
OPEN = {"trained": 0.05, "conflict": 0.1, "confident": False, "entropy": 2.3}


@pytest.mark.parametrize(
    ("signals", "category"),
    [
        ({**SURE, "stakes": 0}, "form"),
        ({**FIGHTS, "stakes": 0}, "form"),
        (SURE, "known"),
        (FIGHTS, "conflicting"),
        (OPEN, "unknown"),
        ({**OPEN, "entropy": 0.5}, "uncertain"),
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
    ],
)
def test_signals_give_a_category(signals, category) -> None:
    assert category_of(Signals(**{"stakes": 1, **signals}), RuleSettings()) == category


def test_only_rows_that_are_neither_known_nor_form_are_in_doubt() -> None:
    rule = RuleSettings()
    found = [in_doubt(Signals(stakes=1, **one), rule) for one in (SURE, FIGHTS, OPEN)]
    assert found == [False, True, True]


def test_thresholds_are_settings() -> None:
    strict = RuleSettings(known=0.95, conflicting=0.95)
    assert category_of(Signals(stakes=1, **SURE), strict) == "uncertain"
    assert category_of(Signals(stakes=1, **FIGHTS), strict) == "uncertain"
