"""A file with columns of one's own, told as KEY=VALUE, gives what the same questions give in our form."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from command_line import harmonia

from harmonia.cli.given import Given
from harmonia.errors import InputError
from harmonia.probe import read_beliefs
from harmonia.world import base_folder

COLUMNS = ["columns.question=stem", "columns.choices=[a,b,c,d]", "columns.answer=key", "columns.id=n"]


def _own(source: Path, out: Path, count: int) -> None:
    lines = source.read_text(encoding="utf-8").splitlines()[:count]
    rows = [
        {
            "n": row["id"],
            "stem": row["question"],
            **dict(zip("abcd", row["choices"], strict=True)),
            "key": "ABCD"[row["answer"]],
        }
        for row in map(json.loads, lines)
    ]
    out.parent.mkdir(exist_ok=True)
    pd.DataFrame(rows).to_csv(out, index=False)


def test_probe_reads_own_columns_and_another_split_of_demonstrations(data: Path, tmp_path: Path) -> None:
    lab = data / "person"
    _own(lab / "homogeneous.jsonl", tmp_path / "own.csv", 8)
    _own(lab / "dev.jsonl", tmp_path / "shots/dev.csv", 3)
    _own(lab / "homogeneous.jsonl", tmp_path / "shots/test.csv", 3)
    ours = "\n".join((lab / "homogeneous.jsonl").read_text(encoding="utf-8").splitlines()[:8])
    (tmp_path / "ours.jsonl").write_text(ours, encoding="utf-8")
    base = [
        "--model",
        str(base_folder(0)),
        "model.device=cpu",
        "prompt.options_first=true",
        "--domain",
        "person",
    ]
    asked = ["probe", *base, "--shots", "3"]
    own, plain = tmp_path / "own.parquet", tmp_path / "plain.parquet"
    mine = ["--items", str(tmp_path / "own.csv"), "--shots-from", str(tmp_path / "shots"), "--out", str(own)]
    theirs = ["--items", str(tmp_path / "ours.jsonl"), "--shots-from", str(lab / "dev.jsonl"), "--out"]
    made = [
        harmonia(*asked, *mine, *COLUMNS, "shots.split=dev"),
        harmonia(*asked, *theirs, str(plain)),
    ]
    assert [one.returncode for one in made] == [0, 0], [one.stderr for one in made]
    for one, other in zip(read_beliefs(own), read_beliefs(plain), strict=True):
        assert (one.item.id, one.item.answer) == (other.item.id, other.item.answer)
        assert one.probs == pytest.approx(other.probs, abs=1e-6)


def test_what_is_known_of_the_reading_is_told(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("stem,a,b,c,d,key\nQ?,w,x,y,z,2\nR?,w,x,y,z,1\nQ?,w,x,y,z,2\n")
    shown = [
        "explain-scoring",
        "--model",
        str(base_folder(0)),
        "model.device=cpu",
        "--form",
        "icl0",
        "--json",
    ]
    asked = harmonia(*shown, "--items", str(path), *COLUMNS[:3], "columns.answer_form=text")
    assert asked.returncode == 2 and "row 2, field 'key'" in asked.stderr
    asked = harmonia(*shown, "--items", str(path), *COLUMNS[:3])
    assert asked.returncode == 0, asked.stderr
    for note in (
        "no column of ids: items are called by their content",
        "no domain is said, so prompts name none",
        "read as counted from 0, which no answer shows",
        "rows that stand more than once, kept once: 1",
    ):
        assert f"{path}: {note}" in asked.stderr
    assert json.loads(asked.stdout)["prompt"].startswith(
        "The following are multiple choice questions (with answers).\n\nQ?"
    )


def test_leakage_reads_own_columns(tmp_path: Path) -> None:
    for name in ("train.csv", "test.csv"):
        (tmp_path / name).write_text("stem,a,b,c,d,key\nWhich one is it?,w,x,y,z,A\n")
    files = ["--train", str(tmp_path / "train.csv"), "--suite", str(tmp_path / "test.csv")]
    made = harmonia("leakage", *files, *COLUMNS[:3], "--json")
    assert made.returncode == 0, made.stderr
    assert [one["kind"] for one in json.loads(made.stdout)] == ["exact"]


def test_a_setting_that_is_none_is_refused(tmp_path: Path) -> None:
    asked = ["leakage", "--train", "x.csv", "--suite", "y.csv"]
    for words, problem in (
        (["columns.questoin=stem"], "field 'columns.questoin'"),
        (["domain"], "not a setting"),
        (["shots.limitt=3"], "field 'shots.limitt'"),
    ):
        made = harmonia(*asked, "--shots-from", "z.csv", *words)
        assert made.returncode == 2 and problem in made.stderr, made.stderr
        assert "Traceback" not in made.stderr


def test_settings_of_the_questions_and_of_the_demonstrations_are_told_apart() -> None:
    settings = ["split=test", "limit=5", "shots.split=dev", "columns.choices=[a, b]"]
    given = Given("probe", settings)
    asked, shown = given.items("x", {"domain": "law"}), given.shots("y", {"domain": "law"})
    assert shown is not None
    assert (asked.path, asked.domain, asked.split, asked.limit) == ("x", "law", "test", 5)
    assert (shown.path, shown.domain, shown.split, shown.limit) == ("y", "law", "dev", None)
    assert asked.columns == shown.columns and asked.columns.choices == ("a", "b")
    with pytest.raises(InputError, match="not a setting"):
        Given("probe", ["domain"])
