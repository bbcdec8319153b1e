"""Hugging Face data sets: small Parquet files of the schemas on the data sets' cards."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harmonia.data import ColumnMapping, ItemSource, ReadResult, read_items
from harmonia.errors import InputError

OPTIONS = pa.struct([("text", pa.list_(pa.string())), ("label", pa.list_(pa.string()))])


def write(path: Path, rows: list[dict], schema: dict[str, pa.DataType]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema(list(schema.items()))), path)


def read(root: Path, path: str = "data", **fields: object) -> ReadResult:
    return read_items(ItemSource(path=path, **fields), root)  # type: ignore[arg-type]


def options(*texts: str, labels: str = "ABCDE") -> dict:
    return {"text": list(texts), "label": list(labels[: len(texts)])}


TEXT = pa.string()
MEDMCQA = {name: TEXT for name in ("id", "question", "opa", "opb", "opc", "opd")} | {
    "cop": pa.int64(),
    **{name: TEXT for name in ("choice_type", "exp", "subject_name", "topic_name")},
}
MEDMCQA_ROWS = [
    dict(
        id="m-1",
        question="Bone?",
        opa="w",
        opb="x",
        opc="y",
        opd="z",
        cop=3,
        exp="Z.",
        subject_name="Anatomy",
    ),
    dict(
        id="m-2",
        question="Tooth?",
        opa="w",
        opb="x",
        opc="y",
        opd="z",
        cop=0,
        exp=None,
        subject_name="Dental",
    ),
]
MMLU = {"question": TEXT, "subject": TEXT, "choices": pa.list_(TEXT), "answer": pa.int64()}
MMLU_ROWS = [
    dict(question=f"{subject} {k}?", subject=subject, choices=["p", "q", "r", "s"], answer=k)
    for subject in ("anatomy", "virology")
    for k in range(2)
]
ARC = {"id": TEXT, "question": TEXT, "choices": OPTIONS, "answerKey": TEXT}
ARC_ROWS = [
    dict(id="a-1", question="Three?", choices=options("x", "y", "z"), answerKey="C"),
    dict(id="a-2", question="Digits?", choices=options("w", "x", "y", "z", labels="1234"), answerKey="2"),
    dict(id="a-3", question="Five?", choices=options("v", "w", "x", "y", "z"), answerKey="E"),
]
OPENBOOKQA = {"id": TEXT, "question_stem": TEXT, "choices": OPTIONS, "answerKey": TEXT}
ADDITIONAL = OPENBOOKQA | {
    "fact1": TEXT,
    "humanScore": pa.float32(),
    "clarity": pa.float32(),
    "turkIdAnonymized": TEXT,
}
OPENBOOKQA_ROWS = [
    dict(
        id="o-1",
        question_stem="The sun",
        choices=options("rises", "sleeps"),
        answerKey="A",
        fact1="It rises.",
    )
]
SCIQ = {
    name: TEXT
    for name in ("question", "distractor3", "distractor1", "distractor2", "correct_answer", "support")
}
SCIQ_ROWS = [
    dict(
        question=f"{k}?",
        distractor1="a",
        distractor2="b",
        distractor3="c",
        correct_answer="right",
        support="S",
    )
    for k in range(40)
]
COMMONSENSEQA = {
    "id": TEXT,
    "question": TEXT,
    "question_concept": TEXT,
    "choices": OPTIONS,
    "answerKey": TEXT,
}
COMMONSENSEQA_ROWS = [
    dict(id="c-1", question="Where?", question_concept="w", choices=options(*"vwxyz"), answerKey="D")
]


def test_medmcqa(tmp_path):
    write(tmp_path / "data/data/train-00000-of-00001.parquet", MEDMCQA_ROWS, MEDMCQA)
    first, second = read(tmp_path).items
    assert (first.id, first.domain, first.choices) == ("m-1", "Anatomy", ("w", "x", "y", "z"))
    assert (first.answer, first.explanation) == (3, "Z.")
    assert (first.source, first.split) == ("data/data/train-00000-of-00001.parquet", "train")
    assert (second.domain, second.answer, second.explanation) == ("Dental", 0, "")
    assert [item.id for item in read(tmp_path, subjects=("Dental",)).items] == ["m-2"]
    assert read(tmp_path, domain="medicine").items[0].domain == "medicine"
    with pytest.raises(InputError, match="1 of 2 subjects are not here"):
        read(tmp_path, subjects=("Dental", "Surgery"))


def test_the_test_split_of_medmcqa_has_no_answers(tmp_path):
    rows = [row | {"cop": -1} for row in MEDMCQA_ROWS]
    write(tmp_path / "data/data/test-00000-of-00001.parquet", rows, MEDMCQA)
    with pytest.raises(
        InputError, match=r"the row has no answer; saw -1.*take a split that has them"
    ) as caught:
        read(tmp_path)
    assert (caught.value.row, caught.value.field) == (1, "cop")
    with pytest.raises(InputError, match="none of the 2 rows can be used"):
        read(tmp_path, on_bad_row="skip")


def test_mmlu_names_items_as_its_csv_files_do(tmp_path):
    write(tmp_path / "data/all/test-00000-of-00001.parquet", MMLU_ROWS, MMLU)
    items = read(tmp_path, config="all").items
    assert [(item.id, item.domain, item.answer) for item in items] == [
        ("anatomy/0", "anatomy", 0),
        ("anatomy/1", "anatomy", 1),
        ("virology/0", "virology", 0),
        ("virology/1", "virology", 1),
    ]
    assert [item.id for item in read(tmp_path, subjects=("virology",)).items] == ["virology/0", "virology/1"]


def test_mmlu_by_subject_folders(tmp_path):
    for subject in ("anatomy", "virology"):
        rows = [row for row in MMLU_ROWS if row["subject"] == subject]
        for split in ("dev", "test"):
            write(tmp_path / f"data/{subject}/{split}-00000-of-00001.parquet", rows, MMLU)
    write(tmp_path / "data/all/test-00000-of-00001.parquet", MMLU_ROWS, MMLU)
    with pytest.raises(InputError, match=r"several configurations.*all, anatomy, virology"):
        read(tmp_path, split="test")
    with pytest.raises(InputError, match=r"several splits are here and none is named.*dev, test"):
        read(tmp_path, config="anatomy")
    with pytest.raises(InputError, match=r"no such split here; saw 'val'\. Here are: dev, test"):
        read(tmp_path, config="anatomy", split="val")
    with pytest.raises(InputError, match="no such configuration here; saw 'astrology'"):
        read(tmp_path, config="astrology", split="test")
    one = read(tmp_path, config="anatomy", split="test").items
    assert [item.id for item in one] == ["anatomy/0", "anatomy/1"]
    chosen = read(tmp_path, subjects=("virology", "anatomy"), split="dev").items
    assert [item.id for item in chosen] == ["anatomy/0", "anatomy/1", "virology/0", "virology/1"]
    with pytest.raises(InputError, match="6 of 8 subjects are not here"):
        read(tmp_path, subjects_of="medicine", split="test")


def test_shards_are_one_data_set(tmp_path):
    for k, rows in enumerate([MMLU_ROWS[:1], MMLU_ROWS[1:]]):
        write(tmp_path / f"data/test-0000{k}-of-00002.parquet", rows, MMLU)
    assert [item.id for item in read(tmp_path).items] == [
        "anatomy/0",
        "anatomy/1",
        "virology/0",
        "virology/1",
    ]
    # The first shard has none of these.
    assert [item.id for item in read(tmp_path, subjects=("virology",)).items] == ["virology/0", "virology/1"]


def test_an_id_used_in_another_shard_is_found(tmp_path):
    for k in range(2):
        write(tmp_path / f"data/test-0000{k}-of-00002.parquet", ARC_ROWS[:1], ARC)
    with pytest.raises(
        InputError, match=r"used before, in row 1 of .*test-00000-of-00002.parquet; saw 'a-1'"
    ):
        read(tmp_path)


def test_arc(tmp_path):
    write(tmp_path / "data/ARC-Easy/test-00000-of-00001.parquet", ARC_ROWS, ARC)
    items = read(tmp_path, config="ARC-Easy").items
    assert [(item.id, len(item.choices), item.answer) for item in items] == [
        ("a-1", 3, 2),
        ("a-2", 4, 1),
        ("a-3", 5, 4),
    ]
    assert {item.domain for item in items} == {"arc"}


def test_openbookqa_has_an_explanation_in_one_configuration(tmp_path):
    write(tmp_path / "data/main/test-00000-of-00001.parquet", OPENBOOKQA_ROWS, OPENBOOKQA)
    write(tmp_path / "data/additional/test-00000-of-00001.parquet", OPENBOOKQA_ROWS, ADDITIONAL)
    (main,) = read(tmp_path, config="main").items
    (additional,) = read(tmp_path, config="additional").items
    assert (main.question, main.choices, main.answer) == ("The sun", ("rises", "sleeps"), 0)
    assert (main.explanation, additional.explanation) == ("", "It rises.")


def test_sciq_spreads_the_right_option_and_does_so_by_address(tmp_path):
    write(tmp_path / "data/train-00000-of-00001.parquet", SCIQ_ROWS, SCIQ)
    items = read(tmp_path).items
    assert all(item.choices[item.answer] == "right" for item in items)
    assert all(sorted(item.choices) == ["a", "b", "c", "right"] for item in items)
    places = [item.answer for item in items]
    assert all(4 <= places.count(k) <= 16 for k in range(4))
    assert (items[7].id, items[7].explanation, items[7].domain) == ("7", "S", "sciq")
    assert [item.answer for item in read(tmp_path, limit=40).items] == places


def test_commonsenseqa(tmp_path):
    rows = [*COMMONSENSEQA_ROWS, COMMONSENSEQA_ROWS[0] | {"id": "c-2", "answerKey": ""}]
    write(tmp_path / "data/data/train-00000-of-00001.parquet", rows, COMMONSENSEQA)
    result = read(tmp_path, on_bad_row="skip")
    assert [(item.id, item.answer, item.domain) for item in result.items] == [("c-1", 3, "commonsenseqa")]
    assert [(bad.row, bad.field, bad.problem) for bad in result.skipped] == [
        (2, "answerKey", "the row has no answer")
    ]


BAD = [
    (ARC_ROWS[0] | {"answerKey": "E"}, "answerKey", "'E'", "not one of the row's labels"),
    (ARC_ROWS[0] | {"choices": options("x", "y", "z", labels="AB")}, "choices.label", None, "not one label"),
    (ARC_ROWS[0] | {"choices": options("x", "y", "z", labels="AAB")}, "choices.label", None, "not one label"),
    (ARC_ROWS[0] | {"choices": options("x", "y", " x")}, "choices.text[2]", "'x'", "same text"),
    (ARC_ROWS[0] | {"choices": None}, "choices.text", None, "missing"),
    (ARC_ROWS[0] | {"question": None}, "question", "None", "null where a text"),
    (ARC_ROWS[0] | {"answerKey": None}, "answerKey", "None", "null where"),
]


@pytest.mark.parametrize(("row", "field", "seen", "problem"), BAD)
def test_a_bad_row_is_named(tmp_path, row, field, seen, problem):
    write(tmp_path / "test.parquet", [ARC_ROWS[1], row], ARC)
    with pytest.raises(InputError) as caught:
        read(tmp_path, "test.parquet")
    error = caught.value
    assert (error.file, error.row, error.field) == (str(tmp_path / "test.parquet"), 2, field)
    assert problem in error.problem
    if seen is not None:
        assert error.seen == seen


OWN = {"frage": TEXT, "a": TEXT, "b": TEXT, "loesung": pa.int64(), "fach": TEXT}
OWN_ROWS = [
    dict(frage="Eins?", a="x", b="y", loesung=1, fach="Recht"),
    dict(frage="Zwei?", a="x", b="y", loesung=2, fach=None),
]


def test_a_mapping_of_ones_own(tmp_path):
    write(tmp_path / "own.parquet", OWN_ROWS, OWN)
    mapping = dict(question="frage", choices=("a", "b"), answer="loesung", answer_form="index1")
    items = read(tmp_path, "own.parquet", columns=mapping).items
    assert [(item.id, item.domain, item.answer) for item in items] == [("0", "own", 0), ("1", "own", 1)]
    with pytest.raises(InputError, match="subjects are chosen, and no column or folder"):
        read(tmp_path, "own.parquet", columns=mapping, subjects=("Recht",))
    with pytest.raises(InputError, match="row 2, field 'fach': null where a text"):
        read(tmp_path, "own.parquet", columns=mapping | {"subject": "fach"})
    with pytest.raises(InputError, match="field 'losung': no such column"):
        read(tmp_path, "own.parquet", columns=mapping | {"answer": "losung"})
    with pytest.raises(InputError, match=r"of no data set known here.*medmcqa, mmlu_hf, arc"):
        read(tmp_path, "own.parquet")
    with pytest.raises(InputError, match="the reader 'columns' needs a mapping"):
        read(tmp_path, "own.parquet", reader="columns")


@pytest.mark.parametrize(
    ("form", "cell", "kind", "place"),
    [
        ("index", 1, pa.int64(), 1),
        ("index1", 1, pa.int64(), 0),
        ("digits", "1", TEXT, 1),
        ("letter", "B", TEXT, 1),
        ("text", " y", TEXT, 1),
        ("index", 2, pa.int64(), None),
        ("index1", 0, pa.int64(), None),
        ("index", "1", TEXT, None),
        ("letter", 1, pa.int64(), None),
        ("text", "w", TEXT, None),
        ("index", 1.0, pa.float64(), None),
        ("index", True, pa.bool_(), None),
    ],
)
def test_each_form_of_answer(tmp_path, form, cell, kind, place):
    write(
        tmp_path / "own.parquet",
        [dict(q="Q?", c=["x", "y"], r=cell)],
        {"q": TEXT, "c": pa.list_(TEXT), "r": kind},
    )
    mapping = dict(question="q", choices="c", answer="r", answer_form=form)
    if place is None:
        with pytest.raises(InputError, match="row 1, field 'r'"):
            read(tmp_path, "own.parquet", columns=mapping)
    else:
        assert read(tmp_path, "own.parquet", columns=mapping).items[0].answer == place


def test_labels_and_their_form_go_together():
    with pytest.raises(ValueError, match="give both or neither"):
        ColumnMapping(question="q", choices="c", answer="a", answer_form="label")


def test_more_columns_than_the_card_has_need_the_reader_named(tmp_path):
    write(tmp_path / "arc.parquet", [row | {"extra": "e"} for row in ARC_ROWS], ARC | {"extra": TEXT})
    with pytest.raises(InputError, match="of no data set known here"):
        read(tmp_path, "arc.parquet")
    assert len(read(tmp_path, "arc.parquet", reader="arc").items) == 3


def test_a_broken_parquet_file_is_an_error(tmp_path):
    (tmp_path / "test.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match="the data set is not Parquet, or is damaged"):
        read(tmp_path, "test.parquet")


def test_save_to_disk_folders(tmp_path):
    datasets = pytest.importorskip("datasets")
    table = datasets.Dataset.from_list(ARC_ROWS)
    table.save_to_disk(tmp_path / "one")
    both = datasets.DatasetDict({"train": table, "test": table.select([1])})
    both.save_to_disk(tmp_path / "both")
    assert [item.answer for item in read(tmp_path, "one").items] == [2, 1, 4]
    test = read(tmp_path, "both", split="test")
    assert [(item.id, item.split, item.source) for item in test.items] == [("a-2", "test", "both")]
    with pytest.raises(InputError, match=r"several splits are here and none is named.*test, train"):
        read(tmp_path, "both")


def test_the_hub(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    asked = []

    def load(path: str, name: str | None = None, split: str | None = None) -> object:
        asked.append((path, name, split))
        return datasets.Dataset.from_list(ARC_ROWS)

    monkeypatch.setattr(datasets, "load_dataset", load)
    items = read(tmp_path, "allenai/ai2_arc", config="ARC-Easy", split="test").items
    assert asked == [("allenai/ai2_arc", "ARC-Easy", "test")]
    assert [(item.source, item.split, item.answer) for item in items[:1]] == [("allenai/ai2_arc", "test", 2)]


@pytest.mark.parametrize(
    "failure", [ConnectionError("no route"), ValueError("no config"), RuntimeError("scripts")]
)
def test_a_hub_out_of_reach_names_the_remedy(tmp_path, monkeypatch, failure):
    datasets = pytest.importorskip("datasets")

    def fail(*args: object, **kwargs: object) -> object:
        raise failure

    monkeypatch.setattr(datasets, "load_dataset", fail)
    with pytest.raises(InputError, match=f"{failure}.*download the data set's folder and give the path"):
        read(tmp_path, "allenai/ai2_arc")
