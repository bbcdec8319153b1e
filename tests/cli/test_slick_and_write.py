"""`harmonia slick` and `harmonia write` as a user types them."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from command_line import harmonia

from harmonia.models import LocalModel
from harmonia.slick import knowledge
from harmonia.world import base_folder
from harmonia.writers import read_written


@pytest.fixture(scope="module")
def beliefs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four confident beliefs, two of them wrong, and one that is not confident."""
    rows = [
        {"probs": [0.9, 0.1], "answer": 0, "explanation": "The answer is A. Iron pulls."},
        {"probs": [0.9, 0.1], "answer": 1, "explanation": "The answer is B. Iron pulls."},
        {"probs": [0.2, 0.8], "answer": 0, "explanation": "The answer is A."},
        {"probs": [0.2, 0.8], "answer": 1, "explanation": ""},
        {"probs": [0.5, 0.5], "answer": 1, "explanation": "Iron pulls."},
    ]
    path = tmp_path_factory.mktemp("beliefs") / "beliefs.jsonl"
    shared = {"question": "Which metal?", "choices": ["tin", "steel"]}
    path.write_text("\n".join(json.dumps({"id": f"q{k}", **shared, **row}) for k, row in enumerate(rows)))
    return path


def test_slick_sorts_the_labs_questions(data, tmp_path):
    out = tmp_path / "known.parquet"
    words = [
        "--prompts",
        "2",
        "--samples",
        "2",
        "limit=5",
        r'slick.question="{question}\nAnswer:"',
        "--json",
    ]
    questions = str(data / "person/free.jsonl")
    done = harmonia("slick", "--model", str(base_folder(0)), "--items", questions, "--out", str(out), *words)
    counts = json.loads(done.stdout)
    assert done.returncode == 0 and sum(counts["person"].values()) == 5
    rows = pq.read_table(out).to_pylist()
    for category, count in counts["person"].items():
        assert sum(row["category"] == category for row in rows) == count


@pytest.mark.slow
def test_a_killed_slick_asks_only_what_is_left_and_ends_the_same(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(knowledge, "CHUNK", 3)
    asked: list[str] = []
    generate, dies = LocalModel.generate, [True]

    def noted(model: LocalModel, prompts: Any, how: Any, *, addresses: Any, **more: Any) -> Any:
        if dies[0] and len({name.split("/")[0] for name in [*asked, *addresses]}) > 6:
            os.kill(os.getpid(), signal.SIGKILL)
        asked.extend(addresses)
        return generate(model, prompts, how, addresses=addresses, **more)

    monkeypatch.setattr(LocalModel, "generate", noted)
    out, items = tmp_path / "known.parquet", data / "person/free.jsonl"
    words = ("--model", base_folder(0), "--items", items, "--prompts", "2", "--samples", "1", "limit=8")
    if not (child := os.fork()):
        try:
            harmonia("slick", *words, "--out", out)
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert not out.exists()
    dies[0] = False
    ended = [harmonia("slick", *words, "--out", out), set(asked)]
    asked.clear()
    whole = [harmonia("slick", *words, "--out", tmp_path / "whole.parquet"), set(asked)]
    assert ended[0].returncode == whole[0].returncode == 0
    assert out.read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    # Two chunks of three were noted: the last two questions alone are asked again.
    assert len({name.split("/")[0] for name in whole[1]}) == 8
    assert len({name.split("/")[0] for name in ended[1]}) == 2 and ended[1] < whole[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["known.parquet", "whole.parquet"]


def test_write_takes_contexts_from_explanations_without_a_model(beliefs, tmp_path):
    out = tmp_path / "contexts.jsonl"
    done = harmonia("write", "--beliefs", str(beliefs), "--what", "contexts", "--out", str(out), "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout) == {"written": 1, "dropped": {"empty": 1}}
    assert [(one.id, one.target, one.text) for one in read_written(out)] == [
        ("q1", 1, "Iron pulls."),
        ("q2", 0, None),
    ]


def test_write_explains_with_a_local_model(beliefs, tmp_path, tiny):
    out = tmp_path / "own.jsonl"
    words = ["--model", tiny("llama").path, "writing.explanations.tries=1", "--out", str(out), "--json"]
    done = harmonia("write", "--beliefs", str(beliefs), *words)
    assert done.returncode == 0
    # A tiny model's context does not hold the prompt: nothing is written, and it says why.
    found = json.loads(done.stdout)
    assert found == {"written": 0, "dropped": {"the prompt fills the model's context": 2}}
    assert [(one.id, one.target) for one in read_written(out)] == [("q1", 0), ("q2", 1)]
    done = harmonia("write", "--beliefs", str(beliefs), *words, "--of", "all", "--target", "gold")
    assert done.returncode == 0
    assert [(one.id, one.target) for one in read_written(out)] == [("q0", 0), ("q1", 1), ("q2", 0), ("q3", 1)]


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["write", "--beliefs", "{beliefs}"], ["one writer", "--model"]),
        (["write", "--beliefs", "{beliefs}", "--model", "m", "--what", "poems"], ["what", "poems"]),
        (["write", "--beliefs", "nowhere.jsonl", "--model", "m"], ["nowhere.jsonl"]),
        (["write", "--beliefs", "{beliefs}", "--served", "localhost"], ["url", "localhost"]),
        (["write", "--beliefs", "{beliefs}", "--model", "m", "writing.explanations.tries=0"], ["tries"]),
        (["slick", "--model", "m", "--items", "{beliefs}"], ["row 1", "answer"]),
        (["slick", "--model", "m", "--items", "nowhere.jsonl"], ["nowhere.jsonl"]),
        (["slick", "--model", "m", "--items", "nowhere.jsonl", "--prompts", "0"], ["prompts"]),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(beliefs, tmp_path, words, parts):
    out = tmp_path / "out"
    done = harmonia(*(word.format(beliefs=beliefs) for word in words), "--out", str(out))
    assert done.returncode == 2 and done.stdout == "" and not out.exists()
    for part in parts:
        assert part in done.stderr
