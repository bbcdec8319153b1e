"""Chat templates: Vicuna's (the paper's), or the one a tokenizer brings.

A template is a Jinja text rendered by the tokenizer itself, so that the text trained
on is the text any other tool renders from the saved model. It must write the same text
whenever it is rendered. So one that asks for today's date is told a fixed one, by a macro of that
name put in front of it. One that draws at random is refused.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from harmonia.errors import InputError
from harmonia.prompts.bounded import CHARACTERS, bounded
from harmonia.prompts.controls import PLACE
from harmonia.types import Message

VICUNA = (
    "{%- if messages[0].role == 'system' -%}{{ messages[0].content }}{%- else -%}"
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions."
    "{%- endif -%}{{ ' ' }}"
    "{%- for message in messages -%}"
    "{%- if message.role == 'user' -%}{{ 'USER: ' + message.content }}"
    "{%- elif message.role == 'assistant' -%}{{ ' ASSISTANT:' }}"
    "{%- generation -%}{{ ' ' + message.content | trim + eos_token }}{%- endgeneration -%}"
    "{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ ' ASSISTANT:' }}{%- endif -%}"
)
"""Vicuna v1.1 (FastChat). The prompt ends right after the colon: the space before the
answer belongs to the answer's first token. `generation` marks what the assistant says for
other trainers."""

_REPLY = "\N{BLACK SQUARE}"
_DEFAULT = "default"
_CLOCK = "strftime_now"
_DIRECTIVE = re.compile(r"%-?[A-Za-z]")
_KNOWN = "aAbBcdfHIjmMpSUwWxXyYzZ"
_POWER = re.compile(r"[\w)\]]\s*\*\*\s*[\w(+-]")
_CHANCE = re.compile(r"\|\s*random\b|\blipsum\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A whole conversation as text.

    Attributes:
        turns: Where each of the assistant's turns stands in it, as (first character, past
            the last). A turn is its text with the white space that parts it from its
            prompt, and its end-of-turn mark.
    """

    text: str
    turns: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatFormat:
    """A chat template bound to the tokenizer that renders it.

    Attributes:
        name: `vicuna`, `model` or `model:NAME`.
        tokenizer: Renders it and supplies its special tokens.
    """

    name: str
    jinja: str
    tokenizer: Any

    def prompt(self, messages: Sequence[Message]) -> str:
        """The conversation up to where the template hands over to the assistant."""
        return self._render(messages, add_generation_prompt=True)

    def conversation(self, messages: Sequence[Message]) -> Rendered:
        """Render a conversation that ends with the assistant, and find the assistant's turns in it.

        Where a turn stands is found by rendering placeholders in its stead. White space
        around the assistant's text is left out, since some templates trim it and others
        keep it. White space that the template sets between its prompt and the text belongs
        to the turn, since tokenizers put it into the text's first token. Anything else
        that it writes there (an empty thinking block) belongs to the prompt. White space
        after the end-of-turn mark is nobody's: no reply ever has to produce it.

        Raises:
            InputError: The template does not end in the assistant's text as given, so
                that prompt and reply cannot be told apart.
        """
        said = [
            replace(one, content=one.content.strip()) if one.role == "assistant" else one for one in messages
        ]
        texts = [one.content for one in said if one.role == "assistant"]
        numbers = map(str, itertools.count())
        marked = [
            replace(one, content=PLACE + next(numbers) + PLACE) if one.role == "assistant" else one
            for one in said
        ]
        prompt = self.prompt(said[:-1])
        text = self._render(said, add_generation_prompt=False)
        fixed, found = _apart(self._render(marked, add_generation_prompt=False))
        filled = "".join(itertools.chain(*itertools.zip_longest(fixed, texts, fillvalue="")))
        first = len(text) - len(fixed[-1]) - len(texts[-1])
        in_order = found == [str(number) for number in range(len(texts))]
        if not in_order or text != filled or not text.startswith(prompt) or first < len(prompt):
            raise InputError(
                f"the chat template '{self.name}' does not continue its own prompt with the assistant's text",
                seen=text[-80:],
                remedy="Use the Vicuna template (chat: vicuna).",
            )
        return Rendered(text=text, turns=_turns(fixed, texts, joint=_joint(text[len(prompt) : first])))

    def opening(self, messages: Sequence[Message]) -> tuple[str, str]:
        """What stands before the assistant's first character: (prompt, white space that joins the two).

        The prompt holds all that the template writes before a reply, an empty thinking
        block for instance, so that a reply is read where training sees it.
        """
        whole = self.conversation([*messages, Message(role="assistant", content=_REPLY)])
        start, stop = whole.turns[-1]
        return whole.text[:start], whole.text[start:stop].split(_REPLY)[0]

    def joint(self) -> str:
        """What the template writes between its own prompt and the assistant's first character."""
        asked = [Message(role="user", content="x")]
        return "".join(self.opening(asked))[len(self.prompt(asked)) :]

    def _render(self, messages: Sequence[Message], *, add_generation_prompt: bool) -> str:
        turns = [{"role": m.role, "content": m.content} for m in messages]
        try:
            with nullcontext() if self.jinja == VICUNA else bounded():
                text: str = self.tokenizer.apply_chat_template(
                    turns,
                    chat_template=self.jinja,
                    tokenize=False,
                    add_generation_prompt=add_generation_prompt,
                )
            if len(text) > CHARACTERS:
                raise MemoryError(f"{len(text)} characters")
        except Exception as error:  # a template is a program of somebody else's: it may raise anything
            raise InputError(
                f"the chat template '{self.name}' cannot write this conversation "
                f"({type(error).__name__}: {' '.join(str(error).split())})",
                seen=[one.role for one in messages],
                remedy="Leave it out, or use the Vicuna template (chat: vicuna).",
            ) from error
        return text


