"""The doctor looks at a machine and a model, and says what will be slower and why."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from harmonia.models import ModelSettings, cache
from harmonia.pipeline import doctor
from harmonia.pipeline.doctor import look
from harmonia.world import base_folder


def found(model: str) -> dict[str, str]:
    return {finding.what: finding.found for finding in look(ModelSettings(path=model))}


def test_every_extra_of_the_package_is_looked_for(monkeypatch: pytest.MonkeyPatch):
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    monkeypatch.setattr(doctor, "find_spec", lambda module: None)
    told = next(finding.found for finding in look(None) if finding.what == "extras not installed")
    assert {*told.split(", "), "dev"} == set(project["optional-dependencies"])


def test_a_model_that_has_everything_is_slower_for_nothing():
    seen = found(str(base_folder(0)))
    assert seen["weights"].startswith("LlamaForCausalLM, float32") and seen["slower here"] == "nothing"


def test_a_name_that_is_not_found_is_told(monkeypatch: pytest.MonkeyPatch):
    """What a rename in the library would do."""
    monkeypatch.setattr(cache, "NAMES", ("another_name",))
    told = found(str(base_folder(0)))["slower here"].splitlines()
    why = "its code takes no cache by a name known here (another_name)"
    assert told == [
        f"all of a text is read again for each token that is written: {why}",
        f"in training, what all rows begin with is computed in every row: {why}",
    ]


def test_weights_that_do_not_fit_are_not_loaded(monkeypatch: pytest.MonkeyPatch):
    class Memory:
        available, total = 1000, 2**34

    monkeypatch.setattr("psutil.virtual_memory", Memory)
    monkeypatch.setattr("harmonia.pipeline.doctor.load_model", None)
    seen = found(str(base_folder(0)))
    assert "too large here to be tried out" in seen["weights"] and "slower here" not in seen
