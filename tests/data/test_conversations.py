"""Rows of every form, all that changes what they teach, and bad rows named."""

from __future__ import annotations

import copy
import json
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harmonia.data import ConversationFile, ConversationRows, read_conversations
from harmonia.errors import InputError
from harmonia.types import Conversation

ASK, SAY = {"role": "user", "content": "Add 1 and 2."}, {"role": "assistant", "content": "3"}
MORE, SUM = {"role": "user", "content": "And 3?"}, {"role": "assistant", "content": "6"}
BRIEF = {"role": "system", "content": "Be brief."}
HUMAN, GPT = {"from": "human", "value": "Add 1 and 2."}, {"from": "gpt", "value": "3"}
ALPACA = {"instruction": "Add 1 and 2.", "input": "", "output": "3"}

ONE_TURN = [
    ALPACA,
    {**ALPACA, "system": "", "history": [], "source": "x"},
    {**ALPACA, "system": None, "history": None},
    {"conversations": [HUMAN, GPT], "tools": "[]", "system": " "},
    {"conversations": [ASK, SAY]},
    {"messages": [ASK, SAY], "source": "x", "tools": None, "images": []},
    {"messages": [HUMAN, GPT], "prompt": "Add 1 and 2."},
    {
        "messages": [
            {**ASK, "content": [{"type": "text", "text": "Add 1 "}, {"type": "text", "text": "and 2."}]},
            SAY,
        ]
    },
    {"prompt": "Add 1 and 2.", "completion": "3", "label": None},
    {"prompt": [ASK], "completion": [SAY]},
    {"messages": [ASK, {**SAY, "weight": 1, "train": None, "tool_calls": []}]},
    {**ALPACA, "messages": None, "conversations": None, "weight": None},
]
FOUR_TURNS = [
    {
        **ALPACA,
        "system": "Be brief.",
        "history": [["Add 1 and 2.", "3"]],
        "instruction": "And 3?",
        "output": "6",
    },
    {"conversations": [HUMAN, GPT, MORE, SUM], "system": "Be brief."},
    {
        "conversations": [{"from": "system", "value": "Be brief."}, HUMAN, GPT, MORE, SUM],
        "system": "Be brief.",
    },
    {"messages": [{**BRIEF, "role": "developer"}, ASK, {**SAY, "role": "model"}, MORE, SUM]},
    {"messages": [ASK, SAY, MORE, SUM], "system_prompt": "Be brief."},
]


def save(tmp_path: Path, rows: list, name: str = "rows.jsonl") -> Path:
    path = tmp_path / name
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text(f"[{', '.join(lines)}]" if name.endswith(".json") else "\n".join(lines))
    return path


def read(tmp_path: Path, *rows: object, name: str = "rows.jsonl") -> tuple[Conversation, ...]:
    return read_conversations(save(tmp_path, list(rows), name)).rows


def turns(row: Conversation) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in row.messages]


@pytest.mark.parametrize("row", ONE_TURN)
@pytest.mark.parametrize("name", ["rows.json", "rows.jsonl"])
def test_all_forms_of_one_conversation_are_the_same(tmp_path, row, name):
    (found,) = read(tmp_path, row, name=name)
    assert turns(found) == [("user", "Add 1 and 2."), ("assistant", "3")]
    assert all(message.learned for message in found.messages)
    (alpaca,) = read(tmp_path, ALPACA)
    assert found.id == alpaca.id and len(found.id) == 16
    assert (found.line, found.weight, found.from_epoch) == (1, 1.0, 0)


@pytest.mark.parametrize("row", FOUR_TURNS)
def test_system_and_earlier_turns_are_taught(tmp_path, row):
    (found,) = read(tmp_path, row)
    said = [("user", "Add 1 and 2."), ("assistant", "3"), ("user", "And 3?"), ("assistant", "6")]
    assert turns(found) == [("system", "Be brief."), *said]


