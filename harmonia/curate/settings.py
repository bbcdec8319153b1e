"""What to train on instead of a whole file."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from harmonia.groups.settings import POLICIES, LevelWeights, require_policy
from harmonia.parsing import Settings
from harmonia.prompts import PromptSettings
from harmonia.writers.settings import SamplingSettings

Format = Literal["jsonl", "trl", "llamafactory", "axolotl"]

DISTIL, COVERAGE, REFINE = "self_distil", "coverage", "self_refine"
WRITTEN = (DISTIL, COVERAGE, REFINE)
"""Policies for which a model writes."""
LEAST_CONFLICT = "least_conflict"
_NAMES = (*POLICIES, *WRITTEN, LEAST_CONFLICT)


class CategoryWeights(LevelWeights):
    """Weight in the loss of a row, by its category.

    Attributes:
        unknown: The model has no answer of its own.
        form: No fact is at stake.
    """

    unknown: float = Field(default=0.7, ge=0.0)
    form: float = Field(default=1.0, ge=0.0)


class RewritingSettings(SamplingSettings):
    """How the model rewrites answers.

    Attributes:
        wording: A row as the model reads it: all that stands before the answer, the answer, a cue.
    """

    wording: str = "{instruction}\n\nA right answer: {answer}\n\nThe same answer in other words:"

    @field_validator("wording")
    @classmethod
    def _holds_both(cls, value: str) -> str:
        if any(value.count(name) != 1 for name in ("{instruction}", "{answer}")) or value != value.rstrip():
            raise ValueError("it holds {instruction} and {answer} once, and does not end in white space")
        return value


class CoverageSettings(SamplingSettings):
    """How `coverage` makes rows of the texts of a reference corpus.

    Attributes:
        share: Share of the whole set that these rows are, below .1.
        question: A text as the model reads it to ask for it, down to a cue.
        answer: The text and the question as it reads them to answer, down to a cue.
    """

    share: float = Field(default=0.05, gt=0, lt=0.1)
    question: str = "{text}\n\nA question that this text answers:"
    answer: str = "{text}\n\nQuestion: {question}\nThe answer, as the text has it:"

    @field_validator("question", "answer")
    @classmethod
    def _holds_its_parts(cls, value: str, info: ValidationInfo) -> str:
        parts = ["{text}", *(["{question}"] if info.field_name == "answer" else [])]
        braces = {value.count("{"), value.count("}")}
        if braces != {len(parts)} or any(value.count(one) != 1 for one in parts):
            raise ValueError(f"it holds {' and '.join(parts)} once, and no other brace")
        return value


class RefiningSettings(SamplingSettings):
    """How `self_refine` has the tuned model answer, with reasoning and without.

    Attributes:
        cue: What is added to a question for an answer with reasoning (Kojima et al. 2022).
        chat: The chat template that the model was tuned in: `vicuna`, `model` or `model:NAME`.
    """

    cue: str = Field(default="Let's think step by step.", min_length=1)
    chat: str = PromptSettings().chat


class CurateSettings(Settings):
    """A set to train on, from the rows of an audit.

    Attributes:
        policy: What to choose and change; docs/curate.md says what each does.
        budget: Most rows; null for all that the policy has. `least_conflict` needs one.
        seed: Seed of the one draw of each row, by which rows are taken first.
        contexts: File of texts (`harmonia write`) by row id, for `contextualise`.
        weights: Weights of `weighted`.
        late_from_epoch: Epoch, from 0, in which `known_late` first shows what is known.
        rewriting: How `self_distil` rewrites.
        reference: File of the reference corpus, a `text` a row, for `coverage`.
        coverage: How `coverage` makes rows of it.
        refining: How `self_refine` makes pairs.
    """

    policy: str = "all"
    budget: int | None = Field(default=None, ge=1)
    seed: int = 0
    contexts: str | None = None
    weights: CategoryWeights = CategoryWeights()
    late_from_epoch: int = Field(default=2, ge=1)
    rewriting: RewritingSettings = RewritingSettings()
    reference: str | None = None
    coverage: CoverageSettings = CoverageSettings()
    refining: RefiningSettings = RefiningSettings()

    @field_validator("policy")
    @classmethod
    def _is_policy(cls, name: str) -> str:
        require_policy(name, _NAMES)
        return name

    @model_validator(mode="after")
    def _has_the_budget_it_needs(self) -> CurateSettings:
        if self.policy == LEAST_CONFLICT and self.budget is None:
            raise ValueError(
                f"{LEAST_CONFLICT} takes the least conflicting rows of a budget: set budget (--budget)"
            )
        return self
