"""Chat templates: Vicuna's (the paper's), or the one a tokenizer brings.

A template is a Jinja text rendered by the tokenizer itself, so that the text trained
on is the text any other tool renders from the saved model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from harmonia.errors import InputError
from harmonia.types import Message

VICUNA = (
    "{%- if messages[0].role == 'system' -%}{{ messages[0].content }}{%- else -%}"
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions."
    "{%- endif -%}{{ ' ' }}"
    "{%- for message in messages -%}"
    "{%- if message.role == 'user' -%}{{ 'USER: ' + message.content }}"
    "{%- elif message.role == 'assistant' -%}{{ ' ASSISTANT: ' + message.content + eos_token }}"
    "{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ ' ASSISTANT:' }}{%- endif -%}"
)
"""Vicuna v1.1 (FastChat). The prompt ends right after the colon: the space before the
answer belongs to the answer's first token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatFormat:
    """A chat template bound to the tokenizer that renders it.

    Attributes:
        name: `vicuna` or `model`.
        jinja: The template's text.
        tokenizer: Renders it and supplies its special tokens.
    """

    name: str
    jinja: str
    tokenizer: Any

    def prompt(self, messages: Sequence[Message]) -> str:
        """The conversation up to where the assistant begins to speak."""
        return self._render(messages, add_generation_prompt=True)

    def reply(self, messages: Sequence[Message]) -> tuple[str, str]:
        """Split a conversation that ends with the assistant: (prompt, what is learned).

        What is learned is the assistant's text with its end-of-turn mark, as the
        template writes them; white space that the template sets after the mark is
        left out, since no reply ever has to produce it, and so is white space around
        the assistant's text, which some templates trim and others keep.

        Raises:
            InputError: The template does not end in the assistant's text as given, so
                that prompt and reply cannot be told apart.
        """
        *before, last = messages
        last = replace(last, content=last.content.strip())
        messages = [*before, last]
        prompt = self.prompt(before)
        whole = self._render(messages, add_generation_prompt=False).rstrip("\n")
        if (
            last.role != "assistant"
            or not whole.startswith(prompt)
            or last.content not in whole[len(prompt) :]
        ):
            raise InputError(
                f"the chat template '{self.name}' does not continue its own prompt with the assistant's text",
                seen=whole[-80:],
                remedy="Use the Vicuna template (chat: vicuna).",
            )
        return prompt, whole[len(prompt) :]

    def joint(self) -> str:
        """What the template writes between its prompt and the assistant's first character."""
        probe = Message(role="assistant", content="\N{BLACK SQUARE}")
        _, reply = self.reply((Message(role="user", content="x"), probe))
        return reply.split(probe.content)[0]

    def _render(self, messages: Sequence[Message], *, add_generation_prompt: bool) -> str:
        turns = [{"role": m.role, "content": m.content} for m in messages]
        text: str = self.tokenizer.apply_chat_template(
            turns, chat_template=self.jinja, tokenize=False, add_generation_prompt=add_generation_prompt
        )
        return text


def vicuna_chat(tokenizer: Any) -> ChatFormat:
    """Vicuna's template.

    Raises:
        InputError: The tokenizer has no end-of-text token to close a reply with.
    """
    if tokenizer.eos_token is None:
        raise InputError(
            "the tokenizer has no end-of-text token", remedy="Set eos_token in its tokenizer_config.json."
        )
    return ChatFormat(name="vicuna", jinja=VICUNA, tokenizer=tokenizer)


def own_chat(tokenizer: Any) -> ChatFormat:
    """The tokenizer's own template.

    Raises:
        InputError: The tokenizer has none.
    """
    if not isinstance(tokenizer.chat_template, str):
        raise InputError(
            "the tokenizer brings no chat template",
            seen=tokenizer.chat_template,
            remedy="Use the Vicuna template (chat: vicuna).",
        )
    return ChatFormat(name="model", jinja=tokenizer.chat_template, tokenizer=tokenizer)
