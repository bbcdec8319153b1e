"""Every kind of bad row: content -> the field, the value seen and the problem named."""

from __future__ import annotations

import json

import pytest

from harmonia.errors import InputError

GOOD = {"id": 1, "question": "Which?", "choices": ["x", "y", "z"], "answer": 2, "explanation": "So."}
FIRST = json.dumps({**GOOD, "id": 0})


def without(name: str) -> dict:
    return {key: value for key, value in GOOD.items() if key != name}


RAW = {"question": "Which?", "options": "x\ny", "answer": "y", "labels": ["L"]}

BAD_FIELDS = [
    ({**GOOD, "answer": 3}, "answer", "3", "out of range: the row has 3 options"),
    ({**GOOD, "answer": -1}, "answer", "-1", "out of range"),
    ({**GOOD, "answer": "D"}, "answer", "'D'", "out of range"),
    ({**GOOD, "answer": True}, "answer", "True", "bool where"),
    ({**GOOD, "answer": 1.0}, "answer", "1.0", "float where"),
    ({**GOOD, "answer": None}, "answer", "None", "null where"),
    ({**GOOD, "answer": "2"}, "answer", "'2'", "not a whole number from 0 or a letter"),
    ({**GOOD, "answer": "z"}, "answer", "'z'", "out of range"),
    ({**GOOD, "answer": "two"}, "answer", "'two'", "not a whole number from 0 or a letter"),
    (without("answer"), "answer", None, "missing"),
    ({**GOOD, "question": ""}, "question", "''", "empty"),
    ({**GOOD, "question": " \u3000\n"}, "question", r"' \u3000\n'", "empty"),
    ({**GOOD, "question": 7}, "question", "7", "int where a text"),
    (without("question") | {"raw": 1}, "question", None, "missing"),
    ({**GOOD, "question": "half \ud83d"}, "question", r"'half \ud83d'", "surrogate"),
    ({**GOOD, "choices": ["x", "", "z"]}, "choices[1]", "''", "empty"),
    ({**GOOD, "choices": ["x", "y", "\t"]}, "choices[2]", r"'\t'", "empty"),
    ({**GOOD, "choices": ["x", "y", 3]}, "choices[2]", "3", "int where a text"),
    ({**GOOD, "choices": ["x", None]}, "choices[1]", "None", "null where a text"),
    ({**GOOD, "choices": ["x"]}, "choices", "['x']", "1 options"),
    ({**GOOD, "choices": []}, "choices", "[]", "0 options"),
    ({**GOOD, "choices": [f"{k:02}" for k in range(27)]}, "choices", None, "27 options"),
    ({**GOOD, "choices": ["x", "y", " x "]}, "choices[2]", "'x'", "same text as option 1"),
    ({**GOOD, "choices": "xyz"}, "choices", "'xyz'", "str where a list"),
    ({**GOOD, "choices": {"a": 1}}, "choices", "{'a': 1}", "dict where a list"),
    (without("choices"), "choices", None, "missing"),
    ({**GOOD, "explanation": 5}, "explanation", "5", "int where a text"),
    ({**GOOD, "id": 0}, "id", "0", "used before, in row 1"),
    ({**GOOD, "id": "0"}, "id", "'0'", "used before, in row 1"),
    ({**GOOD, "id": True}, "id", "True", "bool where"),
    ({**GOOD, "id": 1.5}, "id", "1.5", "float where"),
    ({**GOOD, "id": " "}, "id", "' '", "empty"),
    ({**GOOD, "id": None}, "id", "None", "null where"),
    (without("id"), "id", None, "missing"),
    ({"id": 1, "raw": RAW | {"answer": "w"}}, "raw.answer", "'w'", "not the text of one"),
    ({"id": 1, "raw": RAW | {"options": "x\n\ny"}}, "raw.options[1]", "''", "empty"),
    ({"id": 1, "raw": RAW | {"options": ["x", 2]}}, "raw.options[1]", "2", "int where"),
    ({"id": 1, "raw": {"question": "Which?", "answer": "y"}}, "raw.options", None, "missing"),
    ({"id": 1, "raw": {"options": "x\ny", "answer": "y"}}, "raw.question", None, "missing"),
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
    assert "No further row is bad; --on-bad-row skip (YAML: on_bad_row: skip) leaves it out." in str(error)

    result = read(content, on_bad_row="skip")
    assert [item.id for item in result.items] == ["0"]
    (bad,) = result.skipped
    assert (bad.file, bad.row, bad.field, bad.seen) == (error.file, 3, field, error.seen)
    assert bad.problem == error.problem
    assert error.remedy.startswith(bad.remedy)


BAD_LINES = [
    (b'{"id": 1, ', r"""'{"id": 1,'""", "not JSON ("),
    (b"[1, 2]", "[1, 2]", "not a JSON object"),
    (b"null", "None", "not a JSON object"),
    (b'{"id": 1, "question": "caf\xe9 au lait"}', r"b'\xe9 au'", "byte 27 of the line is not UTF-8"),
    (b'{"id": ' + b"9" * 5000 + b"}", None, "5000 digits, more than 64 bits"),
]


@pytest.mark.parametrize(("line", "seen", "problem"), BAD_LINES)
def test_a_bad_line_is_named_and_only_it_is_left_out(read, line, seen, problem):
    content = b"\xef\xbb\xbf" + FIRST.encode() + b"\n" + line + b"\n" + json.dumps(GOOD).encode() + b"\n"
    with pytest.raises(InputError) as caught:
        read(content)
    assert (caught.value.row, caught.value.field, caught.value.seen) == (2, None, seen)
    assert problem in caught.value.problem
    assert [item.id for item in read(content, on_bad_row="skip").items] == ["0", "1"]


def test_an_id_is_booked_by_a_bad_row_too(read):
    lines = [{**GOOD, "id": 5, "answer": 9}, {**GOOD, "id": 6}, {**GOOD, "id": 5}]
    result = read("\n".join(map(json.dumps, lines)), on_bad_row="skip")
    assert [item.id for item in result.items] == ["6"]
    assert [(bad.row, bad.field) for bad in result.skipped] == [(1, "answer"), (3, "id")]


def test_further_bad_rows_are_counted(read):
    lines = [{**GOOD, "id": k, "answer": answer} for k, answer in enumerate([0, 9, 1, 9, 9])]
    with pytest.raises(InputError, match=r"row 2, field 'answer'.*2 further rows are bad; --on-bad-row skip"):
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
    assert (item.domain, item.split, item.source) == ("law", "test", "law/test.jsonl")


@pytest.mark.parametrize("row", [without("explanation"), {**GOOD, "explanation": None}])
def test_no_explanation_is_an_empty_text(read, row):
    assert read(json.dumps(row)).items[0].explanation == ""


def test_two_and_twentysix_options_are_the_ends(read):
    lines = [{**GOOD, "id": n, "choices": [f"{k}." for k in range(n)], "answer": n - 1} for n in (2, 26)]
    assert [len(item.choices) for item in read("\n".join(map(json.dumps, lines))).items] == [2, 26]
