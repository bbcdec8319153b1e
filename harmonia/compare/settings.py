"""How two models are compared."""

from __future__ import annotations

from pydantic import Field, field_validator, model_validator

from harmonia.audit import AuditSettings
from harmonia.parsing import Settings
from harmonia.probe import ProbeSettings
from harmonia.prompts import PromptSettings, parse_form
from harmonia.types import Method


class CompareSettings(Settings):
    """How two models are asked the same, to see what lies between them.

    Attributes:
        readouts: Methods by which multiple choice is read out; the first one leads.
        after_form: Form in which the model after is asked multiple choice (`chat0`); null for the form
            of the model before, `icl<shots>`.
        after_wording: How the model after was taught to read an instruction, down to where the answer
            begins. Facts in words and rows are then asked of it so, without demonstrations. None for
            the wording and the demonstrations of the model before.
        rows: Most rows of a category of the audit that are asked again.
        prompt: How questions are worded.
        probe: How beliefs are taken.
        audit: How facts in words, and the rows of an audit, are asked.
    """

    readouts: tuple[Method, ...] = ("letter_cyclic", "cloze")
    after_form: str | None = None
    after_wording: str | None = None
    rows: int = Field(default=100, ge=1)
    prompt: PromptSettings = PromptSettings()
    probe: ProbeSettings = ProbeSettings()
    audit: AuditSettings = AuditSettings()

    @field_validator("readouts")
    @classmethod
    def _are_some(cls, value: tuple[Method, ...]) -> tuple[Method, ...]:
        if not value or len(set(value)) < len(value):
            raise ValueError("name at least one method, and each once")
        return value

    @field_validator("after_wording")
    @classmethod
    def _is_a_wording(cls, value: str | None) -> str | None:
        if value is not None:
            AuditSettings(wording=value)
        return value

    @field_validator("after_form")
    @classmethod
    def _is_a_form(cls, value: str | None) -> str | None:
        if value is not None:
            parse_form(value)
        return value

    @model_validator(mode="after")
    def _says_nothing_that_is_decided_elsewhere(self) -> CompareSettings:
        if "method" in self.prompt.model_fields_set:
            raise ValueError("prompt.method: readouts names the methods; leave it out")
        if self.audit.sample is not None:
            raise ValueError("audit.sample: all that is asked is judged; leave it out")
        return self

    @property
    def after(self) -> CompareSettings:
        """These settings as the model after is asked."""
        if self.after_wording is None:
            return self
        audit = self.audit.model_copy(update={"wording": self.after_wording, "shots": 0})
        return self.model_copy(update={"audit": audit})
