"""CSV, JSON and Parquet: broken rows are named and left out one by one, broken files refused."""

from __future__ import annotations

import csv
import json

import pytest

from harmonia.errors import InputError

HEADED = "question,choice0,choice1,choice2,choice3,answer\n"
PLAIN = HEADED + "One?,a,b,c,d,0\nTwo?,e,f,g,h,3\n"

SAME = {
    "header": PLAIN,
    "no header": "One?,a,b,c,d,A\nTwo?,e,f,g,h,D\n",
    "no header, index": "One?,a,b,c,d,0\r\nTwo?,e,f,g,h,3\r\n",
    "lettered header": "question,A,B,C,D,answer\nOne?,a,b,c,d,A\nTwo?,e,f,g,h,d\n",
    "CMMLU": ",Question,A,B,C,D,Answer\n0,One?,a,b,c,d,A\n1,Two?,e,f,g,h,D\n",
    "other order": "answer,choice3,choice1,question,choice0,choice2,n\n0,d,b,One?,a,c,\n3,h,f,Two?,e,g,\n",
    "byte order mark": "\ufeff" + PLAIN,
    "empty lines": PLAIN.replace("\n", "\n\n"),
}


@pytest.mark.parametrize("form", SAME)
def test_all_forms_of_mmlu_give_the_same_items(read, form):
    items = read(SAME[form], name="mmlu/anatomy_test.csv").items
    assert [(item.question, item.choices, item.answer) for item in items] == [
        ("One?", ("a", "b", "c", "d"), 0),
        ("Two?", ("e", "f", "g", "h"), 3),
    ]
    assert [item.id for item in items] == [item.id for item in read(PLAIN, name="anatomy_test.csv").items]
    assert {(item.domain, item.split, item.source) for item in items} == {
        ("anatomy", "test", "mmlu/anatomy_test.csv")
    }


def test_c_eval_keeps_its_ids_and_explanations(read):
    content = "id,question,A,B,C,D,answer,explanation\n0,下列____,甲,乙,丙,丁,C,因为\n1,哪个,甲,乙,丙,丁,A,\n"
    first, second = read(content, name="ceval/law_val.csv").items
    assert (first.id, first.question, first.answer, first.explanation) == ("law/0", "下列____", 2, "因为")
    assert (first.domain, first.split) == ("law", "val")
    assert (second.id, second.choices, second.explanation) == ("law/1", ("甲", "乙", "丙", "丁"), "")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("id,question,A,B,C,D\n0,Q?,a,b,c,d\n", "no column tells the answer.*take another split"),
        ("id,question,A,B,C,D,answer\n0,Q?,a,b,c,d,\n1,R?,a,b,c,d, \n", "none of the 2 .*has no answer"),
    ],
)
def test_a_test_split_without_answers_says_so(read, content, problem):
    with pytest.raises(InputError, match=problem):
        read(content, name="law_test.csv", on_bad_row="skip")


def test_a_question_may_hold_line_ends_commas_and_quotation_marks(read):
    content = HEADED + '"He said ""no"",\n\nand left.\r\nWhy?",a,"b, c",c,d,B\nNext?,a,b,c,d,9\n'
    result = read(content, name="anatomy_test.csv", on_bad_row="skip")
    assert result.items[0].question == 'He said "no",\n\nand left.\r\nWhy?'
    assert result.items[0].choices[1] == "b, c"
    # The first question covers lines 2 to 5.
    assert [(bad.row, bad.field) for bad in result.skipped] == [(6, "answer")]


def test_a_quotation_mark_that_another_row_closes_tells_what_it_swallows(read):
    content = PLAIN + '"Open?,a,b,c,d,0\nThree?,a,b,c,d,0\n"Shut" he said?,a,b,c,d,0\nFour?,a,b,c,d,0\n'
    result = read(content, name="anatomy_test.csv", on_bad_row="skip")
    assert [item.question for item in result.items] == ["One?", "Two?", "Four?"]
    (bad,) = result.skipped
    assert bad.row == 4 and bad.problem.endswith("and swallows the lines down to 6")


def test_a_long_cell_is_read_and_one_without_end_refused_however_much_it_swallows(read):
    usual = csv.field_size_limit()
    try:
        csv.field_size_limit(131_072)
        long = "a" * 200_000
        items = read(PLAIN + f"Three?,{long},b,c,d,0\n", name="anatomy_test.csv").items
        assert [len(item.choices[0]) for item in items] == [1, 1, len(long)]
        csv.field_size_limit(131_072)
        swallowed = "".join(f"Number {k}?,a,b,c,d,0\n" for k in range(8000))
        with pytest.raises(InputError, match="row 4: a quotation mark opens a cell that never ends"):
            read(PLAIN + '"Open?,a,b,c,d,0\n' + swallowed, name="anatomy_test.csv", on_bad_row="skip")
    finally:
        csv.field_size_limit(usual)


