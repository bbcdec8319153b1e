"""A whole experiment small enough for a test: the lab's data, a shipped base, a few rows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from harmonia.world import base_folder


@pytest.fixture(scope="session")
def settings_of(lab_data: Path) -> Callable[[Path], dict[str, Any]]:
    """Settings of a small experiment for a run directory."""
    return partial(_settings, lab_data)


@pytest.fixture
def settings(settings_of: Callable[[Path], dict[str, Any]], tmp_path: Path) -> dict[str, Any]:
    return settings_of(tmp_path / "run")


def _settings(lab_data: Path, run: Path) -> dict[str, Any]:
    shots = {"path": "person/dev.jsonl", "domain": "person"}
    suites = {
        name: {"items": {"path": f"person/{name}.jsonl", "domain": "person", "limit": 40}, "shots": shots}
        for name in ("homogeneous", "in_domain", "out_of_domain")
    }
    return {
        "name": "small",
        "out": str(run),
        "data_root": str(lab_data),
        "model": {"path": str(base_folder(0)), "device": "cpu"},
        "prompt": {"options_first": True, "shots": 2},
        "probe": {"batch_tokens": 1024},
        "groups": {"names": ["harmonious", "incompatible"], "ratios": [1.0], "size": 12},
        "general": "general.jsonl",
        "training": {
            "epochs": 2,
            "batch_size": 8,
            "learning_rate": 1e-3,
            "precision": "fp32",
            "save_steps": 1,
        },
        "evaluation": {"tuned_forms": ["chat0"], "readouts": []},
        "domains": {
            "person": {
                "train": {"path": "person/train.jsonl", "domain": "person"},
                "shots": shots,
                "suites": suites,
            }
        },
    }


@pytest.fixture
def experiment_file(settings: dict[str, Any], tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path
