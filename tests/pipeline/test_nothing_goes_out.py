"""A run of a local model on local data asks nobody anything, without any help of the environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

BLOCKED = """
import os, socket

def refused(*address, **_):
    with open({log!r}, "a") as seen:
        seen.write(repr(address) + "\\n")
    raise OSError("no network here")

socket.getaddrinfo = refused
socket.socket.connect = refused
"""
SILENCED = (
    "HF_HUB_OFFLINE",
    "TRANSFORMERS_OFFLINE",
    "HF_HUB_DISABLE_TELEMETRY",
    "DISABLE_TELEMETRY",
    "DO_NOT_TRACK",
)


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


@pytest.mark.parametrize("first", ["harmonia", "harmonia.training.sft"])
def test_what_is_blocked_is_noticed(first: str, tmp_path: Path) -> None:
    """The hub's client still goes out where it is told to, so an empty list above means something."""
    words = f"import {first}, huggingface_hub; huggingface_hub.HfApi().whoami(token='hf_none')"
    told = f"try:\n    exec({words!r})\nexcept Exception:\n    pass"
    assert "huggingface.co" in asked_for(tmp_path, "-c", told)
