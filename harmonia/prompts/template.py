"""The one object that renders a question, whoever asks: probe, training, evaluation, export."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from harmonia.hashing import sha256_json
from harmonia.prompts.chat import ChatFormat, Rendered, own_chat, vicuna_chat
from harmonia.prompts.exam import ExamFormat
from harmonia.prompts.form import Form
from harmonia.prompts.presets import RENDER
from harmonia.prompts.settings import PromptSettings
from harmonia.types import Item, Message, Method, Preset, Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """Exam text and chat wrapper together.

    Attributes:
        exam: The text of a question.
        chat: The chat template bound to a tokenizer.
        method: What is scored with it, over which orders of the options; not in the
            hash, since it changes no text.
        preset: Rules of the prompt's text and of its token ids.
    """

    exam: ExamFormat
    chat: ChatFormat
    method: Method
    preset: Preset

    @property
    def hash(self) -> str:
        """Hex sha256 of everything that decides the rendered text."""
        exam = {**asdict(self.exam), "wording": asdict(self.exam.wording)}
        specials = [self.chat.tokenizer.bos_token, self.chat.tokenizer.eos_token]
        return sha256_json(
            {"preset": self.preset, "exam": exam, "chat": self.chat.jinja, "specials": specials}
        )

    def prompt(self, item: Item, form: Form, shots: tuple[Item, ...] = ()) -> Prompt:
        """Render an item in a form, with as many demonstrations as given."""
        context, continuations = RENDER[self.preset](self.exam, self.chat, item, form, shots)
        return Prompt(
            item_id=item.id,
            form=str(form),
            context=context,
            continuations=continuations,
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

    def conversation(self, messages: Sequence[Message]) -> Rendered:
        """A training conversation as text, with the places of the assistant's turns."""
        return self.chat.conversation(messages)


def build_template(settings: PromptSettings, tokenizer: Any) -> Template:
    """Bind prompt settings to a tokenizer.

    Raises:
        InputError: The tokenizer cannot render the chat template asked for.
    """
    exam = ExamFormat(method=settings.style, language=settings.language, options_first=settings.options_first)
    chat = own_chat(tokenizer) if settings.chat == "model" else vicuna_chat(tokenizer)
    return Template(exam=exam, chat=chat, method=settings.method, preset=settings.preset)
