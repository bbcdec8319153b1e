"""Questions in words: their file, and answers that count as right."""

from __future__ import annotations

import json

import pytest

from harmonia.errors import InputError
from harmonia.probe.open_questions import OpenQuestion, normalised, read_open_questions


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        # SQuAD's rule, by hand
        (" The Eiffel Tower.", "eiffel tower"),
        ("an  apple\ta day", "apple day"),
        ("U.S.A.", "usa"),
        ("Theatre and animals", "theatre and animals"),
        ("well-known", "wellknown"),
        ("$5", "5"),
        # punctuation of other scripts
        ("“北京”。", "北京"),
        ("l’eau", "leau"),
        # nothing else: kept
        ("A", "a"),
        ("+", "+"),
        ("", ""),
    ],
)
def test_normalisation_by_hand(text, plain):
    assert normalised(text) == plain


def test_an_answer_may_be_any_alias_and_nothing_more():
    question = OpenQuestion(id="1", domain="d", question="?", answers=("New York City", "NYC"))
    assert question.accepts(" the new york city.") and question.accepts("N.Y.C.")
    assert (
        not question.accepts("New York") and not question.accepts("NYC, I think") and not question.accepts("")
    )
    grade = OpenQuestion(id="2", domain="d", question="?", answers=("A",))
    assert grade.accepts("a.") and not grade.accepts("the") and not grade.accepts("")


def test_a_file_is_read(tmp_path):
    path = tmp_path / "person" / "free.jsonl"
    path.parent.mkdir()
    rows = [
        {"id": 1, "question": " Who? ", "answer": " She "},
        {"id": "b", "domain": "place", "question": "Where?", "answers": ["Rome", "Roma"], "kind": "known"},
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    assert read_open_questions(path) == (
        OpenQuestion(id="1", domain="person", question="Who?", answers=("She",)),
        OpenQuestion(id="b", domain="place", question="Where?", answers=("Rome", "Roma")),
    )
    assert [one.domain for one in read_open_questions(path, domain="law")] == ["law", "place"]


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"question": "Who?", "answer": "x"}, "id"),
        ({"id": "b", "answer": "x"}, "question"),
        ({"id": "b", "question": "", "answer": "x"}, "question"),
        ({"id": "b", "question": "Who?"}, "answer"),
        ({"id": "b", "question": "Who?", "answer": 3}, "answer"),
        ({"id": "b", "question": "Who?", "answers": []}, "answers"),
        ({"id": "b", "question": "Who?", "answers": ["x", " "]}, "answers"),
        ({"id": "a", "question": "Who?", "answer": "x"}, "id"),
    ],
)
def test_a_wrong_row_is_named(tmp_path, row, field):
    path = tmp_path / "free.jsonl"
    path.write_text(json.dumps({"id": "a", "question": "Q?", "answer": "x"}) + "\n" + json.dumps(row))
    with pytest.raises(InputError) as caught:
        read_open_questions(path)
    assert (caught.value.row, caught.value.field) == (2, field)
    path.write_text("\n")
    with pytest.raises(InputError, match="no question"):
        read_open_questions(path)
