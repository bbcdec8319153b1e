"""What a written text must be before it is used."""

from __future__ import annotations

import re

from harmonia.models import Continuation
from harmonia.prompts.exam import LETTERS
from harmonia.prompts.letters import named_letters, stated_letters

EMPTY = "empty"
CUT = "cut off"
NO_ROOM = "the prompt fills the model's context"
NO_TEXT = "the server's answer holds no text"
OPEN_END = "no end of a sentence"
OTHER_LETTER = "states another letter"
ANSWER_LETTER = "names the answer's letter"

_SENTENCE_END = re.compile(r"[.!?。！？…][\"'”’」』)\]）]*$")


def explanation_problem(written: Continuation, target: int, count: int) -> str | None:
    """What is wrong with an explanation of option `target` of `count`; None if nothing."""
    text = written.text.strip()
    others = set(stated_letters(text, count)) - {LETTERS[target]}
    return form_problem(written, sentence=True) or (OTHER_LETTER if others else None)


def passage_problem(written: Continuation, answer: int, count: int) -> str | None:
    """What is wrong with a passage that must not give the answer's letter; None if nothing."""
    return form_problem(written, sentence=True) or context_problem(written.text, answer, count)


def context_problem(text: str, answer: int, count: int) -> str | None:
    """What is wrong with a finished context; None if nothing."""
    if not _has_words(text):
        return EMPTY
    return ANSWER_LETTER if LETTERS[answer] in named_letters(text, count) else None


def form_problem(written: Continuation, *, sentence: bool) -> str | None:
    """What is wrong with a text whatever it says; None if nothing. `sentence`: whether it must end one."""
    text = written.text.strip()
    if written.ended == "no room":
        return NO_ROOM
    if written.ended == "no text":
        return NO_TEXT
    if not _has_words(text):
        return EMPTY
    if written.ended == "length":
        return CUT
    return OPEN_END if sentence and not ends_sentence(text) else None


def ends_sentence(text: str) -> bool:
    """Whether a text ends where a sentence does."""
    return bool(_SENTENCE_END.search(text))


def _has_words(text: str) -> bool:
    return any(mark.isalnum() for mark in text)
