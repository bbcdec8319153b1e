from __future__ import annotations

import json

import pytest

from harmonia.errors import InputError

RAW = {"question": "Which?", "labels": ["L"], "answer": "p-type", "options": "n-type \np-type\nnone"}


def test_a_row_is_read_from_raw_where_its_own_fields_are_absent(read):
    row = {"id": 9, "raw": RAW, "gen_exp": {"input": ""}, "probs": [1.0], "pred": 0, "explanation": None}
    (item,) = read(json.dumps(row), domain="engineering").items
    assert (item.question, item.choices, item.answer) == ("Which?", ("n-type", "p-type", "none"), 1)
    assert (item.id, item.domain, item.explanation) == ("9", "engineering", "")


def test_its_own_fields_come_before_raw(read):
    row = {"id": 9, "question": "Own?", "choices": ["a", "b"], "answer": 0, "raw": RAW, "output": 1}
    (item,) = read(json.dumps(row)).items
    assert (item.question, item.choices, item.answer) == ("Own?", ("a", "b"), 0)


def test_the_split_is_the_declared_one_where_the_name_has_none(read):
    row = json.dumps({"id": 9, "raw": RAW})
    assert read(row, name="law/mine.jsonl").items[0].split == ""
    assert read(row, name="law/mine.jsonl", split="train").items[0].split == "train"
    with pytest.raises(InputError, match="the file's split is 'test'"):
        read(row, split="train")


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_a_file_without_rows_is_an_error(read, content):
    with pytest.raises(InputError, match="the file has no rows"):
        read(content, on_bad_row="skip")


def test_a_file_without_a_good_row_is_an_error_even_with_skip(read):
    with pytest.raises(InputError, match="none of the 2 rows can be used; the first: not JSON") as caught:
        read("no\nno\n", on_bad_row="skip")
    assert (caught.value.row, caught.value.seen) == (1, "'no'")
