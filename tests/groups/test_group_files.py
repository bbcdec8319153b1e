"""Training sets on disk: fields and order of the design, and wrong rows named."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from harmonia.errors import InputError
from harmonia.groups import read_training_rows, write_group
from harmonia.types import GroupRow, Message

TURNS = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"}]
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
    (read,) = read_training_rows(path)
    assert (read.id, read.messages, read.row) == ("7", ROW.messages, 1)


def test_weight_and_first_epoch_come_back(tmp_path):
    path = tmp_path / "a.jsonl"
    write_group(path, [replace(ROW, weight=0.25, from_epoch=2), replace(ROW, id="8")])
    read = read_training_rows(path)
    assert [(row.weight, row.from_epoch) for row in read] == [(0.25, 2), (1.0, 0)]


def write(path, *rows) -> None:
    path.write_text("".join(f"{'' if row is None else json.dumps(row)}\n" for row in rows), encoding="utf-8")


def test_messages_are_enough(tmp_path):
    path = tmp_path / "a.jsonl"
    system = [{"role": "system", "content": "Be brief."}, *TURNS, *TURNS]
    write(path, {"messages": TURNS, "tag": 1}, None, {"id": 4, "messages": system, "weight": 1})
    first, second = read_training_rows(path)
    assert (first.row, second.row, second.id) == (1, 3, "4")
    assert [turn.role for turn in second.messages] == ["system", *["user", "assistant"] * 2]
    # A row without an id is called by its content, wherever it stands.
    write(path, {"id": 4, "messages": system}, {"messages": TURNS})
    assert read_training_rows(path)[1].id == first.id


BAD = {
    "no messages": ({"messages": ...}, "messages", "required"),
    "messages no list": ({"messages": "Hi"}, "messages", "list"),
    "one turn": ({"messages": TURNS[1:]}, "messages", "at least 2"),
    "a turn without content": ({"messages": [{"role": "user"}, TURNS[1]]}, "messages.0.content", "required"),
    "an empty reply": (
        {"messages": [TURNS[0], {"role": "assistant", "content": ""}]},
        "messages.1.content",
        "at least 1",
    ),
    "content no text": (
        {"messages": [{"role": "user", "content": 3}, TURNS[1]]},
        "messages.0.content",
        "string",
    ),
    "a role that no template knows": (
        {"messages": [{"role": "human", "content": "Hi"}, TURNS[1]]},
        "messages.0.role",
        "'user'",
    ),
    "the user last": ({"messages": [*TURNS, TURNS[0]]}, "messages", "not the assistant's"),
    "system in the middle": (
        {"messages": [TURNS[0], {"role": "system", "content": "x"}, TURNS[1]]},
        "messages",
        "alternate",
    ),
    "system alone before the reply": (
        {"messages": [{"role": "system", "content": "x"}, TURNS[1]]},
        "messages",
        "alternate",
    ),
    "two replies in a row": ({"messages": [*TURNS, TURNS[1]]}, "messages", "alternate"),
    "a negative weight": ({"weight": -0.5}, "weight", "greater than or equal to 0"),
    "an epoch before the first": ({"from_epoch": -1}, "from_epoch", "greater than or equal to 0"),
    "an id of a wrong type": ({"id": [1]}, "id", "valid"),
    "an id used before": ({"id": "first"}, "id", "used in row 1 already"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_row_is_named(tmp_path, name):
    change, field, problem = BAD[name]
    row = {key: value for key, value in {"messages": TURNS, **change}.items() if value is not ...}
    path = tmp_path / "a.jsonl"
    write(path, {"id": "first", "messages": TURNS}, row)
    with pytest.raises(InputError, match=problem) as caught:
        read_training_rows(path)
    assert (caught.value.file, caught.value.row) == (str(path), 2)
    assert caught.value.field is not None and caught.value.field.split(".str")[0].split(".int")[0] == field
    assert caught.value.remedy


def test_rows_alike_without_ids_are_named(tmp_path):
    write(tmp_path / "a.jsonl", {"messages": TURNS}, {"messages": TURNS})
    with pytest.raises(InputError, match="used in row 1 already"):
        read_training_rows(tmp_path / "a.jsonl")


def test_files_that_hold_no_rows_are_named(tmp_path):
    with pytest.raises(InputError, match="the training set is not a file"):
        read_training_rows(tmp_path / "none.jsonl")
    write(tmp_path / "empty.jsonl", None)
    with pytest.raises(InputError, match="the training set is empty"):
        read_training_rows(tmp_path / "empty.jsonl")
    (tmp_path / "list.jsonl").write_text("[1]\n")
    with pytest.raises(InputError, match="not a JSON object") as caught:
        read_training_rows(tmp_path / "list.jsonl")
    assert caught.value.row == 1
    (tmp_path / "latin.jsonl").write_bytes(b'{"messages": "\xe9"}\n')
    with pytest.raises(InputError, match="not UTF-8"):
        read_training_rows(tmp_path / "latin.jsonl")
