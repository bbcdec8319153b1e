"""Every kind of bad row: content -> the field, the value seen and the problem named."""

from __future__ import annotations

import json

import pytest

from harmonia.errors import InputError

GOOD = {"id": 1, "question": "Which?", "choices": ["x", "y", "z"], "answer": 2, "explanation": "So."}
FIRST = json.dumps({**GOOD, "id": 0, "question": "First?", "answer": 0})


def without(name: str) -> dict:
    return {key: value for key, value in GOOD.items() if key != name}


BAD_FIELDS = [
    ({**GOOD, "answer": 7}, "answer", "7", "out of range: the row has 3 options"),
    (without("answer"), "answer", None, "missing"),
    ({**GOOD, "question": ""}, "question", "''", "empty"),
    ({**GOOD, "question": " \u3000\n"}, "question", r"' \u3000\n'", "empty"),
    ({**GOOD, "question": 7}, "question", "7", "int where a text"),
    (without("question") | {"raw": 1}, "question", None, "missing"),
    ({**GOOD, "choices": ["x", "", "z"]}, "choices[1]", "''", "empty"),
    ({**GOOD, "choices": ["x", "y", "\t"]}, "choices[2]", r"'\t'", "empty"),
    ({**GOOD, "choices": ["x", "y", 3]}, "choices[2]", "3", "int where a text"),
    ({**GOOD, "choices": ["x", None]}, "choices[1]", "None", "null where a text"),
    ({**GOOD, "choices": ["x"]}, "choices", "['x']", "1 options"),
    ({**GOOD, "choices": []}, "choices", "[]", "0 options"),
    ({**GOOD, "choices": [f"{k:02}" for k in range(27)]}, "choices", None, "27 options"),
    ({**GOOD, "choices": ["x", "y", " x "]}, "choices[2]", "'x'", "same text as option 1"),
    ({**GOOD, "choices": ["x", "y", "z", "z"], "answer": "z"}, "choices[3]", "'z'", "same text as option 3"),
    ({**GOOD, "choices": "xyz"}, "choices", "'xyz'", "str where a list"),
    ({**GOOD, "choices": "['x' 'y', 'z']"}, "choices", None, "str where a list"),
    ({**GOOD, "choices": {"a": 1}}, "choices", "{'a': 1}", "dict where a list"),
    ({**GOOD, "choices": None}, "choices", "None", "null where a list"),
    ({**GOOD, "choices": "x\n\ny"}, "choices[1]", "''", "empty"),
    (without("choices"), "choices", None, "missing"),
    ({**GOOD, "explanation": 5}, "explanation", "5", "int where a text"),
    ({**GOOD, "id": 0}, "id", "'0'", "used before with another content, in row 1"),
    ({**GOOD, "id": "0"}, "id", "'0'", "used before with another content, in row 1"),
    ({**GOOD, "id": True}, "id", "True", "bool where"),
    ({**GOOD, "id": 1.5}, "id", "1.5", "float where"),
    ({**GOOD, "id": " "}, "id", "' '", "empty"),
    ({**GOOD, "id": None}, "id", "None", "null where"),
    (without("id"), "id", None, "missing"),
]


@pytest.mark.parametrize(("row", "field", "seen", "problem"), BAD_FIELDS)
def test_a_bad_field_is_named(read, tmp_path, row, field, seen, problem):
    content = f"{FIRST}\n\n{json.dumps(row)}\n"
    with pytest.raises(InputError) as caught:
        read(content)
    error = caught.value
    # The blank line counts: the number is the one an editor shows.
    assert (error.file, error.row, error.field) == (str(tmp_path / "law/test.jsonl"), 3, field)
    assert problem in error.problem
    if seen is not None:
        assert error.seen == seen
    assert "No further row is bad; on_bad_row=skip (YAML: on_bad_row: skip) leaves it out." in str(error)

    result = read(content, on_bad_row="skip")
    assert [item.id for item in result.items] == ["0"]
    (bad,) = result.skipped
    assert (bad.file, bad.row, bad.field, bad.seen) == (error.file, 3, field, error.seen)
    assert bad.problem == error.problem
    assert error.remedy.startswith(bad.remedy)


def test_half_a_surrogate_pair_is_a_bad_row(read):
    bad = json.dumps({**GOOD, "question": "half \ud83d"})
    result = read(f"{FIRST}\n{bad}", on_bad_row="skip")
    assert [row.row for row in result.skipped] == [2]
    assert "surrogate" in result.skipped[0].problem


def test_labels_must_be_one_for_each_option(read):
    first = {
        "id": "1",
        "question": "Q?",
        "choices": {"text": list("xyz"), "label": list("ABC")},
        "answerKey": "C",
    }
    for labels in ("AB", "AAB", "ABCD"):
        second = {**first, "id": "2", "choices": {"text": list("xyz"), "label": list(labels)}}
        with pytest.raises(InputError, match=r"row 2, field 'choices.label': not one label of its own"):
            read("\n".join(map(json.dumps, [first, second])))
    with pytest.raises(InputError, match=r"row 2, field 'choices.text': the field is missing"):
        read("\n".join(map(json.dumps, [first, {**first, "id": "2", "choices": None}])))
    with pytest.raises(
        InputError, match=r"field 'answerKey': the answer is not one of the row's labels; saw 'E'"
    ):
        read("\n".join(map(json.dumps, [first, {**first, "id": "2", "answerKey": "E"}])))


def test_further_bad_rows_are_counted(read):
    lines = [{**GOOD, "id": k, "answer": answer} for k, answer in enumerate([0, 9, 1, 9, 9])]
    with pytest.raises(InputError, match=r"row 2, field 'answer'.*2 further rows are bad; on_bad_row=skip"):
        read("\n".join(map(json.dumps, lines)))


def test_a_good_row_keeps_its_text_and_loses_the_space_around_it(read):
    row = {
        "id": "q-7",
        "question": "  Two\nlines?  ",
        "choices": [" a b ", "c\u2028d"],
        "answer": "b",
        "explanation": " As is. ",
    }
    (item,) = read(json.dumps(row, ensure_ascii=False)).items
    assert item.id == "q-7"
    assert item.question == "Two\nlines?"
    assert item.choices == ("a b", "c\u2028d")
    assert item.answer == 1
    assert item.explanation == " As is. "
    assert (item.split, item.source) == ("test", "law/test.jsonl")


@pytest.mark.parametrize("row", [without("explanation"), {**GOOD, "explanation": None}])
def test_no_explanation_is_an_empty_text(read, row):
    assert read(json.dumps(row)).items[0].explanation == ""


def test_two_and_twentysix_options_are_the_ends(read):
    lines = [{**GOOD, "id": n, "choices": [f"{k}." for k in range(n)], "answer": 0} for n in (2, 26)]
    assert [len(item.choices) for item in read("\n".join(map(json.dumps, lines))).items] == [2, 26]
