"""The answers of a run: narrow, with their items stored once beside them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from models import item

from harmonia.analysis import Answers, read_answers
from harmonia.data.stored_items import item_key, write_items
from harmonia.errors import InputError
from harmonia.hashing import sha256_json
from harmonia.probe import read_beliefs, write_answers
from harmonia.types import Belief, Item


def answer(asked: Item, probs: tuple[float, ...], **fields: object) -> Belief:
    pred = probs.index(max(probs))
    values: dict[str, object] = {
        **{"item": asked, "probs": probs, "pred": pred, "confidence": probs[pred]},
        **{"correct": pred == asked.answer, "letter_mass": 0.1 + 0.2, "form": "icl5", "method": "letter"},
        **{
            "preset": "corrected",
            "shots": 5,
            "asked_probs": probs[::-1],
            "draws": 1,
            "borderline": pred == 0,
        },
    }
    return Belief(**{**values, **fields})


ITEMS = [item(number, options=2 + number % 3, explanation="é\n" * number) for number in range(6)]
BASE = [answer(one, (0.1,) * (len(one.choices) - 1) + (1.1 - 0.1 * len(one.choices),)) for one in ITEMS]
TUNED = [
    answer(
        one,
        tuple(1 / len(one.choices) for _ in one.choices),
        **{"form": "chat0", "shots": 0, "draws": 3, "agreement": 2 / 3, "agreement_low": 0.2},
        **{"agreement_high": 0.9, "right_rate": 1 / 3, "category": "uncertain", "prompt": "Which?"},
    )
    for one in reversed(ITEMS[1:])
]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run directory with items, beliefs of a base and answers of a tuned model."""
    items = tmp_path / "run" / "items" / "law.parquet"
    write_items(items, [*ITEMS, *ITEMS[:2]])
    write_answers(tmp_path / "run" / "beliefs" / "law.parquet", BASE, items, {"model": "x"})
    write_answers(tmp_path / "run" / "predictions" / "law" / "a" / "b.parquet", TUNED, items, {})
    return tmp_path / "run"


def test_items_are_stored_once_and_joined_by_whoever_reads(run: Path, tmp_path: Path) -> None:
    assert len(pq.read_table(run / "items" / "law.parquet")) == 6
    moved = Path(shutil.move(run, tmp_path / "moved" / "run"))
    assert read_beliefs(moved / "beliefs" / "law.parquet") == tuple(BASE)
    tuned = moved / "predictions" / "law" / "a" / "b.parquet"
    assert read_beliefs(tuned) == tuple(TUNED)
    found, expected = read_answers(tuned), Answers.of(TUNED)
    for name in Answers.__slots__:
        assert getattr(found, name).tolist() == getattr(expected, name).tolist()
    same = [replace(one, asked_probs=one.probs) for one in BASE]
    write_answers(moved / "beliefs" / "same.parquet", same, moved / "items" / "law.parquet", {})
    assert read_beliefs(moved / "beliefs" / "same.parquet") == tuple(same)
    assert "asked_probs" not in pq.read_schema(moved / "beliefs" / "same.parquet").names
    # No text of a question, and nothing that follows from the rest, is in an answer.
    assert pq.read_schema(moved / "beliefs" / "law.parquet").names == [
        *("key", "probs", "asked_probs", "letter_mass", "shots", "borderline")
    ]


def test_equal_items_have_one_key_and_others_another() -> None:
    first = ITEMS[0]
    changes = {"id": "x", "domain": "x", "question": "x", "choices": ("x", "y"), "answer": 1 - first.answer}
    others = [replace(first, **{name: value}) for name, value in changes.items()]
    others += [replace(first, **{name: "other"}) for name in ("explanation", "source", "split", "cluster")]
    assert item_key(replace(first)) == item_key(first)
    assert len({item_key(one) for one in (first, *others)}) == 1 + len(others)


