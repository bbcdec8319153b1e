"""The commands as a user types them: outputs, exit codes, messages."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from command_line import harmonia

from harmonia.world import base_folder


def test_every_command_has_help_with_an_example() -> None:
    from typer.main import get_command

    from harmonia.cli.commands import app

    commands = dict(get_command(app).commands)  # type: ignore[attr-defined]
    commands |= {f"lab {name}": one for name, one in commands.pop("lab").commands.items()}
    assert {"demo", "run", "plan", "probe", "groups", "train", "evaluate", "lab build"} <= commands.keys()
    for name, command in commands.items():
        assert "Example:" in (command.help or ""), name


@pytest.mark.slow
def test_stage_commands_make_a_whole_experiment(data: Path, tmp_path: Path) -> None:
    base = str(base_folder(0))
    shared = ["prompt.options_first=true", "model.device=cpu", "probe.batch_tokens=2048"]
    shots = ["--shots-from", str(data / "person/dev.jsonl"), "--domain", "person"]
    train, suite = str(data / "person/train.jsonl"), str(data / "person/homogeneous.jsonl")
    beliefs, before, after = (tmp_path / f"{name}.parquet" for name in ("beliefs", "before", "after"))

    made = harmonia(
        "probe", "--model", base, "--items", train, *shots, *shared, "limit=120", "--out", str(beliefs)
    )
    assert made.returncode == 0, made.stderr
    made = harmonia(
        "groups",
        "--beliefs",
        str(beliefs),
        "--out",
        str(tmp_path / "groups"),
        "prompt.options_first=true",
        "groups.ratios=[0,1]",
        "size=8",
        "--general",
        str(data / "general.jsonl"),
        "--json",
    )
    assert made.returncode == 0, made.stderr
    summary = json.loads(made.stdout)
    assert summary["beliefs"] == 120 and set(summary["groups"]) == {
        "harmonious",
        "incompatible",
        "self_aligning",
        "mixed_0",
        "mixed_1",
    }
    assert (tmp_path / "groups/mixed_1.jsonl").read_text().count("\n") == 2 * summary["size"]
    made = harmonia(
        "train",
        "--model",
        base,
        "--group",
        str(tmp_path / "groups/harmonious.jsonl"),
        "model.device=cpu",
        "--out",
        str(tmp_path / "tuned"),
        "epochs=1",
        "batch_size=4",
        "precision=fp32",
    )
    assert made.returncode == 0, made.stderr
    for model, out in ((base, before), (str(tmp_path / "tuned"), after)):
        made = harmonia(
            "evaluate",
            "--model",
            model,
            "--items",
            suite,
            "--form",
            "chat0",
            *shared,
            "--domain",
            "person",
            "limit=30",
            "--out",
            str(out),
        )
        assert made.returncode == 0, made.stderr
    made = harmonia("consistency", "--before", str(before), "--after", str(after), "--json")
    found = json.loads(made.stdout)
    assert found["n"] == 30 == found["kept"] + found["lost"] + found["gained"] + found["never"]
    shown = harmonia("consistency", "--before", str(before), "--after", str(after)).stdout
    assert len(shown.splitlines()) < 25
    counts = {
        line.split()[1]: re.findall(r"\d+", line) for line in shown.splitlines() if len(line.split()) == 11
    }
    for level, before_name in (("all", ""), ("known", "known_"), ("uncertain", "uncertain_")):
        wanted = [str(found[f"{before_name}{one}"]) for one in ("kept", "lost", "gained", "never")]
        assert counts[level] == wanted
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "after.parquet",
        "before.parquet",
        "beliefs.parquet",
        "groups",
        "tuned",
    ]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            [
                "probe",
                "--model",
                "nowhere",
                "--items",
                "{data}/person/train.jsonl",
                "--shots",
                "0",
                "--out",
                "o",
            ],
            ["no such model folder", "nowhere"],
        ),
        (["probe", "--model", "{base}", "--items", "missing.jsonl", "--out", "o"], ["missing.jsonl"]),
        (
            ["probe", "--model", "{base}", "--items", "{data}/person/train.jsonl", "--out", "o"],
            ["demonstrations"],
        ),
        (
            [
                "probe",
                "--model",
                "{base}",
                "--items",
                "{data}/person/train.jsonl",
                "prompt.method=guess",
                "--out",
                "o",
            ],
            ["prompt.method", "guess"],
        ),
        (
            [
                "evaluate",
                "--model",
                "{base}",
                "--items",
                "{data}/person/dev.jsonl",
                "--form",
                "icl",
                "--out",
                "o",
            ],
            ["not a form", "icl"],
        ),
        (["evaluate", "--model", "{base}", "--items", "{bad}", "--out", "o"], ["row 2", "answer", "9"]),
        (["groups", "--beliefs", "{bad}", "--out", "o"], ["row 1", "probs"]),
        (["train", "--model", "{base}", "--group", "{bad}", "--out", "o"], ["row 1", "messages"]),
        (
            ["train", "--model", "{base}", "--group", "{bad}", "--out", "o", "epoch=3"],
            ["epoch", "training.epochs"],
        ),
        (["run", "{bad}"], ["not YAML", "row 2"]),
        (["demo", "training.epochs=0"], ["training.epochs", "greater than or equal to 1"]),
        (["demo", "groups.explanation=gold"], ["Did you mean groups.explanations?"]),
        (["demo", "seeds=[0]"], ["seeds", "harmonia settings demo"]),
        (["report", "{data}"], ["experiment.yaml"]),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(
    words: list[str], expected: list[str], data: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text(
        '{"id": 1, "question": "a?", "choices": ["x", "y"], "answer": 0}\n'
        '{"id": 2, "question": "b?", "choices": ["x", "y"], "answer": 9}\n'
    )
    places = {"data": str(data), "base": str(base_folder(0)), "bad": str(bad)}
    made = harmonia(*(word.format(**places) for word in words), cwd=tmp_path)
    assert made.returncode == 2, made.stderr
    assert "Traceback" not in made.stderr and made.stdout == ""
    for part in expected:
        assert part in made.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["bad.jsonl"], "nothing is written"


def test_doctor_names_the_letters() -> None:
    made = harmonia("doctor", "--model", str(base_folder(0)))
    assert made.returncode == 0, made.stdout + made.stderr
    assert "letters in chat0" in made.stdout


def test_a_model_that_is_not_whole_is_told_by_doctor_and_refused_by_all_else(
    data: Path, tmp_path: Path
) -> None:
    base = Path(shutil.copytree(base_folder(0), tmp_path / "base"))
    tokenizer = json.loads((base / "tokenizer.json").read_text())
    beyond = max(tokenizer["model"]["vocab"].values()) + 1
    word = {**tokenizer["added_tokens"][0], "id": beyond, "content": "quartz", "special": False}
    tokenizer["added_tokens"].append(word)
    (base / "tokenizer.json").write_text(json.dumps(tokenizer))
    made = harmonia("doctor", "--model", str(base))
    assert made.returncode == 1 and "quartz" in made.stdout and "Traceback" not in made.stderr
    items, out = str(data / "person/homogeneous.jsonl"), tmp_path / "o.parquet"
    made = harmonia("evaluate", "--model", str(base), "--items", items, "--out", str(out))
    assert made.returncode == 2
    said = made.stderr.strip().splitlines()[-1]
    assert "without a row are quartz" in said and str(base) in said
    assert not out.exists()
