"""The form of a question: raw with demonstrations, or in the chat template."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from harmonia.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How a question is framed: `icl<shots>` raw, or `chat0` in the chat template."""

    chat: bool
    shots: int

    def __str__(self) -> str:
        return "chat0" if self.chat else f"icl{self.shots}"


@cache  # files of beliefs say it once a row
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