BAD = [
    (b"Q?,a,b,c,d,5", "answer", "'5'", "out of range"),
    (b"Q?,a,b,c,d,x", "answer", "'x'", "not a whole number from 0"),
    (b",a,b,c,d,1", "question", "''", "empty"),
    (b"Q?,a,b, ,d,1", "choice2", "' '", "empty"),
    (b"Q?,a,b,c,a ,1", "choice3", "'a'", "same text as option 1"),
    (b"Q?,a,b,c,1", None, "['Q?', 'a', 'b', 'c', '1']", "5 columns instead of 6"),
    (b"Q?,a,b,c,d,1,", None, "['Q?', 'a', 'b', 'c', 'd', '1', '']", "7 columns instead of 6"),
    (b"Q?,a,b\xff\xfe,c,d,1", None, r"b'\xff\xfe'", "not UTF-8"),
    (b'Q?,"a"b,b,c,d,1', None, None, "not CSV"),
]


@pytest.mark.parametrize(("row", "field", "seen", "problem"), BAD)
@pytest.mark.parametrize("headed", [True, False])
def test_a_bad_row_is_named_and_only_it_is_left_out(read, tmp_path, row, field, seen, problem, headed):
    lines = [b"One?,a,b,c,d,0", row, b"Two?,e,f,g,h,3"]
    content = b"\n".join([HEADED.strip().encode(), *lines] if headed else lines)
    with pytest.raises(InputError) as caught:
        read(content, name="anatomy_test.csv")
    error = caught.value
    assert (error.file, error.row) == (str(tmp_path / "anatomy_test.csv"), 3 if headed else 2)
    assert (error.field, error.seen) == (field, seen)
    assert problem in error.problem
    result = read(content, name="anatomy_test.csv", on_bad_row="skip")
    assert [item.question for item in result.items] == ["One?", "Two?"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "the file is empty"),
        (HEADED, "the file has no rows"),
        (HEADED + 'One?,a,b,c,d,0\n"Two?,a,b,c,d,0\nThree?,a,b,c,d,0\n', "never ends"),
        ("question,choice0,choice1,answer,answer\nQ?,a,b,0,0\n", "two columns have one name"),
        ("question,A,B,C\nQ?,a,b,c\n", "no column tells the answer"),
        ("name,age\nx,1\n", "no column tells the question"),
        (b"qu\xff,a,b,c,d,A\nQ?,a,b,c,d,A\n", "first row cannot be read"),
    ],
)
def test_a_csv_file_that_cannot_be_used_is_an_error_even_with_skip(read, content, problem):
    with pytest.raises(InputError, match=problem):
        read(content, name="anatomy_test.csv", on_bad_row="skip")


GOOD = {"id": 1, "question": "Which?", "choices": ["x", "y", "z"], "answer": 2}
FIRST = json.dumps({**GOOD, "id": 0, "answer": 0})

BAD_LINES = [
    (b'{"id": 1, ', r"""'{"id": 1,'""", "not JSON ("),
    (b"[1, 2]", "[1, 2]", "not a JSON object"),
    (b"null", "None", "not a JSON object"),
    (b'{"id": 1, "question": "caf\xe9 au lait"}', r"b'\xe9 au'", "byte 27 of the line is not UTF-8"),
    (b'{"id": ' + b"9" * 5000 + b"}", None, ""),
]


@pytest.mark.parametrize(("line", "seen", "problem"), BAD_LINES)
def test_a_bad_line_of_json_is_named_and_only_it_is_left_out(read, line, seen, problem):
    content = b"\xef\xbb\xbf" + FIRST.encode() + b"\n" + line + b"\n" + json.dumps(GOOD).encode() + b"\n"
    with pytest.raises(InputError) as caught:
        read(content)
    assert (caught.value.row, caught.value.field, caught.value.seen) == (2, None, seen)
    assert problem in caught.value.problem
    assert [item.id for item in read(content, on_bad_row="skip").items] == ["0", "1"]


def test_an_array_is_read_as_lines_are(read):
    rows = [json.loads(FIRST), 7, GOOD]
    result = read("\ufeff \n" + json.dumps(rows), name="own.json", on_bad_row="skip")
    assert [item.id for item in result.items] == ["0", "1"]
    assert [(row.row, row.problem) for row in result.skipped] == [(2, "not a JSON object")]
    assert (
        read(json.dumps(rows[::2]), name="own.jsonl").items
        == read(FIRST + "\n" + json.dumps(GOOD), name="own.jsonl").items
    )


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.txt", "x", r"no format that is read here.*\.parquet, \.csv, \.jsonl, \.json"),
        ("a.json", "[]", "the file has no rows"),
        ("a.json", '[{"question": 1}', "not JSON"),
        ("a.jsonl", "", "the file has no rows"),
        ("a.jsonl", "\n \n", "the file has no rows"),
        ("a.jsonl", "no\nno\n", "none of the 2 rows can be used; the first: not JSON"),
        ("a.jsonl", '{"instruction": "Do.", "output": "Done."}', "no column tells the question"),
        ("a.parquet", b"PAR1 and no more", "is not Parquet, or is damaged"),
    ],
)
def test_a_file_that_is_none_is_an_error_even_with_skip(read, name, content, problem):
    with pytest.raises(InputError, match=problem):
        read(content, name=name, on_bad_row="skip")
