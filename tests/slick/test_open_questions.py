"""Questions in words: their file, and answers that count as right."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from harmonia.data import ItemSource
from harmonia.errors import InputError
from harmonia.slick.questions import OpenQuestion, normalised, read_open_questions


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
        # marks of numbers and words
        ("3.5 metres.", "3.5 metres"),
        ("1,000,000", "1000000"),
        ("−.5", "-0.5"),
        # nothing else: kept
        ("A", "a"),
        ("+", "+"),
        ("", ""),
    ],
)
def test_normalisation_by_hand(text, plain):
    assert normalised(text) == plain


DIFFERENT = [
    *(("3.5", "35"), ("3.14", "314"), ("0.5", "5"), (".5", "5"), ("3,5", "35"), ("1.10", "110")),
    *(("-5", "5"), ("−5", "5"), ("-$5", "$5"), ("1e-3", "1e3"), ("10^-3", "10^3"), ("10^6", "106")),
    *(("1/2", "12"), ("10:30", "1030"), ("3:1", "31"), ("1914-1918", "19141918"), ("1,2,3", "123")),
    *(("v1.1", "v11"), ("C++", "C"), ("C#", "C"), ("C++", "C#"), ("A+", "A-"), ("AB-", "AB"), ("Cl-", "Cl")),
]
SAME = [
    *(("1,000", "1000"), ("12,345.5", "12345.5"), (".5", "0.5"), ("−5", "-5"), ("1914–1918", "1914-1918")),
    *(("3.5.", "3.5"), ('"3.5"', "3.5"), ("(-5)", "-5"), ("50%", "50"), ("$5", "5"), ("+5", "5")),
    *(("U.S.", "US"), ("well-known", "wellknown"), ("F-16", "F16"), ("the 1980s.", "1980s")),
]


@pytest.mark.parametrize(
    ("one", "other", "same"), [(*p, False) for p in DIFFERENT] + [(*p, True) for p in SAME]
)
def test_punctuation_that_makes_another_answer_is_kept(one, other, same):
    question = OpenQuestion(id="1", domain="d", question="?", answers=(one,))
    assert question.accepts(f" {other}\n") is same
    assert OpenQuestion(id="1", domain="d", question="?", answers=(other,)).accepts(one) is same


def test_an_answer_may_be_any_alias_and_nothing_more():
    question = OpenQuestion(id="1", domain="d", question="?", answers=("New York City", "NYC"))
    assert question.accepts(" the new york city.") and question.accepts("N.Y.C.")
    assert (
        not question.accepts("New York") and not question.accepts("NYC, I think") and not question.accepts("")
    )
    grade = OpenQuestion(id="2", domain="d", question="?", answers=("A",))
    assert grade.accepts("a.") and not grade.accepts("the") and not grade.accepts("")


def test_any_format_and_columns_of_ones_own_are_read(tmp_path):
    rows = [{"q": "Who?", "a": ["She", "Her"]}, {"q": "Where?", "a": ["Rome"]}]
    columns = {"question": "q", "answer": "a"}
    (tmp_path / "own.jsonl").write_text("\n".join(map(json.dumps, rows)))
    pd.DataFrame(rows).to_csv(tmp_path / "own.csv", index=False)
    pd.DataFrame(rows).to_parquet(tmp_path / "own.parquet")
    found = {
        read_open_questions(ItemSource(path=str(tmp_path / name), domain="d", columns=columns))
        for name in ("own.jsonl", "own.csv", "own.parquet")
    }
    (questions,) = found
    assert [(one.question, one.answers) for one in questions] == [
        ("Who?", ("She", "Her")),
        ("Where?", ("Rome",)),
    ]
    assert len({one.id for one in questions}) == 2
    own = ItemSource(path=str(tmp_path / "own.jsonl"), domain="d", columns=columns)
    drawn = {read_open_questions(own.model_copy(update={"limit": 1, "seed": seed})) for seed in range(8)}
    assert drawn == {(questions[0],), (questions[1],)}
    for unused in ({"drop_repeated": True}, {"columns": {"choices": "a"}}):
        with pytest.raises(InputError, match="no setting of questions in words") as caught:
            read_open_questions(ItemSource(path=str(tmp_path / "own.csv"), **unused))
        assert caught.value.field in ("drop_repeated", "columns.choices")


def test_columns_that_are_named_are_read_wherever_they_stand_or_missed(tmp_path):
    path = tmp_path / "own.jsonl"
    row = {"meta": {"id": 7, "field": "law"}, "question": "Who?", "answer": "She"}
    path.write_text(json.dumps(row))
    columns = {"id": "meta.id", "subject": "meta.field"}
    (found,) = read_open_questions(ItemSource(path=str(path), columns=columns))
    assert (found.id, found.domain) == ("7", "law")
    for part in ("id", "subject", "question", "answer"):
        with pytest.raises(InputError, match="no such column; here are meta, question, answer") as caught:
            read_open_questions(ItemSource(path=str(path), columns=columns | {part: "meta.name"}))
        assert caught.value.field == "meta.name"


def test_a_file_is_read(tmp_path):
    path = tmp_path / "person" / "free.jsonl"
    path.parent.mkdir()
    rows = [
        {"id": 1, "question": " Who? ", "answer": " She "},
        {"id": "b", "domain": "place", "question": "Where?", "answers": ["Rome", "Roma"], "kind": "known"},
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    assert read_open_questions(ItemSource(path=str(path))) == (
        OpenQuestion(id="1", domain="person", question="Who?", answers=("She",)),
        OpenQuestion(id="b", domain="place", question="Where?", answers=("Rome", "Roma")),
    )
    assert [one.domain for one in read_open_questions(ItemSource(path=str(path), domain="law"))] == [
        "law",
        "place",
    ]


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"id": None, "question": "Who?", "answer": "x"}, "id"),
        ({"id": "b", "answer": "x"}, "question"),
        ({"id": "b", "question": "", "answer": "x"}, "question"),
        ({"id": "b", "question": " \n", "answer": "x"}, "question"),
        ({"id": " ", "question": "Who?", "answer": "x"}, "id"),
        ({"id": "b", "question": "Who?", "answer": " "}, "answer"),
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
        read_open_questions(ItemSource(path=str(path)))
    assert (caught.value.row, caught.value.field) == (2, field)
    path.write_text("\n")
    with pytest.raises(InputError, match="no question"):
        read_open_questions(ItemSource(path=str(path)))