def _apart(text: str) -> tuple[list[str], list[str]]:
    """The texts around the placeholders, and the placeholders' numbers."""
    parts = re.split(f"{PLACE}([0-9]+){PLACE}", text)
    return parts[::2], parts[1::2]


def _turns(fixed: Sequence[str], texts: Sequence[str], *, joint: str) -> tuple[tuple[int, int], ...]:
    """Where texts stand among the fixed ones, each with its joint before and the end mark behind it."""
    end = fixed[-1].rstrip()
    # Some templates close the last turn with one more mark on a line of its own.
    ends = (end, *end.split()[:1], "")
    turns = []
    place = 0
    for before, said, after in zip(fixed, texts, fixed[1:], strict=False):
        first = place + len(before)
        place = first + len(said)
        mark = next(mark for mark in ends if after.startswith(mark))
        turns.append((first - (len(joint) if before.endswith(joint) else 0), place + len(mark)))
    return tuple(turns)


def _joint(between: str) -> str:
    """Of what a template writes before a reply, the white space that goes with the reply."""
    return between if not between.strip() else between[len(between.rstrip(" ")) :]


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


def own_chat(tokenizer: Any, name: str | None, day: date) -> ChatFormat:
    """The tokenizer's own template.

    Of several it is the one of that name; `day` is what it is told where it asks for today's date.

    Raises:
        InputError: There is no such template, or it cannot be used.
    """
    return ChatFormat(
        name=f"model:{name}" if name else "model",
        jinja=on_date(brought_template(tokenizer, name), day),
        tokenizer=tokenizer,
    )


def brought_template(tokenizer: Any, name: str | None) -> str:
    """The text of a tokenizer's own template.

    Of several it is the one of that name; None is the one called `default`, or the only one.

    Raises:
        InputError: It brings none, none of that name, or one that draws at random.
    """
    brought = tokenizer.chat_template
    named = {_DEFAULT: brought} if isinstance(brought, str) else dict(brought or {})
    if not named:
        raise InputError(
            "the tokenizer brings no chat template", remedy="Use the Vicuna template (chat: vicuna)."
        )
    if name is None and len(named) == 1:
        (name,) = named
    jinja = named.get(name or _DEFAULT)
    if jinja is None:
        problem = f"none called '{name}'" if name else "several, and none called 'default'"
        problem = f"of chat templates the tokenizer brings {problem}"
        remedy = f"Name one of them: chat: model:{min(named)}."
        raise InputError(problem, field="chat", seen=", ".join(sorted(named)), remedy=remedy)
    if found := _CHANCE.search(jinja):
        problem = "the chat template draws at random, so that no prompt is the same twice"
        raise InputError(problem, seen=found[0], remedy="Use the Vicuna template (chat: vicuna).")
    # One such operation may take longer than the world lasts, and nothing in this process can end it.
    if found := _POWER.search(jinja):
        problem = "the chat template raises to a power"
        raise InputError(problem, seen=found[0], remedy="Use the Vicuna template (chat: vicuna).")
    return str(jinja)


def tells_date(jinja: str) -> bool:
    """Whether a template asks what day it is."""
    return _CLOCK in jinja


def on_date(jinja: str, day: date) -> str:
    """A template whose clock stands still at the beginning of a day."""
    if not tells_date(jinja):
        return jinja
    written = sorted(code for code in set(_DIRECTIVE.findall(jinja)) if code[-1] in _KNOWN)
    told = "".join(f"|replace('{code}', '{_told(day, code)}')" for code in written)
    # The last, empty expression keeps the template's own first line end from being trimmed.
    return f"{{%- macro {_CLOCK}(format) -%}}{{{{ format{told} }}}}{{%- endmacro -%}}{{{{ '' }}}}{jinja}"


def _told(day: date, code: str) -> str:
    text = f"{day:%{code[-1]}}"
    # "-" (without a leading zero) is understood by some C libraries only.
    return text.lstrip("0") or "0" if code[1] == "-" else text
