"""The one object that renders a question, whoever asks: probe, training, evaluation, export."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from harmonia.errors import InputError
from harmonia.hashing import sha256_json
from harmonia.prompts.chat import ChatFormat, own_chat, vicuna_chat
from harmonia.prompts.exam import ExamFormat
from harmonia.prompts.settings import PromptSettings
from harmonia.types import Item, Message, Prompt

PRESET = "corrected"
"""Prompt and token rules of this template."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How a question is framed: `icl<shots>` raw, or `chat0` in the chat template."""

    chat: bool
    shots: int

    def __str__(self) -> str:
        return "chat0" if self.chat else f"icl{self.shots}"


def parse_form(text: str) -> Form:
    """Read `chat0` or `icl<k>`.

    Raises:
        InputError: The text is neither.
    """
    if text == "chat0":
        return Form(chat=True, shots=0)
    if match := re.fullmatch(r"icl(\d{1,2})", text):
        return Form(chat=False, shots=int(match[1]))
    raise InputError("not a form", field="form", seen=text, remedy="Use icl<k> (icl0, icl5, ...) or chat0.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """Exam text and chat wrapper together.

    Attributes:
        exam: The text of a question.
        chat: The chat template bound to a tokenizer.
    """

    exam: ExamFormat
    chat: ChatFormat

    @property
    def hash(self) -> str:
        """Hex sha256 of everything that decides the rendered text."""
        exam = {**asdict(self.exam), "wording": asdict(self.exam.wording)}
        specials = [self.chat.tokenizer.bos_token, self.chat.tokenizer.eos_token]
        return sha256_json({"preset": PRESET, "exam": exam, "chat": self.chat.jinja, "specials": specials})

    def prompt(self, item: Item, form: Form, shots: tuple[Item, ...] = ()) -> Prompt:
        """Render an item in a form, with as many demonstrations as given."""
        if form.chat:
            context = self.chat.prompt([Message(role="user", content=self.exam.block(item))])
            joint = self.chat.joint()
        else:
            context, joint = self.exam.raw_prompt(item, shots), self.exam.wording.joint
        return Prompt(
            item_id=item.id,
            form=str(form),
            context=context,
            continuations=tuple(f"{joint}{answer}" for answer in self.exam.answers(item)),
            shots=len(shots),
        )

    def following(self, item: Item, form: Form) -> tuple[str, ...]:
        """What stands right after each scored answer where the model sees it solved.

        That is in a demonstration (`icl`), or in a training row (`chat0`).
        """
        if not form.chat:
            return tuple("\n\n" for _ in item.choices)
        answers = self.exam.answers(item)
        texts = [self.exam.assistant_text(item, index, "") for index in range(len(item.choices))]
        return tuple(text[len(answer) :] for text, answer in zip(texts, answers, strict=True))

    def training_text(self, messages: Sequence[Message]) -> tuple[str, str]:
        """(prompt, what is learned) of one training conversation."""
        return self.chat.reply(messages)


def build_template(settings: PromptSettings, tokenizer: Any) -> Template:
    """Bind prompt settings to a tokenizer.

    Raises:
        InputError: The tokenizer cannot render the chat template asked for.
    """
    exam = ExamFormat(
        method=settings.method, language=settings.language, options_first=settings.options_first
    )
    chat = own_chat(tokenizer) if settings.chat == "model" else vicuna_chat(tokenizer)
    return Template(exam=exam, chat=chat)
