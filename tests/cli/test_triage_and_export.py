"""`harmonia triage` and `harmonia export-task` as a user types them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from command_line import harmonia


def _write(path: Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def test_triage_writes_the_doubtful_items_of_two_files(tmp_path: Path) -> None:
    item = {"question": "Where?", "choices": ["here", "there"], "answer": 0}
    _write(
        tmp_path / "one.jsonl",
        [
            item | {"id": "a", "probs": [0.2, 0.8]},
            item | {"id": "b", "probs": [0.2, 0.8]},
            item | {"id": "c", "probs": [0.9, 0.1]},
        ],
    )
    _write(
        tmp_path / "two.jsonl",
        [item | {"id": "a", "probs": [0.3, 0.7]}, item | {"id": "b", "probs": [0.6, 0.4]}],
    )
    done = harmonia("triage", "--beliefs", "one.jsonl", "--beliefs", "two.jsonl", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "review.csv").open(encoding="utf-8", newline="") as handle:
        (row,) = csv.DictReader(handle)
    assert (row["id"], row["gold"], row["believed"], row["reasons"]) == (
        "a",
        "A",
        "B",
        "agreement: 2 of 2 files believe B",
    )
    assert "agreement 1" in done.stdout and "review.csv" in done.stdout


def test_export_task_writes_a_folder_and_refuses_what_it_cannot(tmp_path: Path) -> None:
    rows = [
        {"id": str(n), "question": f"How many? {n}", "choices": ["one", "two"], "answer": n % 2}
        for n in range(6)
    ]
    _write(tmp_path / "test.jsonl", rows[:4])
    _write(tmp_path / "dev.jsonl", rows[3:])
    words = ("export-task", "--items", "test.jsonl", "--domain", "law", "--out", "task", "--shots", "2")
    refused = harmonia(
        *words, "--shots-from", "dev.jsonl", "prompt.method=letter_cyclic", "--name", "law", cwd=tmp_path
    )
    assert refused.returncode == 2 and "prompt.method" in refused.stderr and not (tmp_path / "task").exists()
    lacking = harmonia(*words, cwd=tmp_path)
    assert lacking.returncode == 2 and "--shots-from" in lacking.stderr
    done = harmonia(*words, "--shots-from", "dev.jsonl", "--name", "law", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "law: 3 questions" in done.stdout and "demonstrations: 3" in done.stderr
    assert {path.name for path in (tmp_path / "task").iterdir()} == {
        "law.yaml",
        "law.test.jsonl",
        "law.dev.jsonl",
        "harmonia_data.py",
        ".harmonia",
    }
