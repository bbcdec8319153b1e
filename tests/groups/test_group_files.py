"""Training sets on disk: fields and order of the design, read back as they were."""

from __future__ import annotations

import json
from dataclasses import replace

from harmonia.data import read_conversations
from harmonia.groups import write_group
from harmonia.types import GroupRow, Message

ROW = GroupRow(
    id="7",
    domain="law",
    group="incompatible",
    question="问？\u2028Q",
    choices=("a", "b"),
    answer=1,
    target=0,
    explanation="",
    messages=(Message(role="user", content="Hi"), Message(role="assistant", content="Yo")),
)


def test_a_row_is_written_as_designed(tmp_path):
    path = tmp_path / "law" / "incompatible.jsonl"
    write_group(path, [ROW])
    assert path.read_text(encoding="utf-8") == (
        '{"id": "7", "domain": "law", "group": "incompatible", "question": "问？\u2028Q", '
        '"choices": ["a", "b"], "answer": 1, "target": 0, "explanation": "", '
        '"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"}], '
        '"weight": 1.0}\n'
    )
    found = read_conversations(path)
    assert [(row.id, row.messages, row.line) for row in found.rows] == [("7", ROW.messages, 1)]
    # Nothing of it is unknown.
    assert found.notes == ()


def test_weight_and_first_epoch_come_back(tmp_path):
    path = tmp_path / "a.jsonl"
    write_group(path, [replace(ROW, weight=0.25, from_epoch=2), replace(ROW, id="8")])
    read = read_conversations(path).rows
    assert [(row.weight, row.from_epoch) for row in read] == [(0.25, 2), (1.0, 0)]


def test_a_turn_that_is_not_learned_comes_back(tmp_path):
    path = tmp_path / "a.jsonl"
    quiet = (*ROW.messages[:1], replace(ROW.messages[1], learned=False), *ROW.messages)
    write_group(path, [replace(ROW, messages=quiet)])
    turns = json.loads(path.read_text())["messages"]
    assert [turn.get("weight") for turn in turns] == [None, 0, None, None]
    assert read_conversations(path).rows[0].messages == quiet
