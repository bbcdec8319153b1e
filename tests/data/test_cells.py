"""Lists that tables hold as text: what numpy, pandas and Python themselves write is the reference."""

from __future__ import annotations

import json

import numpy as np
import pytest

from harmonia.data.cells import MISSING, cell, unfold

TEXTS = ['iron, or "tin"', "it's\nzinc", "a\\b", "['nested']", "é 汞"]


@pytest.mark.parametrize(
    "spell",
    [
        json.dumps,
        repr,
        lambda texts: str(np.array(texts, dtype=object)),
        lambda texts: str(np.array(texts)),
    ],
)
def test_every_spelling_of_a_list_is_read(spell):
    assert list(unfold(spell(TEXTS))) == TEXTS
    assert list(unfold(spell(["one alone"]))) == ["one alone"]


@pytest.mark.parametrize("spell", [json.dumps, repr, lambda value: repr(_arrays(value))])
def test_every_spelling_of_an_object_is_read(spell):
    value = {"text": TEXTS, "label": list("ABCDE")}
    assert unfold(spell(value)) == value
    assert cell({"choices": spell(value)}, "choices.text") == TEXTS


def _arrays(value: dict) -> dict:
    return {name: np.array(texts, dtype=object) for name, texts in value.items()}


@pytest.mark.parametrize(
    "text",
    [
        "['a' 'b', 'c']",  # numpy writes no commas, Python only commas
        "[a, b]",
        "[1 2]",
        "['a' None]",
        "[open('x')]",
        "{'text': ['a', 'b']",
        "{[1]: 2}",
        "{('a', 'b'): 1}",
        "{'text': ['a', 'b'], **more}",
        "[" * 5000,
        "plain",
        "",
    ],
)
def test_what_is_no_list_stays_a_text(text):
    assert unfold(text) == text


def test_names_reach_into_objects_and_lists_of_objects():
    row = {"a.b": 1, "q": {"stem": "Why?", "o": [{"t": "x"}, {"t": "y"}]}, "n": None}
    assert cell(row, "a.b") == 1
    assert cell(row, "q.stem") == "Why?"
    assert cell(row, "q.o.t") == ["x", "y"]
    assert cell(row, "n") is None
    for name in ("m", "n.x", "q.none", "q.o.none", "q.stem.x"):
        assert cell(row, name) is MISSING
