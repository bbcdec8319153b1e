"""The files of a run directory as values: what is read of the manifest, tables and curves.

Fields that a newer harmonia adds are passed over.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from harmonia.report.rows import Bin, Calibrated, Letters, Overlapping, Probed


class _Read(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Model(_Read):
    """The base model that was asked."""

    path: str | None = None
    gguf_file: str | None = None
    hash: str | None = None
    tokenizer_hash: str | None = None
    dtype: str | None = None


class AnswerToken(_Read):
    """The token at which a letter's probability was read."""

    id: int
    token: str


class DataFile(_Read):
    """A file of questions, and what of it was left out."""

    file: str
    sha256: str | None = None
    items: int | None = None
    skipped: int | None = None
    repeated: int | None = None


class Stage(_Read):
    """What became of one stage; `reason` says why it has no result."""

    status: Literal["done", "not_computed"]
    reason: str | None = None
    notes: tuple[str, ...] = ()


class Manifest(_Read):
    """How a run was made. All but the name may be missing from a run that has just begun."""

    name: str
    harmonia: str | None = None
    versions: dict[str, str | None] = Field(default_factory=dict)
    command: tuple[str, ...] = ()
    git_commit: str | None = None
    seeds: tuple[int, ...] = ()
    model: Model | None = None
    preset: str | None = None
    method: str | None = None
    template_hash: str | None = None
    answer_tokens: dict[str, dict[str, AnswerToken]] | None = None
    machine: dict[str, Any] = Field(default_factory=dict)
    data: dict[str, DataFile] = Field(default_factory=dict)
    stages: dict[str, Stage] = Field(default_factory=dict)


class Group(_Read):
    """Size, targets and explanations of one training set."""

    rows: int
    target_letters: dict[str, int] = Field(default_factory=dict)
    explanations: int | None = None


class GroupsSummary(_Read):
    """What the grouping of one domain's beliefs gave."""

    beliefs: int
    confident: int
    found_right: int
    found_wrong: int
    threshold: float
    size: int | None = None
    general: int | None = None
    groups: dict[str, Group]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A row of `results.csv`: one model on one suite in one form; shares are 0 to 1."""

    domain: str
    group: str
    seed: int | None
    form: str
    suite: str
    n: int
    correct: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    accuracy_macro: float | None
    confidence: float | None
    letter_mass: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A row of `consistency.csv`: a model in one form against a model in another.

    `before_model` is `base`, or `tuned` where a tuned model is compared with itself. Counts
    that begin with a category are of the questions that the base model knows, is wrong about
    or is uncertain of. What a table written before has no column for is None.
    """

    domain: str
    group: str
    seed: int | None
    suite: str
    before_form: str
    after_form: str
    n: int
    accuracy_before: float
    accuracy_after: float
    rank_agreement: float
    kl: float
    kl_reverse: float
    js: float
    kept: int
    lost: int
    gained: int
    never: int
    before_model: str = "base"
    rank_agreement_low: float | None = None
    rank_agreement_high: float | None = None
    spearman: float | None = None
    kendall: float | None = None
    entropy_before: float | None = None
    entropy_after: float | None = None
    entropy_change: float | None = None
    entropy_change_low: float | None = None
    entropy_change_high: float | None = None
    known_kept: int | None = None
    known_lost: int | None = None
    known_gained: int | None = None
    known_never: int | None = None
    conflicting_kept: int | None = None
    conflicting_lost: int | None = None
    conflicting_gained: int | None = None
    conflicting_never: int | None = None
    uncertain_kept: int | None = None
    uncertain_lost: int | None = None
    uncertain_gained: int | None = None
    uncertain_never: int | None = None

    @property
    def is_paper(self) -> bool:
        """Whether this is the comparison that the paper reports."""
        return self.is_paper_forms and self.group != "base"

    @property
    def is_paper_forms(self) -> bool:
        """The same, or the base model alone over the same change of form."""
        return (
            self.before_model == "base" and self.before_form.startswith("icl") and self.after_form == "chat0"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A row of `differences.csv`: two groups on the same questions; shares are -1 to 1."""

    scope: str
    domain: str
    suite: str
    form: str
    left: str
    right: str
    seed: int | None
    items: int
    seeds: int
    units: int
    difference: float
    low: float
    high: float
    p: float
    p_holm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Confound:
    """A row of `confounds.csv`: what differs between training sets besides knowledge."""

    domain: str
    group: str
    rows: int
    letters: str
    letters_tv_harmonious: float | None
    letters_tv_uniform: float | None
    confidence_p10: float | None
    confidence_p50: float | None
    confidence_p90: float | None
    question_chars_p50: float | None
    answer_chars_p50: float | None
    repeated: int | None
    labels_stated: int | None
    labels_flagged: int | None


class Needed(_Read):
    """How much of one kind alone would decide a finding."""

    seeds: int | None = None
    items: int | None = None
    units: int | None = None


class Finding(_Read):
    """One effect on one suite; `because` says why it was not computed."""

    what: str
    suite: str
    unit: Literal["points", "nats", "correlation"]
    effect: float | None
    low: float | None
    high: float | None
    items: int | None
    seeds: int | None
    units: int | None
    verdict: str
    needed: Needed | None
    because: str | None


class ClaimCard(_Read):
    """What the run says of one claim of the paper."""

    claim: str
    statement: str
    verdict: str
    findings: tuple[Finding, ...]
    paper: dict[str, Any]


class Ranking(_Read):
    """Policies on one suite, the most accurate first."""

    suite: str
    accuracy: dict[str, float]
    not_told_apart: tuple[str, ...]
    winner: str | None


class Claims(_Read):
    """`claims.json`; `excluded` are ids left out of all scores, by `DOMAIN/SUITE`."""

    rule: str
    claims: tuple[ClaimCard, ...]
    policies: tuple[Ranking, ...] = ()
    excluded: dict[str, tuple[str, ...]] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LossCurve:
    """The loss of one fine-tuning run, as (step, loss) pairs."""

    domain: str
    group: str
    seed: int
    points: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFiles:
    """All that the report reads of a run directory.

    Attributes:
        path: The run directory.
        settings: Text of `experiment.yaml`.
        manifest: `manifest.json`.
        groups: `groups/DOMAIN/summary.json` by domain.
        results: Rows of `results.csv`.
        consistency: Rows of `consistency.csv`.
        differences: Rows of `differences.csv`.
        claims: `claims.json`; None where it is not written yet.
        confounds: Rows of `confounds.csv`.
        beliefs: Rows of `beliefs.csv`.
        letters: Rows of `letters.csv`.
        calibration: Rows of `calibration.csv`.
        reliability: Rows of `reliability.csv`.
        leakage: Rows of `leakage.csv`; None where leakage was not checked.
        losses: The loss curves of all fine-tuning runs.
        absent: (file, why it matters) for each file that is missing or empty.
    """

    path: Path
    settings: str
    manifest: Manifest
    groups: dict[str, GroupsSummary]
    results: tuple[Result, ...]
    consistency: tuple[Cell, ...]
    differences: tuple[Compared, ...]
    claims: Claims | None
    confounds: tuple[Confound, ...]
    beliefs: tuple[Probed, ...]
    letters: tuple[Letters, ...]
    calibration: tuple[Calibrated, ...]
    reliability: tuple[Bin, ...]
    leakage: tuple[Overlapping, ...] | None
    losses: tuple[LossCurve, ...]
    absent: tuple[tuple[str, str], ...]
