from __future__ import annotations

import pytest

from harmonia.errors import InputError

HEADED = "question,choice0,choice1,choice2,choice3,answer\n"
PLAIN = HEADED + "One?,a,b,c,d,0\nTwo?,e,f,g,h,3\n"

SAME = {
    "header": PLAIN,
    "no header": "One?,a,b,c,d,A\nTwo?,e,f,g,h,D\n",
    "no header, index": "One?,a,b,c,d,0\r\nTwo?,e,f,g,h,3\r\n",
    "lettered header": "question,A,B,C,D,answer\nOne?,a,b,c,d,A\nTwo?,e,f,g,h,d\n",
    "other order": "answer,choice3,choice1,question,choice0,choice2,n\n0,d,b,One?,a,c,\n3,h,f,Two?,e,g,\n",
    "byte order mark": "\ufeff" + PLAIN,
    "empty lines": PLAIN.replace("\n", "\n\n"),
}


@pytest.mark.parametrize("form", SAME)
def test_all_forms_give_the_same_items(read, form):
    items = read(SAME[form], name="mmlu/anatomy_test.csv").items
    assert [(item.id, item.question, item.choices, item.answer) for item in items] == [
        ("anatomy/0", "One?", ("a", "b", "c", "d"), 0),
        ("anatomy/1", "Two?", ("e", "f", "g", "h"), 3),
    ]
    assert {(item.domain, item.split, item.source) for item in items} == {
        ("anatomy", "test", "mmlu/anatomy_test.csv")
    }


def test_a_question_may_hold_line_ends_commas_and_quotation_marks(read):
    content = HEADED + '"He said ""no"",\n\nand left.\r\nWhy?",a,"b, c",c,d,B\nNext?,a,b,c,d,9\n'
    result = read(content, name="anatomy_test.csv", on_bad_row="skip")
    assert result.items[0].question == 'He said "no",\n\nand left.\r\nWhy?'
    assert result.items[0].choices[1] == "b, c"
    # The first question covers lines 2 to 5.
    assert [(bad.row, bad.field) for bad in result.skipped] == [(6, "answer")]


BAD = [
    (b"Q?,a,b,c,d,4", "answer", "'4'", "out of range"),
    (b"Q?,a,b,c,d,E", "answer", "'E'", "out of range"),
    (b"Q?,a,b,c,d,", "answer", "''", "not a whole number from 0 or a letter"),
    (b"Q?,a,b,c,d,1.0", "answer", "'1.0'", "not a whole number from 0 or a letter"),
    (b"Q?,a,b,c,d,-1", "answer", "'-1'", "not a whole number from 0 or a letter"),
    ("Q?,a,b,c,d,²".encode(), "answer", "'²'", "not a whole number from 0 or a letter"),
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
def test_a_bad_row_is_named_and_shifts_no_id(read, tmp_path, row, field, seen, problem, headed):
    lines = [b"One?,a,b,c,d,0", row, b"Two?,e,f,g,h,3"]
    content = b"\n".join([HEADED.strip().encode(), *lines] if headed else lines)
    with pytest.raises(InputError) as caught:
        read(content, name="anatomy_test.csv")
    error = caught.value
    assert (error.file, error.row) == (str(tmp_path / "anatomy_test.csv"), 3 if headed else 2)
    assert (error.field, error.seen) == (field, seen)
    assert problem in error.problem
    result = read(content, name="anatomy_test.csv", on_bad_row="skip")
    assert [item.id for item in result.items] == ["anatomy/0", "anatomy/2"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "the file is empty"),
        (HEADED, "the file has no rows"),
        (HEADED + 'One?,a,b,c,d,0\n"Two?,a,b,c,d,0\nThree?,a,b,c,d,0\n', "never ends"),
        ("question,choice0,choice2,answer\nQ?,a,b,0\n", "no option columns"),
        ("question,choice0,choice1,answer,answer\nQ?,a,b,0,0\n", "two columns have one name"),
        ("question,A,B,C\nQ?,a,b,c\n", "no such column"),
        (b"qu\xff,a,b,c,d,A\nQ?,a,b,c,d,A\n", "first row cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error_even_with_skip(read, content, problem):
    with pytest.raises(InputError, match=problem):
        read(content, name="anatomy_test.csv", on_bad_row="skip")


def test_a_split_is_not_read_for_another(read):
    with pytest.raises(InputError, match="the file's split is 'test'"):
        read(PLAIN, name="anatomy_test.csv", split="dev")
