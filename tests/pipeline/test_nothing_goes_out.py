"""A run of a local model on local data asks nobody anything, without any help of the environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harmonia.world import base_folder

BLOCKED = """
import os, socket

def refused(*address, **_):
    with open({log!r}, "a") as seen:
        seen.write(repr(address) + "\\n")
    raise OSError("no network here")

socket.getaddrinfo = refused
socket.socket.connect = refused
"""
TELLS_NOTHING = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "WANDB_ERROR_REPORTING": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
SILENCED = (*TELLS_NOTHING, "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "DISABLE_TELEMETRY", "DO_NOT_TRACK")


DEMO = """
import sys
from dataclasses import replace
from pathlib import Path
from harmonia.pipeline.demo import SMALL, demo_experiments
from harmonia.pipeline.processes import Processes
from harmonia.pipeline.run import run_experiments
from harmonia.types import SUITES

if __name__ == "__main__":
    grid = replace(SMALL, bases=1, groups=("harmonious",), ratios=(), seeds=1, readouts=())
    few = {"limit": 20}
    suites = {name: {"items": few} for name in SUITES}
    changes = {
        "prompt": {"shots": 1},
        "groups": {"size": 4},
        "training": {"epochs": 1},
        "evaluation": {"base_forms": ["chat0"], "tuned_forms": ["chat0"]},
        "domains": {"person": {"train": {"limit": 60}, "suites": suites}},
    }
    run_experiments(demo_experiments(Path(sys.argv[1]), grid, changes), Processes(1))
"""
"""The demo, with little of everything, in a process beside the driver's."""


def asked_for(tmp_path: Path, *command: str) -> str:
    """What a command of this Python looks up or connects to, a line each."""
    log, hooks = tmp_path / "asked.txt", tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "sitecustomize.py").write_text(BLOCKED.format(log=str(log)))
    environment = {name: value for name, value in os.environ.items() if name not in SILENCED}
    environment |= {
        "PYTHONPATH": os.pathsep.join([str(hooks), os.environ.get("PYTHONPATH", "")]),
        "HF_HOME": str(tmp_path / "hub"),  # where nothing was looked up before
    }
    made = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, env=environment, timeout=500
    )
    assert made.returncode == 0, made.stderr
    return log.read_text() if log.exists() else ""


@pytest.mark.slow
def test_a_whole_run_asks_nobody(experiment_file: Path, tmp_path: Path) -> None:
    assert asked_for(tmp_path, "-m", "harmonia.cli.main", "run", str(experiment_file)) == ""
    assert (tmp_path / "run" / "report.html").exists()


@pytest.mark.slow
def test_a_demo_and_its_workers_ask_nobody(tmp_path: Path) -> None:
    (tmp_path / "demo.py").write_text(DEMO)
    assert asked_for(tmp_path, str(tmp_path / "demo.py"), str(tmp_path / "demo")) == ""
    assert (tmp_path / "demo" / "base0" / "report.html").exists()


@pytest.mark.slow
def test_an_audit_asks_nobody(lab_data: Path, tmp_path: Path) -> None:
    rows = (lab_data / "instructions.jsonl").read_text().splitlines(keepends=True)[:12]
    (tmp_path / "rows.jsonl").write_text("".join(rows))
    words = ("audit", "--model", base_folder(0), tmp_path / "rows.jsonl", "--out", tmp_path / "audit")
    assert asked_for(tmp_path, "-m", "harmonia.cli.main", *map(str, words)) == ""
    assert (tmp_path / "audit" / "report.html").exists()


def test_what_libraries_would_report_is_off_unless_the_user_says_so() -> None:
    code = f"import harmonia, os; print([os.environ[name] for name in {list(TELLS_NOTHING)}])"
    plain = {name: value for name, value in os.environ.items() if name not in SILENCED}
    for said, expected in (
        ({}, list(TELLS_NOTHING.values())),
        (dict.fromkeys(TELLS_NOTHING, "x"), ["x"] * 4),
    ):
        found = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=plain | said, check=True
        )
        assert found.stdout.strip() == str(expected)


@pytest.mark.parametrize("first", ["harmonia", "harmonia.training.sft"])
def test_what_is_blocked_is_noticed(first: str, tmp_path: Path) -> None:
    """The hub's client still goes out where it is told to, so an empty list above means something."""
    words = f"import {first}, huggingface_hub; huggingface_hub.HfApi().whoami(token='hf_none')"
    told = f"try:\n    exec({words!r})\nexcept Exception:\n    pass"
    assert "huggingface.co" in asked_for(tmp_path, "-c", told)
