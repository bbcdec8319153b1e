from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from models import item, make_tiny
from plain_training import changed

from harmonia.models import ModelSettings
from harmonia.prompts import ExamFormat, PromptSettings
from harmonia.training.sft import TrainingJob, fine_tune


@pytest.fixture
def write_rows(tmp_path: Path) -> Callable[..., Path]:
    """Write conversations, each a list of turns from the user on, as a training set."""

    def write(*conversations: list[str], name: str = "group.jsonl") -> Path:
        path = tmp_path / name
        rows = []
        for number, contents in enumerate(conversations):
            turns = [
                {"role": ("user", "assistant")[k % 2], "content": text} for k, text in enumerate(contents)
            ]
            rows.append({"id": f"r{number}", "messages": turns})
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    return write


@pytest.fixture
def exam_rows(write_rows: Callable[..., Path]) -> Callable[[int], Path]:
    """A training set of exam questions with replies of different lengths."""

    def write(count: int) -> Path:
        conversations = []
        for k in range(count):
            turns = ExamFormat().conversation(item(k), k % 4, "the river and the city " * (k % 3))
            conversations.append([turn.content for turn in turns])
        return write_rows(*conversations)

    return write


@pytest.fixture
def base(tmp_path: Path) -> ModelSettings:
    return make_tiny("llama", tmp_path / "base", init=0.05)


@pytest.fixture
def job(base: ModelSettings, exam_rows):
    group = exam_rows(10)

    def make(
        seed: int = 3, model: ModelSettings = base, prompt: PromptSettings | None = None, **fields: object
    ):
        return TrainingJob(
            model=model, prompt=prompt or PromptSettings(), settings=changed(**fields), group=group, seed=seed
        )

    return make


@pytest.fixture
def train(tmp_path: Path):
    def run(job: TrainingJob, name: str = "tuned", **options: object):
        out = tmp_path / name
        return out, fine_tune(job, out, work=tmp_path / f"{name}-work", **options)

    return run
