"""How a fine-tuning file is audited, and from where on a row counts as what."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from harmonia.models import ModelSettings
from harmonia.models.server import ServedModelSettings
from harmonia.parsing import Settings
from harmonia.types import Method

_EXECUTION: dict[str, Any] = {"execution": True}


class RuleSettings(Settings):
    """The thresholds of the rule from signals to a category (`audit/rule.py`).

    Attributes:
        unlikely: A trained token below this probability may be a confident conflict.
        sure: It is one where the entropy, in nats, is below this.
        conflicting: By how much more probable another word is, from where on a confident conflict
            makes a row conflicting.
        known: Probability of the words at stake from which a row is known.
        likely: Times that the words at stake are as probable as the model's own words there, from
            which a row is known.
        agreeing: Share of sampled answers that agree from which a row is known and never conflicting.
        settled: Share of sampled answers of one kind from which the model is sure of its own answer.
        steady: Share of sampled answers of one kind below which the model has no answer of its own.
        open: Entropy at the words at stake, in nats, from which a model has no answer of its own.
        guessing: Confidence in an option up to which a multiple-choice row is unknown.
    """

    unlikely: float = Field(default=0.1, gt=0, le=1)
    sure: float = Field(default=1.5, gt=0)
    conflicting: float = Field(default=0.5, gt=0, le=1)
    known: float = Field(default=0.5, gt=0, le=1)
    likely: float = Field(default=1.5, gt=0)
    agreeing: float = Field(default=0.5, gt=0, le=1)
    settled: float = Field(default=0.85, gt=0, le=1)
    steady: float = Field(default=0.5, ge=0, le=1)
    open: float = Field(default=1.0, gt=0)
    guessing: float = Field(default=0.5, ge=0, le=1)


class AgreementSettings(Settings):
    """How a long answer of the model's own is held against the row's (`audit/agree.py`).

    Attributes:
        long: By the share of the words at stake that it says, by the cosine of their embeddings, or by a
            model that judges whether both say the same.
        unlike: Share of the file's pairs of answers to different questions that must be less alike.
        model: The model folder that embeds or judges; null for the audited model.
        served: The server whose model judges; null for none.
    """

    long: Literal["overlap", "embeddings", "judge"] = "overlap"
    unlike: float = Field(default=0.95, gt=0, lt=1)
    model: ModelSettings | None = None
    served: ServedModelSettings | None = None

    @model_validator(mode="after")
    def _has_one_model_where_one_is_asked(self) -> AgreementSettings:
        if self.long == "overlap" and (self.model or self.served):
            raise ValueError("long: overlap asks no model; say embeddings or judge, or leave the model out")
        if self.served and (self.model or self.long == "embeddings"):
            raise ValueError(
                "served: a server shows no hidden states; name a folder (model.path)"
                if self.long == "embeddings"
                else "served: two models are named; leave one out"
            )
        return self


class AuditSettings(Settings):
    """How the rows of a fine-tuning file are asked of a model.

    Attributes:
        wording: An instruction as the model reads it, down to where the answer begins.
        shots: Demonstrations from the same file in front of a row.
        draws: Draws of demonstrations; verdicts rest on their mean.
        samples: Answers sampled behind each draw for rows in doubt; 0 for no second pass.
        temperature: Temperature of the sampled answers.
        max_new_tokens: Most tokens of a sampled answer; four times as many where the row's is long.
        agreement: How a long one is held against the row's answer.
        method: How multiple-choice rows are asked.
        longest_shot: Most characters of a demonstration, where the file has enough of them.
        longest_answer: Tokens of an answer that are read; the rest is cut, and told.
        short: Most words of an answer in which each word may be the fact; in a longer one only names
            and numbers.
        common: Share of the answers that have a word from which it is form, not content: of all, or
            of those whose instructions begin alike.
        rule: Thresholds of the rule.
        sample: Rows to audit, drawn by (seed, row); null for all.
        on_bad_row: Whether a bad row ends the reading or is left out.
        seed: Seed of demonstrations and samples.
        batch_tokens: Tokens in one forward pass; a size that the memory holds if null.
    """

    wording: str = "{instruction}\nAnswer:"
    shots: int = Field(default=4, ge=0, le=100)
    draws: int = Field(default=4, ge=1, le=100)
    samples: int = Field(default=2, ge=0)
    temperature: float = Field(default=0.5, gt=0)
    max_new_tokens: int = Field(default=32, ge=1)
    agreement: AgreementSettings = AgreementSettings()
    method: Method = "letter_cyclic"
    longest_shot: int = Field(default=400, ge=1)
    longest_answer: int = Field(default=512, ge=1)
    short: int = Field(default=12, ge=1)
    common: float = Field(default=0.1, gt=0, le=1)
    rule: RuleSettings = RuleSettings()
    sample: int | None = Field(default=None, ge=1)
    on_bad_row: Literal["fail", "skip"] = "fail"
    seed: int = 0
    batch_tokens: int | None = Field(default=None, ge=1, json_schema_extra=_EXECUTION)

    @field_validator("wording")
    @classmethod
    def _holds_the_instruction(cls, value: str) -> str:
        _, found, after = value.partition("{instruction}")
        if not found or "{instruction}" in after or not after.strip() or value != value.rstrip():
            raise ValueError("it holds {instruction} once, then a cue, and does not end in white space")
        return value