def test_items_stored_before_there_were_clusters_are_read(tmp_path: Path) -> None:
    first, *others = ITEMS
    values = [getattr(first, name) for name in ("id", "domain", "question", "choices", "answer")]
    values += [first.explanation, first.source, first.split]
    assert item_key(first) == sha256_json(values)[:16]
    path = tmp_path / "items" / "law.parquet"
    write_items(path, ITEMS)
    assert "cluster" not in pq.read_schema(path).names
    write_answers(tmp_path / "beliefs" / "law.parquet", BASE, path, {})
    assert read_beliefs(tmp_path / "beliefs" / "law.parquet") == tuple(BASE)
    named = [replace(BASE[0], item=replace(first, cluster="passage 1")), *BASE[1:]]
    write_items(path, [named[0].item, *others])
    write_answers(tmp_path / "beliefs" / "named.parquet", named, path, {})
    assert read_beliefs(tmp_path / "beliefs" / "named.parquet") == tuple(named)


def test_what_is_not_where_it_should_be_is_named(run: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone.parquet"
    shutil.copy(run / "beliefs" / "law.parquet", alone)
    with pytest.raises(InputError, match="the file of its items is not there") as caught:
        read_beliefs(alone)
    assert "run directory" in caught.value.remedy and caught.value.seen == "'../items/law.parquet'"
    write_items(run / "items" / "law.parquet", ITEMS[:4])
    with pytest.raises(InputError, match="no such item") as caught:
        read_answers(run / "beliefs" / "law.parquet")
    assert (caught.value.row, caught.value.field) == (5, "key")


@pytest.mark.parametrize(
    ("column", "value", "field", "problem"),
    [
        ("probs", [0.5, 0.6], "probs", "not a distribution"),
        ("probs", [0.2, 0.3, 0.5], "probs", "3 probs for 2 choices"),
        ("probs", None, "probs", "valid list"),
        ("letter_mass", 1.5, "letter_mass", "less than or equal to 1"),
        ("shots", 6, "shots", "more than form icl5 has"),
        ("key", "first", "id", "was used in row 1 already"),
    ],
)
def test_a_wrong_answer_is_named(run: Path, column: str, value: object, field: str, problem: str) -> None:
    path = run / "beliefs" / "law.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    rows[3][column] = rows[0]["key"] if value == "first" else value
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    for read in (read_beliefs, read_answers):
        with pytest.raises(InputError, match=problem) as caught:
            read(path)
        assert (caught.value.file, caught.value.row, caught.value.field) == (str(path), 4, field)


@pytest.mark.parametrize(
    ("column", "value"), [("question", " \u2003"), ("question", "Who?"), ("answer", 1), ("choices", None)]
)
def test_an_item_that_was_changed_is_named_where_it_stands(run: Path, column: str, value: object) -> None:
    path = run / "items" / "law.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    assert rows[2][column] != value
    rows[2][column] = value
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    for read in (read_beliefs, read_answers):
        with pytest.raises(InputError, match="not the one of this key") as caught:
            read(run / "beliefs" / "law.parquet")
        assert (caught.value.file, caught.value.row, caught.value.field) == (str(path), 3, "key")


@pytest.mark.parametrize(
    ("asked", "field", "problem"),
    [
        ({"form": 5}, "asked.form", "hold no str"),
        ({"draws": "many"}, "asked.draws", "hold no int"),
        ({"draws": True}, "asked.draws", "hold no int"),
        ({"form": "chat"}, "form", "neither icl<k> nor chat0"),
        (None, "asked", "do not say how"),
    ],
)
def test_wrong_metadata_are_named(
    run: Path, asked: dict[str, object] | None, field: str, problem: str
) -> None:
    path = run / "beliefs" / "law.parquet"
    table = pq.read_table(path)
    note = json.loads(table.schema.metadata[b"harmonia"])
    note["asked"] = None if asked is None else {**note["asked"], **asked}
    pq.write_table(table.replace_schema_metadata({"harmonia": json.dumps(note)}), path)
    for read in (read_beliefs, read_answers):
        with pytest.raises(InputError, match=problem) as caught:
            read(path)
        assert (caught.value.file, caught.value.field) == (str(path), field)
