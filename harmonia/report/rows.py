"""Rows of the tables on what a run's answers are worth: letters, calibration, beliefs, overlaps."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PROBE", "Bin", "Calibrated", "Letters", "Overlapping", "Probed"]

PROBE = "probe"
"""What stands for the items whose beliefs were taken where a suite is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letters:
    """A row of `letters.csv`: how a model's answers follow the letters.

    `right`, `answered` and `prior` are shares by letter, as `A=0.310 B=0.220`.
    """

    domain: str
    group: str
    seed: int | None
    form: str
    suite: str
    n: int
    rstd: float
    right: str
    answered: str
    prior: str
    letter_mass: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """A row of `calibration.csv`: how far a model's confidence can be taken at its word."""

    domain: str
    group: str
    seed: int | None
    form: str
    suite: str
    n: int
    ece: float
    brier: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """A row of `reliability.csv`: items of like confidence; shares are 0 to 1."""

    domain: str
    group: str
    seed: int | None
    form: str
    suite: str
    bin: int
    n: int
    confidence: float
    right: float
    right_low: float
    right_high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """A row of `beliefs.csv`: what a domain's beliefs are, and how steady over draws."""

    domain: str
    form: str
    n: int
    draws: int
    known: int
    conflicting: int
    uncertain: int
    agreement: float | None
    right_rate: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlapping:
    """A row of `leakage.csv`: a question that a model is shown and asked."""

    kind: str
    left_domain: str
    left_role: str
    left: str
    left_id: str
    right_domain: str
    right_role: str
    right: str
    right_id: str
    text: str