def test_sharegpt_turns_are_those_that_trl_makes_of_them(tmp_path):
    from trl import maybe_convert_to_chatml

    rows = [
        {"conversations": [{"from": "system", "value": " S\n"}, HUMAN, GPT]},
        {"conversations": [HUMAN, GPT]},
    ]
    for found, row in zip(read(tmp_path, *rows), rows, strict=True):
        theirs = maybe_convert_to_chatml(copy.deepcopy(row))["messages"]
        assert turns(found) == [
            ({"human": "user", "gpt": "assistant"}.get(turn["role"], turn["role"]), turn["content"])
            for turn in theirs
        ]


@pytest.mark.parametrize(
    ("given", "asked"),
    [("x = 2", "Do.\n\nx = 2"), (" x\n", "Do.\n\n x\n"), (" ", "Do."), ("", "Do."), (None, "Do.")],
)
def test_an_input_follows_after_a_blank_line(tmp_path, given, asked):
    (found,) = read(tmp_path, {"instruction": "Do.", "input": given, "output": " Done.\n"})
    assert turns(found) == [("user", asked), ("assistant", " Done.\n")]


def test_a_row_counts_by_its_weight_and_from_its_epoch_on(tmp_path):
    first, second, third = read(
        tmp_path,
        {**ALPACA, "id": 12, "weight": 0.25, "from_epoch": 2},
        {"conversations": [HUMAN, GPT], "weight": 3},
        ALPACA,
    )
    assert [(one.id, one.weight, one.from_epoch) for one in (first, third)] == [
        ("12", 0.25, 2),
        (third.id, 1.0, 0),
    ]
    # What else a row teaches is part of its name.
    assert second.weight == 3.0 and second.id != third.id


@pytest.mark.parametrize(
    "mark",
    [
        *({"weight": 0}, {"weight": 0.0}, {"train": False}, {"train_on_turn": 0}, {"trainable": False}),
        *({"loss": False}, {"loss_mask": 0}, {"learned": False}, {"masked": True}),
        {"weight": 0, "train": False},
    ],
)
def test_a_turn_that_is_not_to_be_learned_is_kept_and_marked(tmp_path, mark):
    rows = [
        {"messages": [{**ASK, "weight": 0}, {**SAY, **mark}, MORE, {**SUM, "weight": 1}]},
        {"conversations": [HUMAN, {**GPT, **mark}, {"from": "human", "value": "And 3?"}, SUM]},
    ]
    for row in rows:
        (found,) = read(tmp_path, row)
        assert [one.content for one in found.messages] == ["Add 1 and 2.", "3", "And 3?", "6"]
        assert [one.learned for one in found.messages] == [True, False, True, True]
    # The two rows teach the same, and something else than a row without the mark.
    file = ConversationFile(save(tmp_path, [*rows, {"messages": [ASK, SAY, MORE, SUM]}]))
    assert len({row.id for row in file}) == 2 and file.repeated == 1


def test_what_the_assistant_says_in_a_prompt_is_not_learned(tmp_path):
    """As TRL has it: the loss of prompt and completion is the completion's."""
    (found,) = read(tmp_path, {"prompt": [BRIEF, ASK, SAY, MORE], "completion": [SUM]})
    assert turns(found)[0] == ("system", "Be brief.")
    assert [one.content for one in found.messages if one.role == "assistant" and one.learned] == ["6"]
    (marked,) = read(tmp_path, {"prompt": [BRIEF, ASK, {**SAY, "weight": 0}, MORE], "completion": [SUM]})
    assert marked == found
    (plain,) = read(tmp_path, {"prompt": "Q:", "completion": " yes"})
    assert turns(plain) == [("user", "Q:"), ("assistant", " yes")]


