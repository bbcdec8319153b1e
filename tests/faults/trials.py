"""What a trial is: a fault is injected, and the answer compared with the one that is due."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bad_inputs import Case
from bad_models import BadModel
from command_line import harmonia
from recorder import TIMES

from harmonia.hashing import file_sha256
from harmonia.prompts.bounded import bounded
from harmonia.world import base_folder, write_lab_data

_TOLD = ("manifest.json", "stages.jsonl", "experiment.yaml", "report.html", *TIMES)
"""Files that name the run directory, or times."""


def tried(case: Case, folder: Path) -> str | None:
    """What is wrong with the answer to a bad input; None if nothing."""
    folder.mkdir(parents=True)
    for name, content in case.files.items():
        (folder / name).write_bytes(content)
    before = {path.name for path in folder.iterdir()}
    try:
        done = harmonia(*case.words, cwd=folder)
    except BaseException as error:  # whatever comes through is a traceback to the user
        return f"{case.name}: {type(error).__name__}: {str(error)[:200]}"
    said = done.stderr.strip()
    if done.returncode != case.code:
        return f"{case.name}: exit {done.returncode}: {said[-200:]}"
    missing = [part for part in case.says if part not in said]
    if missing or "Traceback" in said or "\n" in said:
        return f"{case.name}: {missing} not in: {said[:300]}"
    left = {path.name for path in folder.iterdir()} - before
    return f"{case.name}: it wrote {sorted(left)}" if left else None


def asked(bad: BadModel, whole: Path, folder: Path) -> str | None:
    """What is wrong with the answer to a bad model, made of a whole one; None if nothing."""
    shutil.copytree(whole, folder)
    bad.change(folder)
    words = ("explain-scoring", "--model", folder, *bad.words, "model.device=cpu")
    try:
        with patch("harmonia.prompts.chat.bounded", lambda: bounded(1.0)):
            done = harmonia(*words)
    except BaseException as error:
        return f"{bad.name}: {type(error).__name__}: {str(error)[:200]}"
    last = (done.stderr.strip().splitlines() or [""])[-1]
    if done.returncode != bad.code:
        return f"{bad.name}: exit {done.returncode}: {last[-300:]}"
    if "Traceback" in done.stderr or not re.search(bad.says, last):
        return f"{bad.name}: not {bad.says!r} but {last[:300]}"
    return None


def small(lab: Path, run: Path) -> dict[str, Any]:
    """Settings of an experiment of the lab that takes seconds."""
    if not lab.is_dir():
        write_lab_data(lab, 0)
    shots = {"path": "person/dev.jsonl", "domain": "person"}
    items = {"path": "person/homogeneous.jsonl", "domain": "person", "limit": 20}
    return {
        "name": "small",
        "out": str(run),
        "data_root": str(lab),
        "model": {"path": str(base_folder(0)), "device": "cpu"},
        "prompt": {"options_first": True, "shots": 2},
        "groups": {"names": ["harmonious", "incompatible"], "size": 6},
        "general": "general.jsonl",
        "training": {
            "epochs": 1,
            "batch_size": 4,
            "learning_rate": 1e-3,
            "precision": "fp32",
            "save_steps": 1,
        },
        "evaluation": {"base_forms": ["chat0"], "tuned_forms": ["chat0"], "readouts": []},
        "domains": {
            "person": {
                "train": {"path": "person/train.jsonl", "domain": "person", "limit": 60},
                "shots": shots,
                "suites": {"homogeneous": {"items": items, "shots": shots}},
            }
        },
    }


def files_of(run: Path) -> dict[str, str]:
    """The hash of each file of a run, those left out that two runs cannot have alike."""
    files = [path for path in run.rglob("*") if path.is_file() and ".partial" not in path.parts]
    return {path.relative_to(run).as_posix(): file_sha256(path) for path in files if path.name not in _TOLD}
