"""Which words a question is asked in, and its form: raw with demonstrations, or in the chat template."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Literal

from pydantic import Field, field_validator, model_validator

from harmonia.errors import InputError
from harmonia.parsing import Settings
from harmonia.prompts.exam import ExamFormat
from harmonia.types import AnswerStyle, Method, Preset


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How a question is framed: `icl<shots>` raw, or `chat0` in the chat template."""

    chat: bool
    shots: int

    def __str__(self) -> str:
        return "chat0" if self.chat else f"icl{self.shots}"

    def require_shots(self, given: object) -> None:
        """Require demonstrations, where some are shown.

        Raises:
            InputError: What is given is None.
        """
        if self.shots and given is None:
            remedy = "Give a file of them (at the command line --shots-from)."
            raise InputError(f"form {self} needs demonstrations", field="shots", remedy=remedy)


@cache  # files of beliefs say it once a row
def parse_form(text: str) -> Form:
    """Read `chat0` or `icl<k>`.

    Raises:
        InputError: The text is neither.
    """
    if text == "chat0":
        return Form(chat=True, shots=0)
    if match := re.fullmatch(r"icl(0|[1-9]\d?)", text):
        return Form(chat=False, shots=int(match[1]))
    raise InputError("not a form", field="form", seen=text, remedy="Use icl<k> (icl0, icl5, ...) or chat0.")


class PromptSettings(Settings):
    """How questions are put to a model.

    Attributes:
        method: `letter` lists the options and asks for a letter. `cloze` shows the
            question alone and asks for the option's text. `letter_cyclic` asks for the
            letter with the options in each cyclic order and takes the mean.
            `letter_pride` divides out a taste for letters measured so on some items.
        preset: Rules of prompt and token ids: ours, the released scripts' with their
            faults (`repo`), or lm-evaluation-harness's for MMLU (`harness`).
        language: Language of the exam prompt.
        chat: Chat template of `chat0`, training and export: `vicuna`, or the one that
            the model's tokenizer brings (`model`; of several `model:NAME`).
        chat_date: Day that a template of the model's is told where it asks for today's:
            what a model is asked must not change overnight.
        control_tokens: What becomes of control tokens that a question or a row only
            spells (`</s>`). They are read as `text`, or as the tokenizer reads them
            (`control`: for rows that write such tokens on purpose). Counted either way.
        options_first: Put the options above the question.
        shots: Demonstrations of the probe.
        shot_choice: `fixed` takes the first ones of the pool for every item;
            `per_item` draws them by (seed, item).
        shot_seed: Seed of that draw.
    """

    method: Method = "letter"
    preset: Preset = "corrected"
    language: Literal["en", "zh"] = "en"
    chat: str = "vicuna"
    chat_date: date = date(2024, 7, 26)
    control_tokens: Literal["text", "control"] = "text"
    options_first: bool = False
    shots: int = Field(default=5, ge=0, le=100)
    shot_choice: Literal["fixed", "per_item"] = "fixed"
    shot_seed: int = 0

    @field_validator("chat")
    @classmethod
    def _is_known(cls, chat: str) -> str:
        if chat not in ("vicuna", "model") and not re.fullmatch("model:.+", chat):
            raise ValueError("a chat template is vicuna, model, or model:NAME")
        return chat

    @model_validator(mode="after")
    def _is_of_the_preset(self) -> PromptSettings:
        if self.preset != "corrected" and self.style == "cloze":
            raise ValueError(f"preset {self.preset} scores letters: use a letter method")
        if self.preset == "harness" and (self.language != "en" or self.options_first):
            raise ValueError("preset harness is MMLU's prompt: in English, the options below the question")
        return self

    @property
    def style(self) -> AnswerStyle:
        """What the text looks like: all `letter*` methods show lettered options."""
        return "cloze" if self.method == "cloze" else "letter"

    @property
    def exam(self) -> ExamFormat:
        """How an item reads."""
        return ExamFormat(method=self.style, language=self.language, options_first=self.options_first)

    @property
    def probe_form(self) -> str:
        """The form of the probe, `icl<shots>`."""
        return f"icl{self.shots}"
