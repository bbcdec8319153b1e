"""The chat template that a tokenizer brings: which of several, and which day it is told.

A template must write the same text whenever it is rendered, here and from a saved model.
So one that asks for today's date is told a fixed one, by a macro of that name put in front
of it. One that draws at random is refused.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from harmonia.errors import InputError

_DEFAULT = "default"
_CLOCK = "strftime_now"
_DIRECTIVE = re.compile(r"%-?[A-Za-z]")
_KNOWN = "aAbBcdfHIjmMpSUwWxXyYzZ"
_CHANCE = re.compile(r"\|\s*random\b|\blipsum\b")


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
