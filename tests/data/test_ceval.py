from __future__ import annotations

import pytest

from harmonia.data.naming import subject_and_split
from harmonia.errors import InputError

CEVAL = "id,question,A,B,C,D,answer,explanation\n0,下列____,甲,乙,丙,丁,C,因为\n1,哪个,甲,乙,丙,丁,A,\n"
CMMLU = ",Question,A,B,C,D,Answer\n0,下列____,甲,乙,丙,丁,C\n1,哪个,甲,乙,丙,丁,A\n"


@pytest.mark.parametrize(
    ("content", "name", "split", "explanation"),
    [(CEVAL, "ceval/law_val.csv", "val", "因为"), (CMMLU, "cmmlu/dev/law.csv", "dev", "")],
)
def test_both_forms_are_read(read, content, name, split, explanation):
    first, second = read(content, name=name).items
    assert (first.id, first.question, first.answer) == ("law/0", "下列____", 2)
    assert first.choices == ("甲", "乙", "丙", "丁")
    assert (first.domain, first.split, first.explanation) == ("law", split, explanation)
    assert (second.id, second.answer, second.explanation) == ("law/1", 0, "")


@pytest.mark.parametrize(
    "content",
    ["id,question,A,B,C,D\n0,Q?,a,b,c,d\n", "id,question,A,B,C,D,answer\n0,Q?,a,b,c,d,\n1,R?,a,b,c,d, \n"],
)
def test_a_file_without_answers_says_so(read, content):
    with pytest.raises(InputError, match=r"field 'answer': the file has no answers.*Take the split `val`"):
        read(content, name="law_test.csv")


@pytest.mark.parametrize(
    ("row", "field", "seen"),
    [
        ("0,Q?,a,b,c,d,B", "id", "'law/0'"),
        (",Q?,a,b,c,d,B", "id", "''"),
        ("2,Q?,a,b,c,d,1", "answer", "'1'"),
        ("2,Q?,a,b,c,d,E", "answer", "'E'"),
        ("2,Q?,a,b,c,d", None, "['2', 'Q?', 'a', 'b', 'c', 'd']"),
    ],
)
def test_a_bad_row_is_named(read, row, field, seen):
    content = f"id,question,A,B,C,D,answer\n0,Q?,a,b,c,d,A\n{row}\n"
    with pytest.raises(InputError) as caught:
        read(content, name="law_val.csv")
    assert (caught.value.row, caught.value.field, caught.value.seen) == (3, field, seen)


def test_another_header_is_refused(read):
    with pytest.raises(InputError, match="not the header of C-Eval"):
        read("question,A,B,answer\nQ?,a,b,A\n", name="law_val.csv", reader="ceval")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("x/high_school_physics_test.csv", ("high_school_physics", "test")),
        ("x/anatomy_val.csv", ("anatomy", "val")),
        ("dev/anatomy.csv", ("anatomy", "dev")),
        ("anatomy/test.csv", ("anatomy", "test")),
        ("x/latest.csv", ("latest", "")),
        ("x/_test.csv", ("_test", "")),
    ],
)
def test_names_tell_subject_and_split(tmp_path, path, expected):
    assert subject_and_split(tmp_path / path) == expected
