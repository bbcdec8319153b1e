"""A chat template is somebody else's program: it may not run, write or reach without end."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from harmonia.errors import InputError
from harmonia.prompts import bounded as bounds
from harmonia.prompts.chat import ChatFormat, brought_template
from harmonia.types import Message

ASKED = [Message(role="user", content="Who?")]
_MANY = "{% for i in range(99999) %}{% for j in range(99999) %}"
_END = "{% endfor %}{% endfor %}"

HOSTILE = {
    "loops": (f"{_MANY}{_END}", "TooLongError: longer than 0.5 s"),
    "writes": (f"{_MANY}{{{{ 'x' * 1000 }}}}{_END}", "longer than 0.5 s|more than a GiB"),
    "one text too long": ("{{ 'x' * 99999999999 }}", "more than a GiB of memory"),
    "padding": ("{{ '%99999999999d' % 1 }}", "more than a GiB of memory"),
    "a long text": ("{{ 'x' * 60000 }}", "60000 characters"),
    "calls itself": ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "RecursionError"),
    "classes": ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "SecurityError"),
    "globals": ("{{ raise_exception.__globals__['os'] }}", "SecurityError"),
    "changes its input": ("{{ messages.append(1) }}", "SecurityError"),
}


@pytest.fixture
def chat(tiny_loaded: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    short = bounds.bounded
    monkeypatch.setattr("harmonia.prompts.chat.bounded", lambda: short(0.5))
    monkeypatch.setattr("harmonia.prompts.chat.CHARACTERS", 50_000)
    tokenizer = tiny_loaded("llama").tokenizer
    return lambda jinja: ChatFormat(name="model", jinja=jinja, tokenizer=tokenizer)


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_template_ends_in_a_line(kind: str, chat: Any) -> None:
    jinja, words = HOSTILE[kind]
    with pytest.raises(InputError, match=words) as caught:
        chat(jinja).prompt(ASKED)
    assert "\n" not in str(caught.value)
    # Nothing of it is left to end what comes next.
    assert chat("{{ messages[0].content }}").prompt(ASKED) == "Who?"


@pytest.mark.parametrize("text", ["raise_exception.__globals__", "'{0.__class__.__init__}'.format(messages)"])
def test_what_must_not_be_reached_is_not_written(text: str, chat: Any) -> None:
    assert chat(f"a{{{{ {text} }}}}b").prompt(ASKED) == "ab"


def test_what_is_stopped_at_its_end_stops_nobody_else() -> None:
    for _ in range(30):
        try:
            with bounds.bounded(0.002):
                ends = time.perf_counter() + 0.002
                while time.perf_counter() < ends:
                    pass
        except bounds.TooLongError:
            pass
        sum(range(1000))


def test_a_power_is_refused_and_other_stars_are_not() -> None:
    def brought(text: str) -> str:
        return brought_template(SimpleNamespace(chat_template=text), None)

    with pytest.raises(InputError, match="raises to a power"):
        brought("{{ 9 ** 9 ** 9 }}")
    for text in ("{{ '**bold**' }}", "{{ f(**kwargs) }}", "**{{ messages[0].content }}**", "{{ 2 * 3 }}"):
        assert brought(text) == text
