"""Encodes text in which some spellings of control tokens are broken (`prompts/controls.py`).

A second tokenizer does it: the same in everything, but that its control tokens are spelled
as no text can spell them. Control tokens that stand unbroken are respelled for it; what is
broken is text where it stands, like any other.
"""

from __future__ import annotations

import json
import re
from typing import Any

from harmonia.errors import InputError
from harmonia.parsing import parse_json
from harmonia.prompts.controls import BREAK, Controls, plain_text

_CANNOT = "cannot read as text what spells one of its control tokens"
_REMEDY = "Reword it, or have it read as control (control_tokens: control)."


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