REFUSED = [
    ({**ALPACA, "tools": [{"name": "add"}]}, "tools", "tools are not taught"),
    ({"conversations": [HUMAN, GPT], "tools": '[{"name": "add"}]'}, "tools", "tools are not taught"),
    (
        {"messages": [ASK, {**SAY, "content": None, "tool_calls": [{"id": 1}]}]},
        "messages[1].tool_calls",
        "tools",
    ),
    ({"messages": [ASK, {"role": "tool", "content": "3"}, SAY]}, "messages[1].role", "tools"),
    (
        {"conversations": [HUMAN, {"from": "function_call", "value": "{}"}, GPT]},
        "conversations[1].from",
        "tools",
    ),
    (
        {"conversations": [HUMAN, {"from": "observation", "value": "3"}, GPT]},
        "conversations[1].from",
        "tools",
    ),
    ({**ALPACA, "images": ["a.png"]}, "images", "only text"),
    (
        {"messages": [{**ASK, "content": [{"type": "image", "image": "a"}]}, SAY]},
        "messages[0].content[0]",
        "only text",
    ),
    ({"prompt": "Q", "chosen": "a", "rejected": "b"}, "chosen", "a single answer"),
    ({**ALPACA, "rejected": "4"}, "rejected", "a single answer"),
    ({"conversations": [HUMAN], "chosen": GPT, "rejected": GPT}, "chosen", "a single answer"),
    ({**ALPACA, "kto_tag": False}, "kto_tag", "a single answer"),
    ({"prompt": "Q", "completion": "a", "label": False}, "label", "a single answer"),
    ({"messages": [ASK, {**SAY, "thinking": "1 + 2"}]}, "messages[1].thinking", "a thought"),
    (
        {"messages": [ASK, {**SAY, "reasoning_content": "1 + 2"}]},
        "messages[1].reasoning_content",
        "a thought",
    ),
    (
        {"messages": [ASK, {**SAY, "train_detail": [{"train": False}]}]},
        "messages[1].train_detail",
        "parts of a turn",
    ),
    ({"messages": [ASK, {**SAY, "weight": 0.5}]}, "messages[1].weight", "neither 0 nor 1"),
    ({"messages": [ASK, {**SAY, "weight": "0"}]}, "messages[1].weight", "neither 0 nor 1"),
    ({"conversations": [HUMAN, {**GPT, "train": "no"}]}, "conversations[1].train", "neither 0 nor 1"),
    ({"messages": [ASK, {**SAY, "weight": 0, "train": True}]}, "messages[1].weight", "contradict"),
    ({"messages": [{**ASK, "train": True}, SAY]}, "messages[0].train", "never learned"),
    ({"prompt": [ASK, {**SAY, "weight": 1}, MORE], "completion": [SUM]}, "prompt[1].weight", "never learned"),
    ({"messages": [ASK, SAY], "loss_mask": [0, 1]}, "loss_mask", "told at its turns"),
    ({**ALPACA, "train": False}, "train", "told at its turns"),
    ({**ALPACA, "learned": False}, "learned", "told at its turns"),
    (
        {"messages": [ASK, SAY], "chat_template_kwargs": {"enable_thinking": False}},
        "chat_template_kwargs",
        "template",
    ),
    ({"messages": [BRIEF, ASK, SAY], "system": "Be long."}, "system", "a second system text"),
    ({**ALPACA, "system": "Be brief.", "system_prompt": "Be long."}, "system_prompt", "a second system text"),
    ({**ALPACA, "system": ["Be brief."]}, "system", "not a text"),
    ({**ALPACA, "history": "none"}, "history", "not a list of pairs"),
    ({**ALPACA, "history": [["Hi"]]}, "history[0]", "not a pair"),
    ({**ALPACA, "history": [["Hi", ""]]}, "history[0][1]", "empty"),
    ({**ALPACA, "weight": -1}, "weight", "greater than or equal to 0"),
    ({**ALPACA, "weight": True}, "weight", "greater than or equal to 0"),
    ({**ALPACA, "weight": "heavy"}, "weight", "greater than or equal to 0"),
    ({**ALPACA, "from_epoch": 0.5}, "from_epoch", "greater than or equal to 0"),
]


@pytest.mark.parametrize(("row", "field", "problem"), REFUSED)
def test_what_changes_what_a_row_teaches_is_refused_by_name(tmp_path, row, field, problem):
    path = save(tmp_path, [ALPACA, row])
    with pytest.raises(InputError) as caught:
        read_conversations(path)
    assert (caught.value.file, caught.value.row, caught.value.field) == (str(path), 2, field)
    assert problem in caught.value.problem and caught.value.remedy.strip()


