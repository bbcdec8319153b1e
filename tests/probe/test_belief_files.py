"""Belief files: what is written is read back exactly, and wrong records are named."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from models import item

from harmonia.errors import InputError
from harmonia.parsing import noted_in
from harmonia.probe import read_beliefs, write_beliefs
from harmonia.types import Belief


def belief(index: int, probs: tuple[float, ...], **fields: object) -> Belief:
    asked = item(index, options=len(probs), explanation="因为。\n\u2028So." if index % 2 else "")
    pred = probs.index(max(probs))
    values: dict[str, object] = {
        "item": asked,
        "probs": probs,
        "pred": pred,
        "confidence": probs[pred],
        "correct": pred == asked.answer,
        "letter_mass": 0.1 + 0.2,
        "form": "icl5",
        "method": "letter",
        "preset": "corrected",
        "shots": 5,
    }
    return Belief(**{**values, **fields})


THIRD = 1 / 3
BELIEFS = (
    belief(0, (THIRD, THIRD, 1 - 2 * THIRD)),
    belief(1, (math.exp(-1), 1 - math.exp(-1)), letter_mass=None, method="cloze", normalisation="char"),
    belief(2, (1.0, 0.0, 0.0, 0.0, 0.0), shots=None, prompt="The prompt\nAnswer:"),
    belief(3, (5e-324, 1.0 - 2e-16, 2e-16), prompt=""),
    replace(belief(4, (0.25,) * 4), item=item(4, source="", split="", domain="a_b")),
    belief(5, (1 / 26,) * 26),
    belief(
        6,
        (0.5, 0.25, 0.25),
        method="letter_pride",
        preset="repo",
        asked_probs=(THIRD, THIRD, 1 - 2 * THIRD),
        draws=3,
        agreement=2 / 3,
        agreement_low=0.2,
        agreement_high=0.9,
        right_rate=THIRD,
        category="known",
    ),
)


def test_parquet_gives_back_every_bit(tmp_path):
    path = tmp_path / "deep" / "law.parquet"
    write_beliefs(path, BELIEFS, {"model": "x", "ids": [1, 2]})
    assert read_beliefs(path) == BELIEFS
    assert noted_in(pq.read_schema(path), path) == {"model": "x", "ids": [1, 2]}
    assert [file.name for file in path.parent.iterdir()] == ["law.parquet"]


def test_prompts_take_no_column_unless_kept(tmp_path):
    write_beliefs(tmp_path / "a.parquet", BELIEFS[:2], {})
    assert "prompt" not in pq.read_schema(tmp_path / "a.parquet").names
    assert read_beliefs(tmp_path / "a.parquet") == BELIEFS[:2]


def test_the_columns_are_those_of_the_design(tmp_path):
    write_beliefs(tmp_path / "a.parquet", BELIEFS, {})
    names = pq.read_schema(tmp_path / "a.parquet").names
    item_columns = ["id", "domain", "question", "choices", "answer", "explanation", "source", "split"]
    belief_columns = ["probs", "pred", "confidence", "correct", "letter_mass", "form", "method", "preset"]
    assert {*item_columns, *belief_columns, "prompt"} <= set(names)


def test_files_without_the_later_columns_are_read(tmp_path):
    write_beliefs(tmp_path / "a.parquet", BELIEFS, {})
    later = ("asked_probs", "draws", "agreement", "agreement_low", "agreement_high", "right_rate", "category")
    assert "borderline" not in pq.read_schema(tmp_path / "a.parquet").names  # no row has it
    table = pq.read_table(tmp_path / "a.parquet").drop_columns(list(later))
    pq.write_table(table, tmp_path / "old.parquet")
    absent = dict.fromkeys(later)
    assert read_beliefs(tmp_path / "old.parquet") == tuple(replace(one, **absent) for one in BELIEFS)


RECORD = {"id": 7, "question": "Which?", "choices": ["a", "b"], "answer": 1, "probs": [0.25, 0.75]}


def write(path, *records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def test_a_bare_record_is_enough(tmp_path):
    path = write(tmp_path / "b.jsonl", RECORD, {**RECORD, "id": "8", "output": 3, "pred": 1})
    first, second = read_beliefs(path, domain="art")
    assert (first.item.id, first.item.domain, first.item.source) == ("7", "art", str(path))
    assert (first.pred, first.confidence, first.correct) == (1, 0.75, True)
    assert (first.letter_mass, first.shots, first.prompt) == (None, None, None)
    assert second.item.id == "8"
    named = write(tmp_path / "c.jsonl", {**RECORD, "domain": "law"})
    assert read_beliefs(named, domain="art")[0].item.domain == "law"


BAD = {
    "no probs": ({"probs": ...}, "probs", "required"),
    "no id": ({"id": ...}, "id", "required"),
    "no question": ({"question": ""}, "question", "empty or only white space"),
    "id of a wrong type": ({"id": 1.5}, "id", "valid"),
    "probs no list": ({"probs": 0.5}, "probs", "list"),
    "probs of text": ({"probs": ["0.25", "0.75"]}, "probs.0", "number"),
    "too few probs": ({"probs": [1.0]}, "probs", "1 probs for 2 choices"),
    "probs that do not sum to 1": ({"probs": [0.25, 0.7]}, "probs", "not a distribution"),
    "a negative prob": ({"probs": [-0.5, 1.5]}, "probs.0", "greater than or equal to 0"),
    "a prob that is no number": ({"probs": [float("nan"), 1.0]}, None, "NaN, which is not JSON"),
    "answer out of range": ({"answer": 2}, "answer", "not an index of 2 choices"),
    "a negative answer": ({"answer": -1}, "answer", "greater than or equal"),
    "a letter as answer": ({"answer": "B"}, "answer", "integer"),
    "one choice": ({"choices": ["a"], "probs": [1.0], "answer": 0}, "choices", "at least 2"),
    "a pred that is another": ({"pred": 0}, "pred", "not the index of the largest"),
    "an empty id": ({"id": ""}, "id", "empty"),
    "a blank question": ({"question": " \n"}, "question", "empty"),
    "an empty option": ({"choices": ["a", " "]}, "choices.1", "empty"),
    "one option twice and no other": ({"choices": ["a", "a "]}, "choices", "all options are the same"),
    "a blank domain": ({"domain": " "}, "domain", "empty"),
    "a confidence that is another": ({"confidence": 0.25}, "confidence", "not the largest"),
    "a correct that is not": ({"correct": False}, "correct", "the answer's"),
    "a letter mass above 1": ({"letter_mass": 7.0}, "letter_mass", "less than or equal to 1"),
    "a letter mass below 0": ({"letter_mass": -0.1}, "letter_mass", "greater than or equal to 0"),
    "an unknown form": ({"form": "icl"}, "form", "neither icl<k> nor chat0"),
    "an unknown method": ({"method": "foo"}, "method", "letter_cyclic"),
    "an unknown preset": ({"preset": "mine"}, "preset", "corrected"),
    "an unknown normalisation": ({"normalisation": "word"}, "normalisation", "char"),
    "negative shots": ({"shots": -1}, "shots", "greater than or equal to 0"),
    "more shots than the form has": ({"shots": 6, "form": "icl5"}, "shots", "more than form icl5 has"),
    "shots in a chat": ({"shots": 1, "form": "chat0"}, "shots", "more than form chat0 has"),
    "negative draws": ({"draws": -3}, "draws", "greater than or equal to 1"),
    "no probs at all": ({"probs": []}, "probs", "0 probs for 2 choices"),
    "agreement of one draw": ({"draws": 1, "agreement": 1.0}, "agreement", "one draw"),
    "too few asked": ({"asked_probs": [1.0]}, "asked_probs", "1 probs for 2 choices"),
    "asked that do not sum to 1": ({"asked_probs": [0.5, 0.1]}, "asked_probs", "not a distribution"),
    "agreement above 1": ({"agreement": 1.5}, "agreement", "less than or equal to 1"),
    "agreement outside its interval": (
        {"agreement": 0.5, "agreement_low": 0.6, "agreement_high": 0.9},
        "agreement",
        "not between agreement_low 0.6 and agreement_high 0.9",
    ),
    "an unknown category": ({"category": "sure"}, "category", "conflicting"),
    "known, and wrong": ({"category": "known", "answer": 0}, "category", "not the answer's"),
    "conflicting, and right": ({"category": "conflicting"}, "category", "the answer's"),
    "a prompt that is no text": ({"prompt": 3}, "prompt", "string"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_record_is_named(tmp_path, name):
    change, field, problem = BAD[name]
    record = {key: value for key, value in {**RECORD, "id": 9, **change}.items() if value is not ...}
    path = write(tmp_path / "b.jsonl", RECORD, record)
    with pytest.raises(InputError, match=problem) as caught:
        read_beliefs(path)
    assert (caught.value.file, caught.value.row, caught.value.field) == (str(path), 2, field)
    if field is not None:
        assert "A belief needs id, question, choices, answer and probs" in caught.value.remedy


COLUMNS = pa.schema(
    [
        ("id", pa.string()),
        ("question", pa.string()),
        ("choices", pa.list_(pa.string())),
        ("answer", pa.int32()),
    ]
    + [("probs", pa.list_(pa.float64())), ("domain", pa.string()), ("pred", pa.int32())]
    + [("confidence", pa.float64()), ("correct", pa.bool_()), ("letter_mass", pa.float64())]
    + [(name, pa.string()) for name in ("form", "method", "preset", "normalisation", "category", "prompt")]
    + [("shots", pa.int32()), ("asked_probs", pa.list_(pa.float64())), ("draws", pa.int32())]
    + [(name, pa.float64()) for name in ("agreement", "agreement_low", "agreement_high")]
)


def _fits_columns(name: str) -> bool:
    """Whether a column of the type that it has in Parquet can hold the wrong value at all."""
    change, *_ = BAD[name]
    record = {key: None if value is ... else value for key, value in {**RECORD, **change}.items()}
    try:
        pa.Table.from_pylist([record], schema=COLUMNS)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return False
    return True


@pytest.mark.parametrize("name", [name for name in BAD if _fits_columns(name)])
def test_a_wrong_row_is_named_alike_whether_columns_or_lines_are_read(tmp_path, name):
    change, *_ = BAD[name]
    record = {key: None if value is ... else value for key, value in {**RECORD, "id": "9", **change}.items()}
    rows = [{**RECORD, "id": "7"}, record]
    pq.write_table(pa.Table.from_pylist(rows, schema=COLUMNS), tmp_path / "b.parquet")
    with pytest.raises(InputError) as columns:
        read_beliefs(tmp_path / "b.parquet")
    if name == "a prob that is no number":  # which JSON cannot hold
        assert (columns.value.row, columns.value.field) == (2, "probs.0")
        return
    lines = write(tmp_path / "b.jsonl", rows[0], record)
    with pytest.raises(InputError) as by_line:
        read_beliefs(lines)
    assert [getattr(columns.value, part) for part in ("problem", "row", "field", "remedy")] == [
        getattr(by_line.value, part) for part in ("problem", "row", "field", "remedy")
    ]


def test_white_space_of_columns_is_that_of_lines():
    odd = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    trimmed = pc.utf8_trim_whitespace(pa.array(odd)).to_pylist()
    assert [not one for one in trimmed] == [not one.strip() for one in odd]


def test_an_id_that_comes_twice_is_named(tmp_path):
    path = write(tmp_path / "b.jsonl", RECORD, {**RECORD, "id": 8}, {**RECORD, "id": "7"})
    with pytest.raises(InputError, match="used in row 1 already; saw '7'") as caught:
        read_beliefs(path)
    assert (caught.value.row, caught.value.field) == (3, "id")


def test_files_that_hold_no_beliefs_are_named(tmp_path):
    with pytest.raises(InputError, match="is not a file"):
        read_beliefs(tmp_path / "none.parquet")
    with pytest.raises(InputError, match="holds no belief"):
        read_beliefs(write(tmp_path / "empty.jsonl"))
    (tmp_path / "text.parquet").write_text("no")
    with pytest.raises(InputError, match="is not Parquet, or is damaged"):
        read_beliefs(tmp_path / "text.parquet")
    pq.write_table(pa.table({"id": ["a"], "x": [1]}), tmp_path / "other.parquet")
    with pytest.raises(InputError, match="row 1, field 'question': Field required"):
        read_beliefs(tmp_path / "other.parquet")
    (tmp_path / "cut.jsonl").write_text(json.dumps(RECORD)[:-5])
    with pytest.raises(InputError, match="not JSON") as caught:
        read_beliefs(tmp_path / "cut.jsonl")
    assert caught.value.row == 1


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ("letter_mass", float("nan"), "finite"),
        ("probs", [float("nan"), 1.0, 0.0], "finite"),
        ("shots", -1, "greater than or equal to 0"),
    ],
)
def test_a_wrong_row_of_parquet_is_named(tmp_path, column, value, problem):
    path = tmp_path / "a.parquet"
    write_beliefs(path, BELIEFS, {})
    table = pq.read_table(path)
    rows = table.to_pylist()
    rows[0][column] = value
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    with pytest.raises(InputError, match=problem) as caught:
        read_beliefs(path)
    assert (caught.value.row, caught.value.field.partition(".")[0]) == (1, column)


def test_a_damaged_page_is_noticed_even_where_it_still_decodes(tmp_path):
    path = tmp_path / "a.parquet"
    write_beliefs(path, [replace(BELIEFS[0], item=item(k, options=3)) for k in range(400)], {})
    data = bytearray(path.read_bytes())
    place = data.index(BELIEFS[0].item.question[:4].encode())
    data[place] ^= 1  # another letter of a question
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"a\.parquet: the belief file is not Parquet, or is damaged"):
        read_beliefs(path)
