"""Who writes, and how often it is tried."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from harmonia.models import ModelSettings
from harmonia.models.server import ServedSettings
from harmonia.parsing import Settings


class SamplingSettings(Settings):
    """How texts are sampled; the defaults are those of Ren et al. (2024).

    Attributes:
        temperature: Temperature of the samples.
        top_p: Probability of the tokens drawn from.
        max_new_tokens: Most tokens of a text.
        tries: Samples drawn until one passes the checks.
    """

    temperature: float = Field(default=0.7, gt=0)
    top_p: float = Field(default=0.8, gt=0, le=1)
    max_new_tokens: int = Field(default=256, ge=1)
    tries: int = Field(default=3, ge=1)


class _Sampled(SamplingSettings):
    """How texts are sampled behind a few-shot prompt.

    Attributes:
        language: Language of the prompt.
    """

    language: Literal["en", "zh"] = "en"


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


class WantedSettings(Settings):
    """Of which beliefs of a file texts are written.

    Attributes:
        what: `explanations` of an answer, or `contexts` of a question.
        target: Explain the model's own answer (`own`) or the right one (`gold`).
        of: Beliefs to write for.
        threshold: Confidence that a belief must exceed.
        limit: Write only so many, drawn by `writing.seed`.
    """

    what: Literal["explanations", "contexts"] = "explanations"
    target: Literal["own", "gold"] = "own"
    of: Literal["wrong", "right", "all"] = "wrong"
    threshold: float = Field(default=0.5, ge=0, lt=1)
    limit: int | None = Field(default=None, ge=1)


class WrittenFiles(Settings):
    """Texts that were written before.

    Attributes:
        contexts: File of contexts by `harmonia write`; None takes the items' explanations
            without the answer.
    """

    contexts: str | None = None
