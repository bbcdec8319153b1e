"""The real exam files, read where they lie."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from harmonia.data import ItemSource, read_conversations, read_items
from harmonia.errors import InputError

pytestmark = pytest.mark.shared

# File: rows, bad rows, repeated questions among the good rows.
EXAMS = {
    "engineering/train": (4_829, 14, 7),
    "engineering/dev": (10, 0, 0),
    "engineering/test": (250, 2, 0),
    "history/dev": (10, 0, 0),
    "history/test": (250, 1, 0),
    "jurisprudence/train": (6_661, 10, 25),
    "jurisprudence/dev": (10, 0, 0),
    "jurisprudence/test": (250, 0, 0),
    "medmcqa/dev": (10, 0, 0),
    "medmcqa/test": (1_462, 7, 0),
}


@pytest.mark.parametrize("name", EXAMS)
def test_every_exam_is_read_and_its_flaws_counted(data_root, name):
    domain, split = name.split("/")
    source = ItemSource(path=f"exams/{name}.jsonl", domain=domain, on_bad_row="skip")
    result = read_items(source, data_root)
    rows, bad, repeated = EXAMS[name]
    assert (len(result.items) + len(result.skipped), len(result.skipped)) == (rows, bad)
    assert all("same text as option" in row.problem for row in result.skipped)
    assert sum(len(group) - 1 for group in result.repeated) == repeated
    questions = [item.question for item in result.items]
    assert len(questions) - len(set(questions)) == repeated
    assert {(item.domain, item.split, item.source) for item in result.items} == {(domain, split, source.path)}
    dropped = read_items(source.model_copy(update={"drop_repeated": True}), data_root)
    assert len(result.items) - len(dropped.items) == repeated
    assert result.copies == 0


def test_the_first_bad_row_of_the_engineering_exam_is_reported(data_root):
    with pytest.raises(InputError, match="13 further rows are bad; on_bad_row=skip"):
        read_items(ItemSource(path="exams/engineering/train.jsonl"), data_root)


def test_every_published_group_is_read(data_root):
    files = sorted((data_root / "published").glob("*/*/*.jsonl"))
    assert len(files) == 16
    for file in files:
        result = read_items(ItemSource(path=str(file), on_bad_row="skip"))
        rows = file.read_bytes().count(b"\n")
        assert len(result.items) + len(result.skipped) == rows
        assert all("same text as option" in row.problem for row in result.skipped)


def test_the_raw_form_reads_as_the_plain_one(data_root, tmp_path):
    for file in sorted((data_root / "published/mistral-7b/engineering").glob("*.jsonl")):
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line]
        stripped = [{"id": row["id"], "explanation": row["explanation"], "raw": row["raw"]} for row in rows]
        copy = tmp_path / "engineering" / file.name
        copy.parent.mkdir(exist_ok=True)
        copy.write_text("".join(json.dumps(row) + "\n" for row in stripped), encoding="utf-8")
        plain = read_items(ItemSource(path=f"engineering/{file.name}", on_bad_row="skip"), file.parents[1])
        raw = read_items(ItemSource(path=f"engineering/{file.name}", on_bad_row="skip"), tmp_path)
        assert len(plain.items) > 500
        assert raw.items == plain.items
        assert raw.repeated == plain.repeated
        assert [row.row for row in raw.skipped] == [row.row for row in plain.skipped]


def test_the_general_instructions_are_read(data_root):
    found = read_conversations(data_root / "general/alpaca_gpt4_en_999.json")
    instructions = found.rows
    assert len(instructions) == len({instruction.id for instruction in instructions}) == 985
    shapes = Counter(tuple(m.role for m in instruction.messages) for instruction in instructions)
    assert shapes == {("user", "assistant"): 985}
    assert found.notes == ("rows that repeat an earlier one, kept once: 14",)
