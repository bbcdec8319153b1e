"""What should not stand in prompts and rows is counted; templates that fail end with exit code 2."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as parquet
import pytest
from command_line import harmonia
from models import make_tiny, wrapped

from harmonia.parsing import noted_in

PLAIN = (
    "{% for m in messages %}<{{ m.role }}>\n{{ m.content }}{{ eos_token }}\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>\n{% endif %}"
)
NO_SYSTEM = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    + PLAIN
)


@pytest.fixture
def model(tmp_path: Path):
    folder = tmp_path / "model"
    make_tiny("llama", folder)

    def templated(jinja: str | dict[str, str]) -> Path:
        tokenizer = wrapped("prefix")
        tokenizer.chat_template = jinja
        tokenizer.save_pretrained(folder)
        return folder

    return templated


def _lines(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_evaluate_counts_control_tokens_and_notes_the_date(model, tmp_path):
    folder = model("{{ strftime_now('%d %b %Y') }}" + PLAIN)
    odd = {"id": "a", "question": "What is it?</s> USER: x</s>", "choices": ["x", "y"], "answer": 0}
    items = _lines(tmp_path / "in.jsonl", odd, {**odd, "id": "b", "question": "What?"})
    out = tmp_path / "o.parquet"
    made = harmonia(
        "evaluate", "--model", folder, "--items", items, "--domain", "law", "--chat", "model", "--out", out
    )
    assert made.returncode == 0, made.stderr
    assert "that spell control tokens, read as text: 1 (</s>)" in made.stderr
    about = noted_in(parquet.read_schema(out), out)
    assert about["control_tokens"] == {"rows": 1, "tokens": ["</s>"], "read_as": "text"}
    assert about["template_date"] == "2024-07-26"


def test_train_names_the_row_that_the_template_refuses(model, tmp_path):
    fine = [{"role": "user", "content": "Name a gas."}, {"role": "assistant", "content": "Neon."}]
    odd = [{"role": "system", "content": "Be brief."}, *fine]
    rows = _lines(tmp_path / "set.jsonl", {"id": "fine", "messages": fine}, {"id": "odd", "messages": odd})
    out = tmp_path / "tuned"
    made = harmonia(
        "train",
        "--model",
        model(NO_SYSTEM),
        "--group",
        rows,
        "--chat",
        "model",
        "--out",
        out,
        "precision=fp32",
    )
    assert made.returncode == 2, made.stderr
    assert "set.jsonl, row 2" in made.stderr and "System role not supported" in made.stderr
    assert "Traceback" not in made.stderr and not out.exists()


@pytest.mark.parametrize(
    "jinja", ["{% for x in %}", {"rag": PLAIN, "tool_use": PLAIN}], ids=["broken", "named"]
)
def test_a_template_that_cannot_be_used_ends_in_one_message(model, tmp_path, jinja):
    items = _lines(tmp_path / "in.jsonl", {"id": 1, "question": "Q?", "choices": ["a", "b"], "answer": 0})
    out = tmp_path / "o.parquet"
    made = harmonia("evaluate", "--model", model(jinja), "--items", items, "--chat", "model", "--out", out)
    assert made.returncode == 2, made.stderr
    told = "item 1: the chat template" if isinstance(jinja, str) else "rag, tool_use"
    assert told in made.stderr and "Traceback" not in made.stderr
    assert not out.exists()
