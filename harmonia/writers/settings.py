"""Who writes, and how often it is tried."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from harmonia.parsing import Settings, hidden_error
from harmonia.scoring import ModelSettings

_EXECUTION: dict[str, Any] = {"execution": True}
_ADDRESS = re.compile(r"https?://([\w.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?(/[\w.~/%+:-]*)?")


class _Sampled(Settings):
    """How texts are sampled; the defaults are those of Ren et al. (2024).

    Attributes:
        language: Language of the few-shot prompt.
        temperature: Temperature of the samples.
        top_p: Probability of the tokens drawn from.
        max_new_tokens: Most tokens of a text.
        tries: Samples drawn until one passes the checks.
    """

    language: Literal["en", "zh"] = "en"
    temperature: float = Field(default=0.7, gt=0)
    top_p: float = Field(default=0.8, gt=0, le=1)
    max_new_tokens: int = Field(default=256, ge=1)
    tries: int = Field(default=3, ge=1)


class ExplanationSettings(_Sampled):
    """Who explains an answer.

    Attributes:
        own: Who explains the answers that are the model's own: the base model itself,
            as the paper has it, or the writer named by `model` or `served`.
        gold: Who explains right answers: `data` keeps the data's explanations, the
            others write new ones.
    """

    own: Literal["base", "model", "served"] = "base"
    gold: Literal["data", "base", "model", "served"] = "data"


class ContextSettings(_Sampled):
    """Who writes the knowledge that an answer needs.

    Attributes:
        writer: `explanation` takes the item's own explanation without its answer; the
            others write a passage.
        remove: What is taken out of an explanation: statements of the letter, or the
            right option's text too.
    """

    writer: Literal["explanation", "base", "model", "served"] = "explanation"
    remove: Literal["letter", "letter_and_text"] = "letter_and_text"


class ServedSettings(Settings):
    """An OpenAI-compatible completions server.

    Attributes:
        url: Its address down to the version, such as `http://localhost:8000/v1`, without
            name, password or query.
        model: The model's name there.
        key_env: Environment variable that holds the key, or `NAME:PASSWORD`; None sends none.
        timeout_s: Seconds to wait for an answer.
        attempts: Requests until a failing server is given up.
        backoff_s: Seconds before the second attempt; doubled with each further one.
        workers: Requests under way at a time.
    """

    url: str
    model: str
    key_env: str | None = Field(default=None, json_schema_extra=_EXECUTION)
    timeout_s: float = Field(default=120.0, gt=0, json_schema_extra=_EXECUTION)
    attempts: int = Field(default=5, ge=1, json_schema_extra=_EXECUTION)
    backoff_s: float = Field(default=1.0, ge=0, json_schema_extra=_EXECUTION)
    workers: int = Field(default=8, ge=1, json_schema_extra=_EXECUTION)

    @field_validator("url")
    @classmethod
    def _is_plain(cls, url: str) -> str:
        # The address is written into the run's files: a secret in it would be too.
        if re.search(r"[@?#]", url):
            raise hidden_error(
                "an address without name, password or query is needed: put the key, or NAME:PASSWORD, "
                "into an environment variable and name that in key_env"
            )
        if not _ADDRESS.fullmatch(url):
            raise hidden_error("not an address such as http://localhost:8000/v1")
        return url

    @field_validator("key_env")
    @classmethod
    def _names_a_variable(cls, name: str | None) -> str | None:
        if name is not None and not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
            raise hidden_error("the name of an environment variable is needed, not the key itself")
        return name


class WritingSettings(Settings):
    """The writing of an experiment.

    Attributes:
        explanations: Who explains answers.
        contexts: Who writes contexts.
        model: The local model behind `model`.
        served: The server behind `served`.
        seed: Seed of all samples.
    """

    explanations: ExplanationSettings = ExplanationSettings()
    contexts: ContextSettings = ContextSettings()
    model: ModelSettings | None = None
    served: ServedSettings | None = None
    seed: int = 0

    @model_validator(mode="after")
    def _names_its_writers(self) -> WritingSettings:
        for name in ("model", "served"):
            if getattr(self, name) is None and name in (
                self.explanations.own,
                self.explanations.gold,
                self.contexts.writer,
            ):
                raise ValueError(f"a writer is '{name}', and the settings of {name} are missing")
        return self
