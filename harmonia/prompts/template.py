"""The one object that renders a question, whoever asks: probe, training, evaluation, export."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from harmonia.errors import InputError
from harmonia.hashing import sha256_json
from harmonia.prompts.chat import ChatFormat, Rendered, own_chat, tells_date, vicuna_chat
from harmonia.prompts.controls import Controls, Spelled
from harmonia.prompts.exam import ExamFormat
from harmonia.prompts.presets import RENDER
from harmonia.prompts.settings import Form, PromptSettings
from harmonia.types import Item, Message, Method, Preset, Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """Exam text and chat wrapper together.

    Attributes:
        method: What is scored with it, over which orders of the options; not in the
            hash, since it changes no text.
        preset: Rules of the prompt's text and of its token ids.
        literal: Whether what only spells one in an item or a row is read as text.
        date: The day that the chat template is told, if it asks for one.
    """

    exam: ExamFormat
    chat: ChatFormat
    method: Method
    preset: Preset
    controls: Controls
    literal: bool = True
    date: str | None = None

    @property
    def hash(self) -> str:
        """Hex sha256 of everything that decides the rendered text and how it is read."""
        exam = {**asdict(self.exam), "wording": asdict(self.exam.wording)}
        specials = [self.chat.tokenizer.bos_token, self.chat.tokenizer.eos_token]
        return sha256_json(
            {
                "preset": self.preset,
                "exam": exam,
                "chat": self.chat.jinja,
                "specials": specials,
                "literal": self.literal,
            }
        )

    @property
    def about(self) -> dict[str, str | None]:
        """What files and manifests say of it."""
        return {"template_hash": self.hash, "template_date": self.date}

    @property
    def asks_literally(self) -> bool:
        """Whether prompts read as text what only spells a control token.

        Those of the presets `repo` and `harness` do not: they copy what others do.
        """
        return self.literal and self.preset == "corrected"

    def spelled(self, items: Sequence[Item]) -> Spelled:
        """How many of some items spell control tokens, questions and demonstrations alike."""
        texts = ((one.domain, one.question, *one.choices) for one in items)
        return self.controls.spelled(texts, literal=self.asks_literally)

    def prompt(self, item: Item, form: Form, shots: tuple[Item, ...] = ()) -> Prompt:
        """Render an item in a form, with as many demonstrations as given.

        Raises:
            InputError: The chat template does not take the item.
        """
        try:
            if self.asks_literally:
                item, *rest = map(self.controls.guard_item, (item, *shots))
                shots = tuple(rest)
            context, continuations = RENDER[self.preset](self.exam, self.chat, item, form, shots)
        except InputError as error:
            raise error.at(what=f"item {item.id}", file=item.source or None) from error
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
        if self.literal:
            item = self.controls.guard_item(item)
        answers = self.exam.answers(item)
        texts = [self.exam.assistant_text(item, index, "") for index in range(len(item.choices))]
        return tuple(text[len(answer) :] for text, answer in zip(texts, answers, strict=True))

    def opening(self, messages: Sequence[Message]) -> tuple[str, str]:
        """What stands before a reply, and the white space that joins the two.

        Raises:
            InputError: The chat template does not take the conversation.
        """
        return self.chat.opening(self._guarded(messages))

    def conversation(self, messages: Sequence[Message]) -> Rendered:
        """A training conversation as text, with the places of the assistant's turns.

        Raises:
            InputError: The chat template does not take it.
        """
        return self.chat.conversation(self._guarded(messages))

    def _guarded(self, messages: Sequence[Message]) -> Sequence[Message]:
        return tuple(map(self.controls.guard_message, messages)) if self.literal else messages


def build_template(settings: PromptSettings, tokenizer: Any) -> Template:
    """Bind prompt settings to a tokenizer.

    Raises:
        InputError: The tokenizer cannot render the chat template asked for.
    """
    own, _, name = settings.chat.partition(":")
    day = settings.chat_date
    chat = own_chat(tokenizer, name or None, day) if own == "model" else vicuna_chat(tokenizer)
    return Template(
        exam=settings.exam,
        chat=chat,
        method=settings.method,
        preset=settings.preset,
        controls=Controls(tokenizer),
        literal=settings.control_tokens == "text",
        date=str(day) if tells_date(chat.jinja) else None,
    )
