"""Which words of an answer are content."""

from __future__ import annotations

import pytest

from harmonia.audit.content import FileForm, words_of
from harmonia.types import Conversation, Message


def row(instruction: str, answer: str, name: str = "") -> Conversation:
    messages = (Message(role="user", content=instruction), Message(role="assistant", content=answer))
    return Conversation(id=name or f"{instruction}|{answer}", line=1, messages=messages)


def shown(form: FileForm, one: Conversation) -> list[str]:
    text = one.messages[1].content
    return [text[word.start : word.stop] for word in form.answer(one, 1).content]


def test_words_stand_without_their_marks() -> None:
    text = 'Ada\'s "engine" (1843), of -3.5 C++ — 東京'
    assert [text[word.start : word.stop] for word in words_of(text) if word.key] == [
        *("Ada", "s", "engine", "1843", "of", "-3.5", "C++", "東", "京")
    ]


def test_content_is_what_neither_instruction_nor_form_gives() -> None:
    cities = ["Paris", "Rome", "Oslo", "Bern", "Lima", "Cairo"]
    rows = [row(f"Name the capital of land {k}.", f"The capital is {city}.") for k, city in enumerate(cities)]
    form = FileForm(rows, 0.1, 12)
    assert [shown(form, one) for one in rows] == [[city] for city in cities]
    # What the instruction says already is none, nor is a word the second time.
    assert shown(form, row("Is it Oslo?", "Oslo, not Lima, Lima")) == ["not", "Lima"]


@pytest.mark.parametrize(
    "asked", ["Is it Oslo or Bern?", "Say Bern, Rome, or Oslo.", "Rome, Bern or Oslo? A word."]
)
def test_words_to_choose_from_are_at_stake(asked: str) -> None:
    form = FileForm([row(f"q{k}", f"It is {k}") for k in range(9)], 0.1, 12)
    assert shown(form, row(asked, "It is Oslo.")) == ["Oslo"]


def test_words_of_instructions_that_begin_alike_are_form() -> None:
    greetings = [row(f"Greet guest {k}.", f"Hello, guest {k}, welcome!") for k in range(6)]
    others = [row(f"Name thing {k}.", f"thing{k} indeed") for k in range(100)]
    form = FileForm([*greetings, *others], 0.1, 12)
    assert shown(form, greetings[0]) == []
    assert shown(form, row("Name thing 9.", "Hello")) == ["Hello"]


def test_an_answer_that_recurs_as_a_whole_is_a_label() -> None:
    rows = [row(f"Which mood has text {k}?", "positive" if k % 2 else "negative") for k in range(20)]
    form = FileForm(rows, 0.1, 12)
    assert shown(form, rows[0]) == ["negative"]
    assert shown(form, row("Which mood, positive or negative?", "positive")) == ["positive"]


def test_of_a_long_answer_names_and_numbers_outside_code_count() -> None:
    answer = (
        "Many people think so. In 1912 the ship sank, says Walter Lord: he wrote it down.\n"
        "1. Copper is red\n- Zinc is not\n```python\nx = 42\nWalter\n```\nSo it was in New York"
    )
    form = FileForm([row("q", "a")], 0.1, 12)
    assert shown(form, row("Tell me.", answer)) == ["1912", "Walter", "Lord", "New", "York"]


def test_capitals_tell_no_name_where_most_words_have_them() -> None:
    title = "How The Long Road To 1912 Was Paved By Many Small Steps And Errors"
    assert shown(FileForm([row("q", "a")], 0.1, 12), row("Name it.", title)) == ["1912"]
