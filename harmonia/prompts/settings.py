"""Which words a question is asked in."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from harmonia.types import Method


class PromptSettings(BaseModel):
    """How questions are put to a model.

    Attributes:
        method: `letter` lists the options and asks for a letter; `cloze` shows the
            question alone and asks for the option's text.
        language: Language of the exam prompt.
        chat: Chat template of `chat0`, training and export: Vicuna's, or the one that
            the model's tokenizer brings.
        options_first: Put the options above the question.
        shots: Demonstrations of the probe.
        shot_choice: `fixed` takes the first ones of the pool for every item;
            `per_item` draws them by (seed, item).
        shot_seed: Seed of that draw.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Method = "letter"
    language: Literal["en", "zh"] = "en"
    chat: Literal["vicuna", "model"] = "vicuna"
    options_first: bool = False
    shots: int = Field(default=5, ge=0, le=100)
    shot_choice: Literal["fixed", "per_item"] = "fixed"
    shot_seed: int = 0

    @property
    def probe_form(self) -> str:
        """The form of the probe, `icl<shots>`."""
        return f"icl{self.shots}"
