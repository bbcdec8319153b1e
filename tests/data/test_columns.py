"""Known data sets and own columns, the same rows in every format, written by other libraries."""

from __future__ import annotations

import json
from pathlib import Path

import datasets
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from harmonia.data import KNOWN, ItemSource, ReadResult, read_items
from harmonia.data.source import ColumnMapping
from harmonia.errors import InputError

FORMATS = ("parquet", "jsonl", "json", "csv", "csv of json", "saved")


def save(folder: Path, rows: list[dict], form: str) -> str:
    """Write rows as a user gets them: by pyarrow, json, pandas or datasets."""
    name = f"own.{form.partition(' ')[0]}"
    path = folder / name
    if form == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif form == "jsonl":
        path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    elif form == "json":
        path.write_text(json.dumps(rows))
    elif form == "csv":
        # From Parquet, as a data set of the hub comes: pandas then prints lists as numpy does.
        pq.write_table(pa.Table.from_pylist(rows), folder / "own.table")
        pd.read_parquet(folder / "own.table").to_csv(path, index=False)
    elif form == "csv of json":
        plain = [
            {k: json.dumps(v) if isinstance(v, (dict, list)) else v for k, v in row.items()} for row in rows
        ]
        pd.DataFrame(plain).to_csv(path, index=False)
    else:
        datasets.Dataset.from_list(rows).save_to_disk(path)
    return name


def options(*texts: str, labels: str = "ABCDE") -> dict:
    return {"text": list(texts), "label": list(labels[: len(texts)])}


