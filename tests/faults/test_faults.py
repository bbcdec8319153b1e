"""A seeded share of the trials of `make faults`; the whole is in docs/faults.md."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from bad_inputs import Case, cases
from bad_models import models
from trials import asked, tried

SHARE = 8
"""One of so many is tried here."""


@pytest.mark.slow
def test_bad_inputs_are_refused_in_words(tmp_path: Path) -> None:
    chosen: list[Case] = random.Random(0).sample(cases(), len(cases()) // SHARE)
    lost = [said for place, case in enumerate(chosen) if (said := tried(case, tmp_path / str(place)))]
    assert not lost, "\n".join(lost)


def test_the_corpus_is_whole() -> None:
    names = [case.name for case in cases()]
    assert len(names) >= 440
    assert [case.name for case in cases()] == names
    assert len(models()) >= 90


@pytest.mark.slow
def test_bad_models_are_refused_in_words(tiny: Any, tmp_path: Path) -> None:
    whole = Path(tiny("llama").path)
    chosen = random.Random(0).sample(models(), len(models()) // SHARE)
    lost = [said for place, bad in enumerate(chosen) if (said := asked(bad, whole, tmp_path / str(place)))]
    assert not lost, "\n".join(lost)