def test_what_is_left_unread_is_told_once_by_name(tmp_path):
    rows = [
        {**ALPACA, "output": str(k), "source": "x", "category": "sum" if k else None, "url": ""}
        for k in range(3)
    ]
    rows.append({"messages": [{**ASK, "name": "Ann"}, SAY], "prompt_id": "p"})
    # What the turns of the other form are called may stand beside, and is not what is taught.
    rows.append({"conversations": [HUMAN, {**GPT, "content": "4"}, MORE, {**SUM, "value": "7"}]})
    own = {"domain": "d", "group": "g", "question": "Q", "choices": ["a"], "answer": 0, "target": 0}
    rows.append({"messages": [MORE, SUM], "explanation": "e", **own})
    found = read_conversations(save(tmp_path, [*rows, rows[0]]))
    assert len(found.rows) == 6
    assert found.notes == (
        "rows that repeat an earlier one, kept once: 1",
        "fields left unread (rows): source (4), category (2), prompt_id (1), messages.name (1), "
        "conversations.content (1), conversations.value (1)",
    )
    assert read_conversations(save(tmp_path, [ALPACA])).notes == ()


def test_ids_do_not_hang_on_the_order_and_equal_rows_are_kept_once(tmp_path):
    rows = [{**ALPACA, "output": str(k)} for k in (1, 2, 3, 2, 1)]
    there, back = read(tmp_path, *rows), read(tmp_path, *rows[::-1])
    assert [turns(one)[1][1] for one in there] == ["1", "2", "3"]
    assert [turns(one)[1][1] for one in back] == ["1", "2", "3"]
    assert {one.id: one.messages for one in there} == {one.id: one.messages for one in back}
    named = [{**ALPACA, "id": name} for name in ("a", "b", "a")]
    assert [one.id for one in read(tmp_path, *named)] == ["a", "b"]


BAD = [
    ({"messages": [ASK]}, "messages", "['user']", "does not end with the assistant"),
    ({"messages": [BRIEF]}, "messages", "['system']", "does not end"),
    ({"messages": [SAY]}, "messages", "['assistant']", "do not alternate"),
    ({"messages": [BRIEF, SAY]}, "messages", "['system', 'assistant']", "do not alternate"),
    ({"messages": [ASK, SAY, SAY]}, "messages", "['user', 'assistant', 'assistant']", "do not alternate"),
    ({"messages": [ASK, BRIEF, SAY]}, "messages", "['user', 'system', 'assistant']", "do not alternate"),
    ({"messages": [ASK, SAY, MORE]}, "messages", "['user', 'assistant', 'user']", "does not end"),
    ({"messages": []}, "messages", "[]", "not a list of turns"),
    ({"messages": "hi"}, "messages", "'hi'", "not a list of turns"),
    ({"messages": [ASK, "3"]}, "messages[1]", "'3'", "not a turn"),
    ({"messages": [ASK, {"role": "assistant"}]}, "messages[1].content", None, "missing"),
    ({"messages": [ASK, {**SAY, "content": None}]}, "messages[1].content", "None", "not a text"),
    ({"messages": [ASK, {**SAY, "content": 3}]}, "messages[1].content", "3", "not a text"),
    ({"messages": [ASK, {**SAY, "content": []}]}, "messages[1].content", "[]", "not a text"),
    ({"conversations": [HUMAN, {**GPT, "value": " "}]}, "conversations[1].value", "' '", "empty"),
    (
        {"conversations": [HUMAN, {**GPT, "from": "bot"}]},
        "conversations[1].from",
        "'bot'",
        "not one of user, human",
    ),
    ({"conversations": [HUMAN, {"value": "3"}]}, "conversations[1].from", None, "missing"),
    ({**ALPACA, "output": ""}, "output", "''", "empty"),
    ({**ALPACA, "instruction": " "}, "instruction", "' '", "empty"),
    ({**ALPACA, "input": 3}, "input", "3", "not a text"),
    ({"instruction": "Do."}, "output", None, "missing"),
    ({"completion": "Do."}, "prompt", None, "missing"),
    ({**ALPACA, "output": "\ud83d"}, "output", r"'\ud83d'", "surrogate"),
    ({"text": "Do."}, None, "['text']", "not one of the fields"),
    (
        {**ALPACA, "messages": []},
        None,
        "['input', 'instruction', 'messages', 'output']",
        "not one of the fields",
    ),
    ({**ALPACA, "id": True}, "id", "True", "neither a whole number nor a text"),
    ({**ALPACA, "id": [1]}, "id", "[1]", "neither a whole number nor a text"),
    ({**ALPACA, "id": "first"}, "id", "'first'", "used in row 1 already, with something else to teach"),
    ("3", None, "3", "not a JSON object"),
]