MEDMCQA = {"question": "Bone?", "opa": "w", "opb": "x", "opc": "y, or z", "opd": "z", "choice_type": "single"}
ROWS = {
    "medmcqa": (
        [
            {"id": "m-1", **MEDMCQA, "cop": 3, "exp": "Z.", "subject_name": "Anatomy", "topic_name": None},
            {"id": "m-2", **MEDMCQA, "cop": 0, "exp": None, "subject_name": "Dental", "topic_name": "T"},
        ],
        [("m-1", "Anatomy", "z", "Z."), ("m-2", "Dental", "w", "")],
    ),
    "mmlu": (
        [
            {"question": "One?", "subject": "anatomy", "choices": ["p", "q's", 'r "r"', "s"], "answer": 0},
            {"question": "Two?", "subject": "virology", "choices": ["p", "q", "r", "s"], "answer": 3},
        ],
        [(None, "anatomy", "p", ""), (None, "virology", "s", "")],
    ),
    "arc": (
        [
            {"id": "a-1", "question": "Three?", "choices": options("x", "y", "z"), "answerKey": "C"},
            {
                "id": "a-2",
                "question": "Digits?",
                "choices": options(*"wxyz", labels="1234"),
                "answerKey": "2",
            },
            {"id": "a-3", "question": "Five?", "choices": options(*"vwxyz"), "answerKey": "E"},
        ],
        [("a-1", "", "z", ""), ("a-2", "", "x", ""), ("a-3", "", "z", "")],
    ),
    "commonsenseqa": (
        [
            {
                "id": "c-1",
                "question": "Where?",
                "question_concept": "w",
                "choices": options(*"vwxyz"),
                "answerKey": "D",
            }
        ],
        [("c-1", "", "y", "")],
    ),
    "openbookqa": (
        [
            {
                "id": "o-1",
                "question_stem": "The sun",
                "choices": options("rises", "sleeps"),
                "answerKey": "A",
                "fact1": "It rises.",
                "clarity": 1.5,
            }
        ],
        [("o-1", "", "rises", "It rises.")],
    ),
    "sciq": (
        [
            {
                "question": f"{k}?",
                "distractor3": "a",
                "distractor1": "b",
                "distractor2": "c",
                "correct_answer": "right",
                "support": "S",
            }
            for k in range(3)
        ],
        [(None, "", "right", "S")] * 3,
    ),
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", ROWS)
def test_known_data_sets_are_told_by_their_columns_in_every_format(tmp_path, name, form):
    rows, right = ROWS[name]
    result = read_items(ItemSource(path=save(tmp_path, rows, form)), tmp_path)
    for item, (own, domain, answer, explanation) in zip(result.items, right, strict=True):
        assert own is None or item.id == own
        assert (item.domain, item.choices[item.answer], item.explanation) == (domain, answer, explanation)
    by_pyarrow = read_items(ItemSource(path=save(tmp_path, rows, "parquet")), tmp_path).items
    assert [(i.id, i.question, i.choices, i.answer) for i in result.items] == [
        (i.id, i.question, i.choices, i.answer) for i in by_pyarrow
    ]


def test_sciq_spreads_the_right_option_and_does_so_by_address(read):
    row = ROWS["sciq"][0][0]
    lines = [json.dumps(row | {"question": f"{k}?"}) for k in range(40)]
    items = read("\n".join(lines)).items
    assert all(sorted(item.choices) == ["a", "b", "c", "right"] for item in items)
    places = {item.question: item.answer for item in items}
    assert all(4 <= list(places.values()).count(k) <= 16 for k in range(4))
    assert {item.question: item.answer for item in read("\n".join(reversed(lines))).items} == places


def test_sciq_moves_no_option_that_speaks_of_others(read):
    row = ROWS["sciq"][0][0] | {"distractor3": "all of the above"}
    result = read("\n".join(json.dumps(row | {"question": f"{k}?"}) for k in range(20)))
    assert {item.choices for item in result.items} == {("right", "b", "c", "all of the above")}
    assert {item.answer for item in result.items} == {0}
    (told,) = [note for note in result.notes if "other options" in note]
    assert told.endswith(": 20")


OWN = [
    {"stem": "One?", "a": "x", "b": "y", "c": "z", "key": "B", "field": "law", "n": 7, "why": "So."},
    {"stem": "Two?", "a": "p", "b": "q", "c": "r", "key": "A", "field": "art", "n": 8, "why": None},
]
MAPPING = {"question": "stem", "choices": ["a", "b", "c"], "answer": "key"}


def read_own(folder: Path, form: str = "jsonl", rows: list[dict] = OWN, **columns: object) -> ReadResult:
    return read_items(ItemSource(path=save(folder, rows, form), columns=columns), folder)


@pytest.mark.parametrize("form", FORMATS)
def test_one_mapping_serves_every_format(tmp_path, form):
    whole = {**MAPPING, "id": "n", "subject": "field", "explanation": "why"}
    items = read_own(tmp_path, form, **whole).items
    assert [(i.id, i.domain, i.question, i.choices, i.answer, i.explanation) for i in items] == [
        ("7", "law", "One?", ("x", "y", "z"), 1, "So."),
        ("8", "art", "Two?", ("p", "q", "r"), 0, ""),
    ]
    short = read_own(tmp_path, form, **MAPPING).items
    assert [(i.domain, i.answer, i.explanation) for i in short] == [("", 1, ""), ("", 0, "")]


def test_a_form_that_is_known_may_be_told_too(tmp_path):
    for form in (None, "label"):
        items = read_own(tmp_path, rows=ROWS["arc"][0], answer_form=form).items
        assert [item.answer for item in items] == [2, 1, 4]


def test_what_a_mapping_does_not_name_has_its_usual_name(tmp_path):
    rows = [{"stem": "One?", "choices": ["x", "y"], "answer": 1, "explanation": "So.", "id": "i"}]
    (item,) = read_own(tmp_path, rows=rows, question="stem").items
    assert (item.id, item.question, item.answer, item.explanation) == ("i", "One?", 1, "So.")
    sheet = [{"stem": "One?", "A": "x", "B": "y", "C": "z", "answer": "C"}]
    assert read_own(tmp_path, "csv", sheet, question="stem").items[0].choices == ("x", "y", "z")
    named = [row | {"gold": "x"} for row in ROWS["medmcqa"][0]]
    # Another column of answers is not read by the form of the known one.
    assert [item.answer for item in read_own(tmp_path, rows=named, answer="gold").items] == [1, 1]


def test_names_reach_into_objects(tmp_path):
    rows = [
        {
            "id": "1",
            "question": {
                "stem": "Why?",
                "choices": [{"text": "x", "label": "A"}, {"text": "y", "label": "B"}],
            },
            "answerKey": "B",
        }
    ]
    columns = {
        "question": "question.stem",
        "choices": "question.choices.text",
        "labels": "question.choices.label",
    }
    (item,) = read_own(tmp_path, rows=rows, **columns, answer="answerKey", answer_form="label").items
    assert (item.question, item.choices, item.answer) == ("Why?", ("x", "y"), 1)


@pytest.mark.parametrize("columns", [{"choices": ()}, {"shuffle": ""}])
def test_columns_that_name_nothing_are_refused(columns):
    with pytest.raises(ValidationError, match="at least 1"):
        ColumnMapping(**columns)


@pytest.mark.parametrize(
    ("columns", "field", "problem"),
    [
        ({**MAPPING, "answer": "keys"}, "keys", "no such column; here are stem, a, b, c"),
        ({**MAPPING, "choices": ["a", "b", "d"]}, "d", "no such column"),
        ({**MAPPING, "choices": "a.b"}, "a.b", "no such column"),
        ({"question": "stem"}, "columns", "no column tells the options and the answer"),
        ({}, "columns", "no column tells the question and the options and the answer"),
        ({**MAPPING, "answer_form": "label"}, "columns.labels", "answer_form: label needs labels"),
    ],
)
def test_columns_that_are_not_told_are_asked_for(tmp_path, columns, field, problem):
    for form in ("jsonl", "csv"):
        with pytest.raises(InputError, match=problem) as caught:
            read_own(tmp_path, form, **columns)
        assert caught.value.field == field
    assert "columns." in caught.value.remedy or "`columns`" in caught.value.remedy


def test_columns_that_are_not_read_are_told(read):
    sheet = "id,passage,question,A,B,answer,F\n1,A text.,Q?,x,y,A,z\n"
    with pytest.raises(InputError, match="no column tells the options"):  # F behind a gap
        read(sheet, name="own.csv")
    notes = read(sheet.replace(",F\n", ",rank\n"), name="own.csv").notes
    assert "columns not read: passage, rank" in notes


def test_a_reader_may_be_named_and_must_exist(read):
    row = json.dumps({"id": "1", "question": "Q?", "choices": ["x", "y"], "answer": 1, "A": "p", "B": "q"})
    assert read(row).items[0].choices == ("x", "y")
    assert read(row, reader="ceval").items[0].choices == ("p", "q")
    with pytest.raises(InputError, match=r"no such reader.*saw 'exma'.*exam"):
        read(row, reader="exma")
    with pytest.raises(InputError, match="no column tells the options and the answer"):
        read(row, reader="medmcqa")
    assert set(KNOWN) == {"medmcqa", "sciq", "openbookqa", "arc", "exam", "raw", "mmlu", "ceval"}


RAW = {"question": "Which?", "labels": ["L"], "answer": "p-type", "options": "n-type \np-type\nnone"}


def test_the_raw_records_of_the_study_are_read_where_their_own_fields_are_absent(read):
    row = {"id": 9, "raw": RAW, "gen_exp": {"input": ""}, "probs": [1.0], "pred": 0, "explanation": None}
    (item,) = read(json.dumps(row), domain="engineering").items
    assert (item.question, item.choices, item.answer) == ("Which?", ("n-type", "p-type", "none"), 1)
    assert (item.id, item.domain, item.explanation) == ("9", "engineering", "")
    own = {"id": 9, "question": "Own?", "choices": ["a", "b"], "answer": 0, "raw": RAW, "output": 1}
    assert read(json.dumps(own)).items[0].question == "Own?"
    bad = read(
        "\n".join(json.dumps({"id": k, "raw": RAW | {"answer": a}}) for k, a in enumerate(["none", "w"])),
        on_bad_row="skip",
    )
    assert [(row.row, row.field, row.seen) for row in bad.skipped] == [(2, "raw.answer", "'w'")]


FIVE = "id,question,A,B,C,D,E,answer\n"


def test_all_option_columns_are_read(read):
    content = (
        FIVE + "0,Which metal is liquid at room temperature?,iron,tin,zinc,mercury,lead,D\n"
        "1,Which gas do plants take up?,argon,carbon dioxide,neon,helium,radon,E\n"
    )
    items = read(content, name="physics_val.csv").items
    assert [(item.id, item.domain, item.choices, item.answer) for item in items] == [
        ("physics/0", "physics", ("iron", "tin", "zinc", "mercury", "lead"), 3),
        ("physics/1", "physics", ("argon", "carbon dioxide", "neon", "helium", "radon"), 4),
    ]
    numbered = "question,choice0,choice1,choice2,choice3,choice4,answer\nQ?,a,b,c,d,e,4\nR?,a,b,c,d,e,0\n"
    assert [len(item.choices) for item in read(numbered, name="a_test.csv").items] == [5, 5]
    extra = [{**row, "ope": "fifth", "cop": 4 - 4 * k} for k, row in enumerate(ROWS["medmcqa"][0])]
    items = read("\n".join(map(json.dumps, extra))).items
    assert [(len(item.choices), item.answer) for item in items] == [(5, 4), (5, 0)]


def test_blank_option_columns_at_the_end_are_no_options_and_counted(read):
    content = FIVE + "0,Q?,a,b,c,d,e,E\n1,R?,a,b,c,d,,D\n2,S?,a,b, ,,,A\n"
    result = read(content, name="law_val.csv")
    assert [len(item.choices) for item in result.items] == [5, 4, 2]
    assert "rows with fewer options than there are columns: 2" in result.notes
    with pytest.raises(InputError, match="field 'B': empty"):
        read(FIVE + "0,Q?,a,b,c,d,e,E\n1,R?,a,,c,d,,D\n", name="law_val.csv")
    with pytest.raises(InputError, match="out of range: the row has 4 options"):
        read(FIVE + "0,Q?,a,b,c,d,e,E\n1,R?,a,b,c,d,,E\n", name="law_val.csv")


@pytest.mark.parametrize(
    "header", ["question,choice0,choice2,answer", "question,A,B,D,answer", "question,choice1,choice2,answer"]
)
def test_option_columns_with_a_gap_are_refused(read, header):
    row = ",".join("Qabcdef"[: header.count(",")]) + ",A\n"
    with pytest.raises(InputError, match="no column tells the options"):
        read(f"{header}\n{row}", name="anatomy_test.csv", on_bad_row="skip")


@pytest.mark.parametrize("form", FORMATS)
def test_what_questions_have_in_common_is_read(tmp_path, form):
    row = {"question": "Which?", "choices": ["x", "y"], "answer": 0}
    rows = [{**row, "id": f"q{number}", "passage": name} for number, name in enumerate(("p1", "p1", None))]
    path = save(tmp_path, rows, form)
    found = read_items(ItemSource(path=path, columns={"cluster": "passage"}), tmp_path)
    assert [item.cluster for item in found.items] == ["p1", "p1", None]
    assert not any("passage" in note for note in found.notes)
    unsaid = read_items(ItemSource(path=path), tmp_path)
    assert {item.cluster for item in unsaid.items} == {None}


def test_a_column_called_cluster_is_one_and_must_hold_names(tmp_path):
    row = {"question": "Which?", "choices": ["x", "y"], "answer": 0}
    path = save(tmp_path, [{**row, "id": "q1", "cluster": 7}, {**row, "id": "q2", "cluster": 12}], "jsonl")
    assert [item.cluster for item in read_items(ItemSource(path=path), tmp_path).items] == ["7", "12"]
    path = save(tmp_path, [{**row, "id": "q1", "cluster": ["p1"]}], "jsonl")
    with pytest.raises(InputError, match="list where a text belongs") as caught:
        read_items(ItemSource(path=path), tmp_path)
    assert caught.value.field == "cluster"
