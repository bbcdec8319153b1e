"""How far a run's answers can be trusted: letters, calibration, and how steady beliefs are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

from harmonia.analysis import Answers, Place, RunAnswers, categories
from harmonia.analysis.calibration import Calibration, calibration_of
from harmonia.analysis.consistency import CATEGORIES
from harmonia.analysis.letter_bias import letter_bias
from harmonia.analysis.run_answers import BASE
from harmonia.files import write_csv
from harmonia.probe import read_beliefs
from harmonia.prompts import LETTERS
from harmonia.types import Belief

__all__ = ["PROBE", "TRUST_OUTPUTS", "write_trust"]

TRUST_OUTPUTS = ("beliefs.csv", "letters.csv", "calibration.csv", "reliability.csv")

PROBE = "probe"
"""What stands for the items whose beliefs were taken where a suite is named."""

_KEY = ("domain", "group", "seed", "form", "suite")
_LETTERS = (*_KEY, "n", "rstd", "recall", "right", "answered", "prior", "letter_mass")
_CALIBRATION = (*_KEY, "n", "ece", "brier")
_RELIABILITY = (*_KEY, "bin", "n", "confidence", "right", "right_low", "right_high")
_BELIEFS = ("domain", "form", "n", "draws", *CATEGORIES, "agreement", "right_rate")


def write_trust(run: Path, answers: RunAnswers, *, threshold: float) -> None:
    """Write `TRUST_OUTPUTS` into a run directory.

    Args:
        run: The run directory, with the beliefs of the probe where there are any.
        answers: What its models answered.
        threshold: Confidence above which a belief taken with one draw is known or conflicting.
    """
    probed = {
        domain: read_beliefs(path)
        for domain in answers.domains
        if (path := run / "beliefs" / f"{domain}.parquet").is_file()
    }
    beliefs = [_beliefs(domain, found, threshold) for domain, found in probed.items()]
    write_csv(run / "beliefs.csv", beliefs, _BELIEFS)
    asked = {_place(domain, found): Answers.of(found) for domain, found in probed.items()}
    asked |= answers.answers
    write_csv(run / "letters.csv", list(_letters(asked)), _LETTERS)
    calibrations = {place: calibration_of(found) for place, found in asked.items()}
    write_csv(run / "calibration.csv", list(_calibration(calibrations)), _CALIBRATION)
    write_csv(run / "reliability.csv", list(_reliability(calibrations)), _RELIABILITY)


def _place(domain: str, beliefs: Sequence[Belief]) -> Place:
    return Place(domain=domain, group=BASE, seed=None, form=beliefs[0].form, suite=PROBE)


def _beliefs(domain: str, beliefs: Sequence[Belief], threshold: float) -> dict[str, Any]:
    found = list(categories(Answers.of(beliefs), threshold))
    draws = beliefs[0].draws or 1
    several = draws > 1
    return {
        "domain": domain,
        "form": beliefs[0].form,
        "n": len(beliefs),
        "draws": draws,
        **{category: found.count(category) for category in CATEGORIES},
        "agreement": fmean(belief.agreement or 0.0 for belief in beliefs) if several else "",
        "right_rate": fmean(belief.right_rate or 0.0 for belief in beliefs) if several else "",
    }


def _letters(asked: Mapping[Place, Answers]) -> Iterator[dict[str, Any]]:
    for place, found in asked.items():
        bias = letter_bias(found)
        if bias.prior is None:  # `cloze` asks for no letters
            continue
        yield {
            **_key(place),
            "n": bias.n,
            "rstd": bias.rstd,
            "recall": _by_letter(bias.recall),
            "right": _by_letter(bias.right),
            "answered": _by_letter(bias.answered),
            "prior": _by_letter(bias.prior),
            "letter_mass": "" if bias.letter_mass is None else bias.letter_mass,
        }


def _calibration(found: Mapping[Place, Calibration]) -> Iterator[dict[str, Any]]:
    for place, one in found.items():
        yield {**_key(place), "n": one.n, "ece": one.ece, "brier": one.brier}


def _reliability(found: Mapping[Place, Calibration]) -> Iterator[dict[str, Any]]:
    for place, one in found.items():
        for number, items in enumerate(one.bins, start=1):
            yield {**_key(place), "bin": number, **asdict(items)}


def _key(place: Place) -> dict[str, Any]:
    return {**asdict(place), "seed": "" if place.seed is None else place.seed}


def _by_letter(shares: Sequence[float | None]) -> str:
    """`A=0.310 B=0.220`, as `confounds.csv` writes it; a letter without a share is left out."""
    named = zip(LETTERS, shares, strict=False)
    return " ".join(f"{letter}={share:.4f}" for letter, share in named if share is not None)
