"""Control tokens that a text only spells: text from data never becomes one.

A tokenizer finds its control tokens (`</s>`, `<|im_end|>`, `[gMASK]`) wherever their spelling
stands, in a question as in the frame that a chat template writes. Here spellings in data
are broken by a character that Unicode keeps for the inside of programs. Whatever joins,
trims or renders the text carries it along, no template takes the text for a mark, and the
encoder leaves it out again.

Text with broken spellings is encoded by a second tokenizer: the same in everything, but that its
control tokens are spelled as no text can spell them. Control tokens that stand unbroken are
respelled for it; what is broken is text where it stands, like any other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from harmonia.errors import InputError
from harmonia.parsing import parse_json
from harmonia.types import Item, Message

BREAK = "\ufdd2"
"""Stands in spellings that are text."""
PLACE = "\ufdd1"
"""Stands around a chat template's placeholders."""
TURN = ("\ufdd3", "\ufdd4")
"""Stand around the assistant's turns in a saved template."""
_CANNOT = "cannot read as text what spells one of its control tokens"
_REMEDY = "Reword it, or have it read as control (control_tokens: control)."
_OURS = re.compile(f"[{PLACE}{BREAK}{''.join(TURN)}]")


def plain_text(text: str) -> str:
    """A text as it was before spellings in it were broken."""
    return text.replace(BREAK, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelled:
    """How many of some rows spell control tokens.

    Attributes:
        read_as: What that is for the model: `text`, or `control` tokens.
    """

    rows: int
    tokens: tuple[str, ...]
    read_as: Literal["text", "control"]

    def with_those_of(self, other: Spelled) -> Spelled:
        """These rows and others together, read alike."""
        both = tuple(sorted({*self.tokens, *other.tokens})) if other.rows else self.tokens
        return replace(self, rows=self.rows + other.rows, tokens=both)

    def note(self, what: str) -> str:
        """One line for a person, of at most five of the tokens."""
        named = ", ".join([*self.tokens[:5], *(["..."] if len(self.tokens) > 5 else [])])
        return f"{what} that spell control tokens, read as {self.read_as}: {self.rows} ({named})"


class Controls:
    """The control tokens of a tokenizer.

    They are its special tokens and, of the other tokens added to its vocabulary, those that
    its own chat templates write (`<think>`). White space alone is no control token.

    Args:
        tokenizer: A transformers tokenizer.

    Attributes:
        tokens: Spelling to id.
        numbers: The ids that nothing else than a control token gives.
    """

    def __init__(self, tokenizer: Any) -> None:
        brought = tokenizer.chat_template or ""
        templates = brought if isinstance(brought, str) else "\n".join(brought.values())
        self.tokens = {
            token.content: number
            for number, token in tokenizer.added_tokens_decoder.items()
            if token.content.strip()
            and (token.special or (token.content in templates and not token.content.isalnum()))
        }
        # The mark of what the vocabulary lacks comes of unknown characters, too.
        self.numbers = set(self.tokens.values()) - {tokenizer.unk_token_id}
        self._normalises = _normalising(tokenizer, self.tokens)

    def guard(self, text: str) -> str:
        """Break the spelling of every control token in a text that is data.

        Raises:
            InputError: The text holds one of the characters that are used inside.
        """
        if found := _OURS.search(text):
            problem = "the text holds a character that no text may hold (a noncharacter of Unicode)"
            raise InputError(problem, seen=f"U+{ord(found[0]):04X}", remedy="Take it out.")
        for start, stop in reversed(self._found(text)):
            spelled = text[start:stop]
            broken = BREAK.join(spelled) if len(spelled) > 1 else BREAK + spelled
            text = text[:start] + broken + text[stop:]
        return text

    def guard_item(self, item: Item) -> Item:
        """An item whose texts are guarded."""
        return replace(
            item,
            domain=self.guard(item.domain),
            question=self.guard(item.question),
            choices=tuple(map(self.guard, item.choices)),
        )

    def guard_message(self, message: Message) -> Message:
        """A turn whose text is guarded."""
        return replace(message, content=self.guard(message.content))

    def spelled(self, rows: Iterable[Iterable[str]], *, literal: bool) -> Spelled:
        """Count the rows of which a text spells a control token.

        `literal` says whether such text is read as text.
        """
        count, tokens = 0, set[str]()
        for texts in rows:
            here = {text[start:stop].strip() for text in texts for start, stop in self._found(text)}
            count += bool(here)
            tokens |= here
        return Spelled(rows=count, tokens=tuple(sorted(tokens)), read_as="text" if literal else "control")

    @cached_property
    def written(self) -> re.Pattern[str]:
        """Finds control tokens whose spelling is not broken."""
        longest_first = sorted(self.tokens, key=len, reverse=True)
        return re.compile(f"(?<!{BREAK})(?:{'|'.join(map(re.escape, longest_first)) or '(?!)'})")

    def _found(self, text: str) -> list[tuple[int, int]]:
        """Where a text spells control tokens, in order."""
        exact = [match.span() for match in self.written.finditer(text)]
        if self._normalises is None:
            return exact
        # The tokenizer looks at another text than this one: only it knows what else it finds.
        encoding = self._normalises.encode(text, add_special_tokens=False)
        pairs = zip(encoding.ids, encoding.offsets, strict=True)
        others = [span for number, span in pairs if number in self.numbers]
        apart = [(a, b) for a, b in others if not any(a < stop and start < b for start, stop in exact)]
        return sorted(exact + apart)


def _normalising(tokenizer: Any, tokens: dict[str, int]) -> Any | None:
    """The tokenizer's backend, if it looks for some control tokens in the normalised text."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None or backend.normalizer is None:
        return None
    added = tokenizer.added_tokens_decoder
    return backend if any(added[number].normalized for number in tokens.values()) else None


class LiteralEncoder:
    """Encodes with a tokenizer whose control tokens no text can spell.

    Args:
        tokenizer: A transformers tokenizer.

    Raises:
        InputError: It is not one of the library `tokenizers`.
    """

    def __init__(self, tokenizer: Any) -> None:
        from tokenizers import Tokenizer

        backend = getattr(tokenizer, "backend_tokenizer", None)
        if backend is None:
            raise InputError(
                f"this kind of tokenizer {_CANNOT}", seen=type(tokenizer).__name__, remedy=_REMEDY
            )
        controls = Controls(tokenizer)
        self._tokens, self._numbers = controls.tokens, controls.numbers
        self._marks = re.compile(f"{controls.written.pattern}|{BREAK}")
        self._respelled = {token: f"{BREAK}{number}{BREAK}" for token, number in controls.tokens.items()}
        state = parse_json(backend.to_str(), file=None)
        state |= {"post_processor": None, "truncation": None, "padding": None}
        first = [(token["id"], token) for token in state["added_tokens"]]
        for _, token in first:
            token["content"] = self._respelled.get(token["content"], token["content"])
        self._second = Tokenizer.from_str(json.dumps(state))
        # Tokens that only were added get other ids under another spelling.
        self._first_id = {self._second.token_to_id(token["content"]): number for number, token in first}

    def encode(self, text: str) -> list[int]:
        """Token ids of a text whose broken spellings are text.

        Raises:
            InputError: The tokenizer has no other tokens for such a spelling.
        """
        written = [mark for mark in self._marks.findall(text) if self._tokens.get(mark) in self._numbers]
        respelled = self._marks.sub(lambda mark: self._respelled.get(mark[0], ""), text)
        ids = self._second.encode(respelled, add_special_tokens=False).ids
        found = [self._first_id.get(number, number) for number in ids]
        if sum(number in self._numbers for number in found) > len(written):
            raise InputError(f"the tokenizer {_CANNOT}", seen=_around(text), remedy=_REMEDY)
        return found


def _around(text: str) -> str:
    place = text.index(BREAK)
    return plain_text(text[max(0, place - 20) : place + 20])
