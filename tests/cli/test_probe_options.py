"""The commands that tell how a belief came about: explain-scoring, and probe's own options."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest
from command_line import harmonia

from harmonia.models import LocalModel
from harmonia.parsing import noted_in
from harmonia.probe import read_beliefs
from harmonia.prompts import Request
from harmonia.world import base_folder

SETTINGS = ["model.device=cpu", "prompt.options_first=true"]
BASE = ["--model", str(base_folder(0)), *SETTINGS]
NO_MODEL = ["--model", "nowhere", "domain=d"]


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (["explain-scoring", *BASE, "--item", "5"], "--item"),
        (["evaluate", *NO_MODEL, "--items", "one.jsonl", "--form", "icl2", "--out", "b.parquet"], "shots"),
        (["leakage", "--train", "none.jsonl", "--suite", "none.jsonl", "leakage.ngram=0"], "leakage.ngram"),
    ],
)
def test_what_is_missing_is_told_before_the_work(words: list[str], field: str, tmp_path: Path) -> None:
    row = {"id": "a", "question": "Which?", "choices": ["one", "two"], "answer": "B"}
    (tmp_path / "one.jsonl").write_text(json.dumps(row), encoding="utf-8")
    made = harmonia(*words, cwd=tmp_path)
    assert made.returncode == 2 and made.stderr.count("\n") == 1 and f"'{field}'" in made.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["one.jsonl"]


def test_explain_scoring_tells_a_machine_and_a_person(data: Path) -> None:
    suite, shots = data / "person/homogeneous.jsonl", data / "person/dev.jsonl"
    rows = [json.loads(line) for line in suite.read_text(encoding="utf-8").splitlines()]
    asked = ["explain-scoring", *BASE, "domain=person", "--items", str(suite), "--shots-from", str(shots)]
    made = harmonia(*asked, "--item", rows[3]["id"], "--json")
    assert made.returncode == 0, made.stderr
    found = json.loads(made.stdout)
    assert (found["item_id"], found["form"], found["preset"]) == (rows[3]["id"], "icl5", "corrected")
    assert found["prompt"].endswith(rows[3]["question"] + "\nAnswer:")
    assert found["prompt"].count("Answer:") == 6
    assert [one["letter"] for one in found["letters"]] == ["A", "B", "C", "D"]
    assert found["letter_mass"] > 0.9 and len(found["others"]) == 10 and found["warnings"] == []

    made = harmonia("explain-scoring", *BASE, "prompt.preset=repo", "--form", "chat0")
    assert made.returncode == 0, made.stderr
    assert "Which of these is a planet?" in made.stdout and "preset repo" in made.stdout
    assert "warning:" in made.stdout

    made = harmonia(*asked, "--item", "nobody")
    assert (made.returncode, made.stdout) == (2, "")
    assert "no such item; saw 'nobody'" in made.stderr


def test_probe_writes_method_draws_and_priors_and_prints_the_letters(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "beliefs.parquet"
    items, shots = data / "person/train.jsonl", data / "person/dev.jsonl"
    words = [
        "--items",
        str(items),
        "--shots-from",
        str(shots),
        "--shots",
        "2",
        "limit=30",
        "--domain",
        "person",
    ]
    more = ["prompt.method=letter_pride", "probe.draws=3", "probe.option_order=random", "--out", str(out)]
    made = harmonia("probe", *BASE, *words, *more)
    assert made.returncode == 0, made.stderr
    for told in ("RStd of the letters", "letters answered", "letter prior", "letter mass"):
        assert told in made.stdout
    beliefs = read_beliefs(out)
    assert {(one.method, one.preset, one.draws) for one in beliefs} == {("letter_pride", "corrected", 3)}
    assert all(one.category and one.agreement_low <= one.agreement <= one.agreement_high for one in beliefs)
    about = noted_in(parquet.read_schema(out), out)
    assert (about["method"], about["preset"], about["draws"]) == ("letter_pride", "corrected", 3)
    assert [prior["draw"] for prior in about["letter_priors"]] == [0, 1, 2]
    assert all(prior["items"] == 20 and len(prior["probs"]) == 4 for prior in about["letter_priors"])

    made = harmonia("probe", *BASE, *words, "prompt.preset=harness", "--out", str(tmp_path / "none"))
    assert made.returncode == 2 and "MMLU's prompt" in made.stderr
    assert not (tmp_path / "none").exists()


def test_probe_says_that_it_shares_no_prompts_and_why(data: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(base_folder(0), model)
    config = json.loads((model / "config.json").read_text())
    config["rope_parameters"] |= {"rope_type": "dynamic", "factor": 2.0}
    (model / "config.json").write_text(json.dumps(config))
    words = ["--items", str(data / "person/train.jsonl"), "--shots", "0", "limit=4"]
    words += [*SETTINGS, "--domain", "person"]
    for folder, said in ((model, True), (base_folder(0), False)):
        made = harmonia("probe", "--model", str(folder), *words, "--out", str(tmp_path / f"{said}.parquet"))
        assert made.returncode == 0, made.stderr
        assert ("without shared prompts: its positions are scaled" in made.stderr) is said


def test_a_probe_that_is_ended_is_taken_up(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["harmonia.probe.ask"], "CHUNK", 4)
    asked: list[int] = []
    ends: set[int] = set()
    score = LocalModel.loglikelihoods

    def ended(model: LocalModel, requests: Sequence[Request], **options: Any) -> Any:
        if len(asked) in ends:
            os.kill(os.getpid(), signal.SIGTERM)
        asked.append(len(requests))
        return score(model, requests, **options)

    monkeypatch.setattr(LocalModel, "loglikelihoods", ended)
    words = [
        "evaluate",
        *BASE,
        "--items",
        str(data / "person/homogeneous.jsonl"),
        "domain=person",
        "limit=12",
    ]
    for code, done, out in ((143, [4, 4], "a.parquet"), (0, [4], "a.parquet"), (0, [4, 4, 4], "b.parquet")):
        ends = {2} if code else set()
        asked.clear()
        made = harmonia(*words, "--out", str(tmp_path / out))
        assert (made.returncode, asked) == (code, done), made.stderr
        if code:
            assert made.stderr == "harmonia: interrupted; the same command takes the work up again\n"
            (left,) = tmp_path.iterdir()
            assert left.name.startswith(".a.parquet.asked-")
    assert {path.name for path in tmp_path.iterdir()} == {"a.parquet", "b.parquet"}
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