@pytest.mark.parametrize(("row", "field", "seen", "problem"), BAD)
@pytest.mark.parametrize("name", ["rows.json", "rows.jsonl"])
def test_a_bad_row_is_named(tmp_path, row, field, seen, problem, name):
    path = save(tmp_path, [{**ALPACA, "id": "first", "output": "1"}, row], name)
    with pytest.raises(InputError) as caught:
        read_conversations(path)
    error = caught.value
    assert (error.file, error.row, error.field, error.seen) == (str(path), 2, field, seen)
    assert problem in error.problem and "further" not in error.remedy
    found = read_conversations(path, on_bad_row="skip")
    assert [one.id for one in found.rows] == ["first"]
    assert [bad.row for bad in found.bad] == [2]
    assert (
        found.notes[0].startswith("bad rows left out: 1; the first: ") and str(found.bad[0]) in found.notes[0]
    )


def test_bad_rows_are_counted_and_a_broken_array_is_an_error(tmp_path):
    path = save(tmp_path, [ALPACA, "{", {}, {}])
    with pytest.raises(InputError, match=r"row 2: not JSON .* 2 further rows are bad\.$"):
        read_conversations(path)
    assert len(read_conversations(path, on_bad_row="skip").rows) == 1
    with pytest.raises(InputError, match=r"2 further rows are bad; on_bad_row=skip"):
        ConversationRows(path, what="the rows")  # read by a command that can leave them out
    path.write_text('[{"instruction": "Do."')
    with pytest.raises(InputError, match="not JSON"):
        read_conversations(path, on_bad_row="skip")


def test_a_sheet_is_refused_as_a_whole(tmp_path):
    path = tmp_path / "rows.CSV"
    path.write_text("instruction,output\nName a metal.,tin\n")
    with pytest.raises(InputError, match=r"rows\.CSV: .* is JSON, JSON Lines or Parquet; saw '\.CSV'"):
        read_conversations(path, on_bad_row="skip")


@pytest.mark.parametrize(
    ("content", "problem"), [("", "no rows"), ("[]", "no rows"), ("{}\n{}", "not one of")]
)
def test_a_file_without_a_good_row_is_an_error_even_with_skip(tmp_path, content, problem):
    path = tmp_path / "rows.jsonl"
    path.write_text(content)
    with pytest.raises(InputError, match=problem):
        read_conversations(path, on_bad_row="skip")


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(InputError, match="the training set is not a file"):
        read_conversations(tmp_path / "none.json", what="the training set")


def test_parquet_is_read_as_it_is(tmp_path):
    """Where a field is missing in one row, a table has null."""
    marked = [ASK, {**SAY, "weight": 0}, MORE, SUM]
    rows = [
        {"messages": marked, "source": "x"},
        {"messages": [BRIEF, ASK, SAY], "id": "b"},
        {"messages": [ASK]},
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=None), tmp_path / "rows.parquet")
    found = read_conversations(tmp_path / "rows.parquet", on_bad_row="skip")
    assert [one.learned for one in found.rows[0].messages] == [True, False, True, True]
    assert turns(found.rows[1])[0] == ("system", "Be brief.")
    assert [bad.row for bad in found.bad] == [3]


def test_rows_stream(tmp_path):
    """Ten times the rows take no more memory than their names: no row is kept."""

    def peak(count: int) -> int:
        path = tmp_path / f"{count}.jsonl"
        with path.open("w") as handle:
            for k in range(count):
                handle.write(json.dumps({**ALPACA, "instruction": f"Add {k}. " + "x" * 2000}) + "\n")
        tracemalloc.start()
        assert sum(isinstance(row, Conversation) for row in ConversationFile(path)) == count
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert peak(5000) - peak(500) < 4500 * 400
