from __future__ import annotations

import json
from pathlib import Path

import pytest

from harmonia.data import parse_instructions, read_instructions
from harmonia.errors import InputError

ASK, SAY = {"role": "user", "content": "Add 1 and 2."}, {"role": "assistant", "content": "3"}
HUMAN, GPT = {"from": "human", "value": "Add 1 and 2."}, {"from": "gpt", "value": "3"}
ALPACA = {"instruction": "Add 1 and 2.", "input": "", "output": "3"}


def save(tmp_path: Path, rows: list, name: str = "general.jsonl") -> Path:
    path = tmp_path / name
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text(f"[{', '.join(lines)}]" if name.endswith(".json") else "\n".join(lines))
    return path


def turns(instruction) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in instruction.messages]


@pytest.mark.parametrize(
    "row", [ALPACA, {"conversations": [HUMAN, GPT]}, {"messages": [ASK, SAY], "source": "x"}]
)
@pytest.mark.parametrize("name", ["general.json", "general.jsonl"])
def test_all_forms_of_one_conversation_are_the_same_instruction(tmp_path, row, name):
    (instruction,) = read_instructions(save(tmp_path, [row], name))
    assert turns(instruction) == [("user", "Add 1 and 2."), ("assistant", "3")]
    (alpaca,) = read_instructions(save(tmp_path, [ALPACA], "other.json"))
    assert instruction.id == alpaca.id
    assert len(instruction.id) == 16


@pytest.mark.parametrize(
    ("given", "asked"),
    [("x = 2", "Do.\n\nx = 2"), (" x\n", "Do.\n\n x\n"), (" ", "Do."), ("", "Do."), (None, "Do.")],
)
def test_an_input_follows_after_a_blank_line(tmp_path, given, asked):
    row = {"instruction": "Do.", "input": given, "output": " Done.\n"}
    (instruction,) = read_instructions(save(tmp_path, [row]))
    assert turns(instruction) == [("user", asked), ("assistant", " Done.\n")]


def test_a_system_turn_may_open_and_turns_may_go_on(tmp_path):
    row = {"id": 12, "conversations": [{"from": "system", "value": "Be brief."}, HUMAN, GPT, HUMAN, GPT]}
    (instruction,) = read_instructions(save(tmp_path, [row]))
    assert instruction.id == "12"
    assert [role for role, _ in turns(instruction)] == ["system", "user", "assistant", "user", "assistant"]


def test_ids_do_not_hang_on_the_order_and_equal_rows_are_kept_once(tmp_path):
    rows = [{**ALPACA, "output": str(k)} for k in (1, 2, 3, 2, 1)]
    there = read_instructions(save(tmp_path, rows))
    back = read_instructions(save(tmp_path, rows[::-1]))
    assert [turns(one)[1][1] for one in there] == ["1", "2", "3"]
    assert [turns(one)[1][1] for one in back] == ["1", "2", "3"]
    assert there == back
    named = [{**ALPACA, "id": name} for name in ("a", "b", "a")]
    assert [one.id for one in read_instructions(save(tmp_path, named))] == ["a", "b"]


BAD = [
    ({"messages": [ASK]}, "messages", "['user']", "does not end with the assistant"),
    ({"messages": [{"role": "system", "content": "s"}]}, "messages", "['system']", "does not end"),
    ({"messages": [SAY]}, "messages", "['assistant']", "do not alternate"),
    ({"messages": [ASK, ASK, SAY]}, "messages", "['user', 'user', 'assistant']", "do not alternate"),
    (
        {"messages": [ASK, {"role": "system", "content": "s"}, SAY]},
        "messages",
        "['user', 'system', 'assistant']",
        "do not alternate",
    ),
    ({"messages": []}, "messages", "[]", "not a list of turns"),
    ({"messages": "hi"}, "messages", "'hi'", "not a list of turns"),
    ({"messages": [ASK, "3"]}, "messages[1]", "'3'", "not a turn"),
    ({"messages": [ASK, {"role": "tool", "content": "3"}]}, "messages[1].role", "'tool'", "not one of user"),
    ({"messages": [ASK, {"role": "assistant"}]}, "messages[1].content", None, "missing"),
    ({"messages": [ASK, {**SAY, "content": None}]}, "messages[1].content", "None", "not a text"),
    ({"conversations": [HUMAN, {**GPT, "value": " "}]}, "conversations[1].value", "' '", "empty"),
    (
        {"conversations": [HUMAN, {**GPT, "from": "bot"}]},
        "conversations[1].from",
        "'bot'",
        "not one of human",
    ),
    ({"conversations": [HUMAN, {"value": "3"}]}, "conversations[1].from", None, "missing"),
    ({**ALPACA, "output": ""}, "output", "''", "empty"),
    ({**ALPACA, "instruction": " "}, "instruction", "' '", "empty"),
    ({**ALPACA, "input": 3}, "input", "3", "not a text"),
    ({"instruction": "Do."}, "output", None, "missing"),
    ({**ALPACA, "output": "\ud83d"}, "output", r"'\ud83d'", "surrogate"),
    ({"text": "Do."}, None, "['text']", "not one of the fields"),
    (
        {**ALPACA, "messages": []},
        None,
        "['input', 'instruction', 'messages', 'output']",
        "not one of the fields",
    ),
    ({**ALPACA, "id": True}, "id", "True", "neither a whole number nor a text"),
    ({**ALPACA, "id": "first"}, "id", "'first'", "used before with other turns, in row 1"),
    ("3", None, "3", "not a JSON object"),
]


@pytest.mark.parametrize(("row", "field", "seen", "problem"), BAD)
@pytest.mark.parametrize("name", ["general.json", "general.jsonl"])
def test_a_bad_row_is_named(tmp_path, row, field, seen, problem, name):
    path = save(tmp_path, [{**ALPACA, "id": "first", "output": "1"}, row], name)
    with pytest.raises(InputError) as caught:
        read_instructions(path)
    error = caught.value
    assert (error.file, error.row, error.field, error.seen) == (str(path), 2, field, seen)
    assert problem in error.problem
    assert "No further row is bad; --on-bad-row skip" in error.remedy
    assert [one.id for one in read_instructions(path, on_bad_row="skip")] == ["first"]
    assert [bad.row for bad in parse_instructions(path)[1]] == [2]


def test_a_broken_line_is_named_and_a_broken_array_is_an_error(tmp_path):
    path = save(tmp_path, [ALPACA, "{"])
    assert len(read_instructions(path, on_bad_row="skip")) == 1
    path.write_text('[{"instruction": "Do."')
    with pytest.raises(InputError, match="not JSON"):
        read_instructions(path, on_bad_row="skip")


@pytest.mark.parametrize(
    ("content", "problem"), [("", "no rows"), ("[]", "no rows"), ("{}\n{}", "not one of")]
)
def test_a_file_without_a_good_row_is_an_error_even_with_skip(tmp_path, content, problem):
    path = tmp_path / "general.jsonl"
    path.write_text(content)
    with pytest.raises(InputError, match=problem):
        read_instructions(path, on_bad_row="skip")


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(InputError, match="is not a file"):
        read_instructions(tmp_path / "none.json")
