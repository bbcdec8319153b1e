"""What the whole file says of its answers: right places by hand, and every trap of labels."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harmonia.data import ItemSource, ReadResult, read_items
from harmonia.errors import InputError

BONES = ("femur", "ulna", "rib", "tibia")


def rows(answers: list, choices: tuple[str, ...] = BONES) -> list[dict]:
    return [
        {
            "id": f"q{k}",
            "question": f"Which is meant by sketch {k}?",
            "choices": list(choices),
            "answer": answer,
        }
        for k, answer in enumerate(answers)
    ]


def lines(answers: list, choices: tuple[str, ...] = BONES) -> str:
    return "\n".join(map(json.dumps, rows(answers, choices)))


def medmcqa(answers: list) -> list[dict]:
    return [
        {
            "id": f"m{k}",
            "question": f"Which bone is meant by sketch {k}?",
            **dict(zip(("opa", "opb", "opc", "opd"), BONES, strict=True)),
            "cop": answer,
            "choice_type": "single",
            "exp": None,
            "subject_name": "Anatomy",
            "topic_name": None,
        }
        for k, answer in enumerate(answers)
    ]


def sheet(header: str, answers: list) -> str:
    cells = "".join(f"Which is meant by sketch {k}?,{','.join(BONES)},{a}\n" for k, a in enumerate(answers))
    return header + cells


FROM_ONE = [1 + k % 4 for k in range(12)]


def write_from_one(folder: Path, form: str) -> str:
    """The same 12 rows, counted from 1, in a format; the right places are 0, 1, 2, 3, 0, ..."""
    name = {
        "medmcqa, parquet": "med.parquet",
        "medmcqa, jsonl": "med.jsonl",
        "medmcqa, json": "med.json",
        "medmcqa, csv": "med.csv",
        "parquet": "exam.parquet",
        "jsonl": "exam.jsonl",
        "mmlu": "anatomy_test.csv",
        "mmlu without header": "anatomy_test.csv",
        "lettered": "anatomy_val.csv",
        "floats": "exam.parquet",
    }[form]
    path = folder / name
    found = medmcqa(FROM_ONE) if form.startswith("medmcqa") else rows(FROM_ONE)
    if form == "floats":
        found = rows([float(answer) for answer in FROM_ONE])
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(found), path)
    elif name.endswith(".jsonl"):
        path.write_text("\n".join(map(json.dumps, found)))
    elif name.endswith(".json"):
        path.write_text(json.dumps(found))
    elif form == "medmcqa, csv":
        pd = pytest.importorskip("pandas")
        pd.DataFrame(found).to_csv(path, index=False)
    else:
        headers = {
            "mmlu": "question,choice0,choice1,choice2,choice3,answer\n",
            "lettered": "question,A,B,C,D,answer\n",
        }
        path.write_text(sheet(headers.get(form, ""), FROM_ONE))
    return name


@pytest.mark.parametrize(
    "form",
    [
        *("medmcqa, parquet", "medmcqa, jsonl", "medmcqa, json", "medmcqa, csv"),
        *("parquet", "jsonl", "mmlu", "mmlu without header", "lettered", "floats"),
    ],
)
@pytest.mark.parametrize("on_bad_row", ["fail", "skip"])
def test_answers_from_one_are_refused_in_every_reader_and_read_when_told(tmp_path, form, on_bad_row):
    name = write_from_one(tmp_path, form)
    source = ItemSource(path=name, on_bad_row=on_bad_row)
    with pytest.raises(InputError, match=r"seem to count from 1: 3 of 12 .*, 0 are 0") as caught:
        read_items(source, tmp_path)
    assert "columns.answer_form=index1" in caught.value.remedy
    assert caught.value.field in ("answer", "cop")
    told = source.model_copy(update={"columns": source.columns.model_copy(update={"answer_form": "index1"})})
    items = read_items(told, tmp_path).items
    assert [item.choices[item.answer] for item in items] == [BONES[k % 4] for k in range(12)]


def test_one_file_of_a_folder_that_counts_from_one_is_found(tmp_path):
    header = "question,choice0,choice1,choice2,choice3,answer\n"
    for subject, first in (("anatomy", 0), ("law", 1), ("virology", 0)):
        content = sheet(header, [first + k % 4 for k in range(40)])
        (tmp_path / f"{subject}_test.csv").write_text(content.replace("sketch", subject))
    with pytest.raises(InputError, match="seem to count from 1: 10 of 40") as caught:
        read_items(ItemSource(path=".", split="test", on_bad_row="skip"), tmp_path)
    assert str(caught.value.file).endswith("law_test.csv")


def test_few_rows_that_show_nothing_are_read_from_zero_and_it_is_told(read):
    result = read(lines([1, 2]))
    assert [item.answer for item in result.items] == [1, 2]
    assert any("counted from 0, which no answer shows" in note for note in result.notes)
    for answers in ([0, 2], [0]):
        assert not any("counted from 0" in note for note in read(lines(answers)).notes)
    told = read(lines([1, 2]), columns={"answer_form": "index1"})
    assert [item.answer for item in told.items] == [0, 1]
    assert not any("counted from 0" in note for note in told.notes)


def test_many_rows_that_show_nothing_are_refused(read):
    """By chance no answer of 40 would be the first of four options in 1 of 99,437 files."""
    answers = [1 + k % 3 for k in range(40)]
    for skip in ("fail", "skip"):
        with pytest.raises(InputError, match=r"the 40 answers count from 0 or from 1 cannot be told"):
            read(lines(answers), on_bad_row=skip)
    for form, shift in (("index", 0), ("index1", 1)):
        told = read(lines(answers), columns={"answer_form": form})
        assert [item.answer for item in told.items] == [answer - shift for answer in answers]


def test_a_stray_answer_is_a_bad_row_and_many_are_another_numbering(read):
    answers = [k % 4 for k in range(100)]
    stray = read(lines([*answers, 4, 4]), on_bad_row="skip")
    assert [item.answer for item in stray.items] == answers
    assert [(row.row, row.seen) for row in stray.skipped] == [(101, "4"), (102, "4")]
    # Rows were added from a file that counts from 1, or 0 stands for "withheld" in one that does.
    for mixed in ([*answers, *(1 + k % 4 for k in range(20))], [0] * 12 + FROM_ONE):
        with pytest.raises(InputError, match="seem to count from 1"):
            read(lines(mixed), on_bad_row="skip")
    # The user may say that they count from 0 all the same.
    told = read(lines([*answers, *[4] * 5]), on_bad_row="skip", columns={"answer_form": "index"})
    assert len(told.items) == 100 and len(told.skipped) == 5


def test_what_is_told_is_checked_too(read):
    with pytest.raises(InputError, match="seem to count from 1"):
        read(lines(FROM_ONE), columns={"answer_form": "index"}, on_bad_row="skip")
    with pytest.raises(InputError, match="the answers count from 0: it stands in 3 rows"):
        read(lines([k % 4 for k in range(12)]), columns={"answer_form": "index1"}, on_bad_row="skip")


@pytest.mark.parametrize(
    ("answers", "choices", "places"),
    [
        ([0, 3], BONES, [0, 3]),
        (["0", "3"], BONES, [0, 3]),
        ([0.0, 3.0], BONES, [0, 3]),
        (["0.0", " 3.0 "], BONES, [0, 3]),
        (["A", "D"], BONES, [0, 3]),
        (["a", "d"], BONES, [0, 3]),
        (["femur", " rib "], BONES, [0, 2]),
        # letters and digits may be texts, too: what fits more rows decides
        (["8", "9"], ("7", "8", "9"), [1, 2]),
        (["B", "AB"], ("A", "B", "AB", "O"), [1, 2]),
        (["C", "B"], ("A", "B", "AB", "O"), [2, 1]),
    ],
)
def test_the_form_is_found(read, answers, choices, places):
    result = read(lines(answers, choices), on_bad_row="skip")
    assert [item.answer for item in result.items] == places


@pytest.mark.parametrize(
    ("answers", "choices", "one", "two"),
    [
        (["A", "B"], ("B", "A", "C", "D"), "text", "letter"),
        (["1", "2"], ("1", "2", "3", "4"), "text", "index"),
        (["2", "3"], ("4", "3", "2", "1"), "text", "index"),
    ],
)
def test_two_forms_that_fit_and_differ_are_refused(read, answers, choices, one, two):
    for skip in ("fail", "skip"):
        with pytest.raises(InputError, match=f"fit two forms.*{one} .*{two}") as caught:
            read(lines(answers, choices), on_bad_row=skip)
        assert "columns.answer_form" in caught.value.remedy
    told = read(lines(answers, choices), columns={"answer_form": "text"})
    assert [item.choices[item.answer] for item in told.items] == answers


def test_forms_that_say_the_same_are_no_conflict(read):
    """1 to 4 as texts of the options 1 to 4: counted from 1 or read as text, it is the same option."""
    result = read(lines(["1", "2", "3", "4"], ("1", "2", "3", "4")))
    assert [item.answer for item in result.items] == [0, 1, 2, 3]


def test_rows_of_another_form_than_the_file_are_bad(read):
    """ARC without its labels: letters in most rows, 1 to 4 in others, which must not be read from 0."""
    result = read(lines(["A", "B", "C", "D", "2"]), on_bad_row="skip")
    assert [item.answer for item in result.items] == [0, 1, 2, 3]
    assert [(row.row, row.problem) for row in result.skipped] == [(5, "the answer is not a letter from A")]


BAD = [
    (5, "out of range: the row has 4 options"),
    (True, "not a whole number from 0"),
    (1.5, "not a whole number from 0"),
    ("two", "not a whole number from 0"),
    ("A", "not a whole number from 0"),
    ("\u00b2", "not a whole number from 0"),
    ("9" * 5000, "not a whole number from 0"),
    ([1], "not a whole number from 0"),
    (-1, "the row has no answer"),
    ("-1", "the row has no answer"),
    (-1.0, "the row has no answer"),
    (None, "the row has no answer"),
    ("", "the row has no answer"),
    (" ", "the row has no answer"),
]


@pytest.mark.parametrize(("answer", "problem"), BAD)
def test_an_answer_that_is_none_is_a_bad_row(read, answer, problem):
    result = read(lines([0, 3, answer, 1]), on_bad_row="skip")
    assert [item.answer for item in result.items] == [0, 3, 1]
    (row,) = result.skipped
    assert (row.row, row.field) == (3, "answer")
    assert problem in row.problem


@pytest.mark.parametrize("answer", ["E", "e", "Z"])
def test_letters_beyond_the_options_are_bad_rows(read, answer):
    result = read(lines(["A", "D", answer]), on_bad_row="skip")
    assert [item.answer for item in result.items] == [0, 3]
    assert "out of range: the row has 4 options" in result.skipped[0].problem


@pytest.mark.parametrize("answer", [-1, None, ""])
def test_a_file_without_answers_is_refused_even_with_skip(read, answer):
    for skip, problem in (("fail", "the row has no answer"), ("skip", "none of the 3 rows can be used")):
        with pytest.raises(InputError, match=rf"{problem}.*take a split that has them"):
            read(lines([answer] * 3), on_bad_row=skip)


def test_labels_come_before_all_other_forms(tmp_path):
    """ARC's rows labelled 1 to 4: "2" is the second, neither the third nor what says 2."""
    found = [
        {"question": f"{k}?", "o": ["2", "x", "y", "z"], "l": list("1234"), "a": str(1 + k % 4)}
        for k in range(8)
    ]
    pq.write_table(pa.Table.from_pylist(found), tmp_path / "own.parquet")
    columns = {"choices": "o", "labels": "l", "answer": "a"}
    result: ReadResult = read_items(ItemSource(path="own.parquet", columns=columns), tmp_path)
    assert [item.answer for item in result.items] == [0, 1, 2, 3] * 2
