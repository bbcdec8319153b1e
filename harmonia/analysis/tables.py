"""The rows of a run's result tables; `TABLES` has them all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harmonia.analysis.accuracy import Accuracy
from harmonia.analysis.calibration import Bin, Calibration
from harmonia.analysis.consistency import Consistency
from harmonia.analysis.differences import Difference
from harmonia.analysis.fit import TrainingFit
from harmonia.analysis.letter_bias import LetterSummary
from harmonia.analysis.mixed_models import MixedModelRow
from harmonia.analysis.readouts import Losses
from harmonia.analysis.run_answers import Place, Who
from harmonia.columns import Count, Share, Table
from harmonia.data.leakage import Overlap
from harmonia.groups.confounds import CONFOUNDS, TARGET_LETTERS
from harmonia.types import Method

FOLDER = "tables"
"""Where a run's tables lie."""

PROBE = "probe"
"""What stands for the items whose beliefs were taken where a suite is named."""


@dataclass(frozen=True, kw_only=True)
class ResultRow(Accuracy, Place):
    """Accuracy of one model on one suite in one form."""


@dataclass(frozen=True, kw_only=True)
class Compared(Who):
    """Which two answers to the same questions are compared; the model is the one after.

    Attributes:
        readout: Method that both were read out by.
        suite: What was asked.
        before_form: Form in which the model before was asked.
        after_form: Form in which the model after was asked.
        before_model: `base`, or `tuned` where a tuned model is compared with itself in the probe's form.
    """

    readout: Method
    suite: str
    before_form: str
    after_form: str
    before_model: str


@dataclass(frozen=True, kw_only=True)
class ConsistencyRow(Consistency, Compared):
    """What changed between two models, or two forms of one, on the same questions."""


@dataclass(frozen=True, kw_only=True)
class FitRow(TrainingFit, Who):
    """Whether a tuned model learned the rows that it was trained on."""


@dataclass(frozen=True, kw_only=True)
class LossRow(Losses, Place):
    """What a tuned model lost by the probe's method, asked in `form`, and by another, `readout`.

    Attributes:
        other_form: Form in which the other method is asked of the tuned model.
    """

    other_form: str


@dataclass(frozen=True, kw_only=True)
class BeliefsRow:
    """What a domain's beliefs are, and how steady over draws of demonstrations.

    Attributes:
        domain: The domain.
        form: How they were asked.
        n: Questions probed.
        draws: Draws of demonstrations.
        known: Questions that the base model knows.
        conflicting: Questions that it is sure and wrong about.
        uncertain: Questions that it is not sure about.
        borderline: Questions whose answer or level rounding could change; empty where none was looked at.
        agreement: Mean share of the draws that say what the belief says; empty for one draw.
        right_rate: Mean share of the draws that are right; empty for one draw.
    """

    domain: str
    form: str
    n: Count
    draws: Count
    known: Count
    conflicting: Count
    uncertain: Count
    borderline: Count | None
    agreement: Share | None
    right_rate: Share | None


@dataclass(frozen=True, kw_only=True)
class LetterBiasRow(LetterSummary, Place):
    """How much a model's answers follow the letters."""


@dataclass(frozen=True, kw_only=True)
class LetterRow(Place):
    """One letter in a model's answers.

    Attributes:
        letter: The letter.
        recall: Share answered right of the questions whose right answer it is; empty if there are none.
        right: Share of the questions whose right answer it is.
        answered: Share of the questions answered with it.
        prior: Mean probability of the letter as it was asked, whatever stood at it.
    """

    letter: str
    recall: Share | None
    right: Share
    answered: Share
    prior: Share


@dataclass(frozen=True, kw_only=True)
class CalibrationRow(Calibration, Place):
    """How far a model's confidence can be taken at its word."""


@dataclass(frozen=True, kw_only=True)
class ReliabilityRow(Bin, Place):
    """Questions of like confidence: one point of a reliability diagram.

    Attributes:
        bin: Number of the bin, from the least confident.
    """

    bin: Count


_ASKED = ("domain", "group", "seed", "form", "readout", "suite")

RESULTS = Table(name="results", row=ResultRow, key=_ASKED)
CONSISTENCY = Table(
    name="consistency",
    row=ConsistencyRow,
    key=("domain", "group", "seed", "readout", "suite", "before_model", "before_form", "after_form"),
)
DIFFERENCES = Table(
    name="differences",
    row=Difference,
    key=("scope", "domain", "suite", "form", "readout", "left", "right", "seed"),
)
FIT = Table(name="fit", row=FitRow, key=("domain", "group", "seed"))
LOST = Table(name="lost", row=LossRow, key=(*_ASKED, "other_form"))
BELIEFS = Table(name="beliefs", row=BeliefsRow, key=("domain",))
LETTER_BIAS = Table(name="letter_bias", row=LetterBiasRow, key=_ASKED)
LETTERS = Table(name="letters", row=LetterRow, key=(*_ASKED, "letter"))
CALIBRATION = Table(name="calibration", row=CalibrationRow, key=_ASKED)
RELIABILITY = Table(name="reliability", row=ReliabilityRow, key=(*_ASKED, "bin"))
MIXED_MODELS = Table(
    name="mixed_models", row=MixedModelRow, key=("model", "suite", "readout", "left", "right", "term")
)
LEAKAGE = Table(
    name="leakage",
    row=Overlap,
    key=tuple(f"{side}{part}" for side in ("left", "right") for part in ("_domain", "_role", "", "_id")),
)

ANALYSED: tuple[Table[Any], ...] = (
    *(RESULTS, FIT, LOST, CONSISTENCY, DIFFERENCES, BELIEFS, LETTER_BIAS, LETTERS, CALIBRATION, RELIABILITY),
    *(CONFOUNDS, TARGET_LETTERS),
)
"""The tables that an analysis writes."""

TABLES = (*ANALYSED, LEAKAGE, MIXED_MODELS)
"""All tables: of a run, and of several runs that are judged together."""
