"""What an experiment's settings may say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from harmonia.errors import InputError
from harmonia.parsing import validated
from harmonia.pipeline import demo
from harmonia.pipeline.demo import FULL, SMALL, Grid, demo_experiments
from harmonia.pipeline.experiment import Experiment
from harmonia.training.needs import require_trainable


def _settings(suites: dict[str, Any]) -> dict[str, Any]:
    source = {"path": "x.jsonl"}
    return {
        "name": "run",
        "model": {"path": "m"},
        "prompt": {"shots": 0},
        "domains": {"d": {"train": source, "suites": {name: {"items": source} for name in suites}}},
    }


def test_suites_have_any_names() -> None:
    names = ["homogeneous", "arc_challenge", "openbookqa.main"]
    made = Experiment.model_validate(_settings(dict.fromkeys(names)))
    assert list(made.domains["d"].suites) == names


@pytest.mark.parametrize("name", ["train", "shots", "probe", "all", "a/b", "../out", ""])
def test_a_suite_is_not_called_as_something_else_in_the_run(name: str) -> None:
    with pytest.raises(ValidationError):
        Experiment.model_validate(_settings({name: None}))


def test_a_seed_stands_once() -> None:
    with pytest.raises(ValidationError, match="a seed stands twice"):
        Experiment.model_validate({**_settings({"test": None}), "seeds": [1, 0, 1]})


@pytest.mark.parametrize("field", ["base_forms", "tuned_forms"])
@pytest.mark.parametrize(
    ("forms", "message"),
    [
        ([], "at least 1 item"),
        (["icl4", "chat0", "icl4"], "'icl4' is named twice"),
        (["icl04"], "not a form"),
    ],
)
def test_forms_are_some_and_each_stands_once(field: str, forms: list[str], message: str) -> None:
    with pytest.raises((ValidationError, InputError), match=message):
        Experiment.model_validate({**_settings({"test": None}), "evaluation": {field: forms}})


@pytest.mark.parametrize("field", ["out", "data_root", "general"])
def test_no_path_is_empty(field: str) -> None:
    with pytest.raises(ValidationError, match="at least 1 character"):
        Experiment.model_validate({**_settings({"test": None}), field: ""})


def test_general_only_names_its_general_rows() -> None:
    groups = {"names": ["harmonious", "general_only"]}
    with pytest.raises(ValidationError, match="`general` must name their file"):
        Experiment.model_validate({**_settings({"test": None}), "groups": groups})
    Experiment.model_validate({**_settings({"test": None}), "groups": groups, "general": "g.jsonl"})


def test_a_demo_that_cannot_be_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"groups\.ratios\.0.*less than or equal to 1"):
        demo_experiments(tmp_path / "demo", Grid(bases=1, domains=1, ratios=(2.0,)))
    with pytest.raises(InputError, match=r"training\.epochs.*harmonia settings demo"):
        demo_experiments(tmp_path / "demo", SMALL, {"training": {"epochs": 0}})
    assert not (tmp_path / "demo").exists()


def test_a_demo_has_controls_in_full_and_takes_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "write_lab_data", lambda *where: None)
    (one,) = demo_experiments(tmp_path / "small", Grid(bases=1, domains=1, ratios=()))
    paper = ("harmonious", "incompatible", "self_aligning", "contextualised")
    assert one.groups.names == (*paper, "general_only") and one.readouts == ("cloze",)
    assert one.groups.explained == "none"
    changes = {"groups": {"explanations": "gold"}, "training": {"epochs": 1}}
    (changed,) = demo_experiments(tmp_path / "other", Grid(bases=1, domains=1, ratios=()), changes)
    assert (changed.groups.explanations, changed.training.epochs) == ("gold", 1)
    assert changed.groups.size == one.groups.size and changed.training.batch_size == one.training.batch_size
    full = demo_experiments(tmp_path / "full", replace(FULL, bases=1))[0]
    assert full.groups.names == (*one.groups.names, "random_wrong", "permuted")
    assert full.readouts == ("cloze", "letter_cyclic")


@pytest.mark.parametrize(
    ("prompt", "readouts"),
    [({}, ("cloze",)), ({"method": "cloze"}, ("letter",)), ({"preset": "harness"}, ())],
)
def test_every_run_has_a_second_readout_where_its_preset_has_one(
    prompt: dict[str, Any], readouts: tuple[str, ...]
) -> None:
    settings = _settings({"test": None})
    settings["prompt"] |= prompt
    assert Experiment.model_validate(settings).readouts == readouts


@pytest.mark.parametrize(
    ("prompt", "readouts", "message"),
    [
        ({}, ["letter"], "readout letter is the probe's method"),
        ({}, ["cloze", "cloze"], "'cloze' is named twice"),
        ({"preset": "repo"}, ["cloze"], "preset repo scores letters"),
    ],
)
def test_readouts_that_cannot_be_are_refused(
    prompt: dict[str, Any], readouts: list[str], message: str
) -> None:
    settings = _settings({"test": None}) | {"evaluation": {"readouts": readouts}}
    settings["prompt"] |= prompt
    with pytest.raises(ValidationError, match=message):
        Experiment.model_validate(settings)


def test_a_spread_model_is_asked_and_trained_by_a_launcher(settings: dict[str, Any]) -> None:
    settings["model"] = {"path": settings["model"]["path"], "device_map": "auto"}
    with pytest.raises(InputError, match=r"is asked, not trained: .* \(execution.launch\), or set train: f"):
        validated(Experiment, settings, file=None)
    on_ray = {"launch": ["torchrun"], "executor": "ray"}
    with pytest.raises(InputError, match="over how many GPUs a worker spreads"):
        validated(Experiment, {**settings, "execution": on_ray}, file=None)
    spread = validated(Experiment, {**settings, "execution": {**on_ray, "ray": {"gpus": 2}}}, file=None)
    assert (spread.files.device_map, spread.trained_files.device_map) == ("auto", None)
    with pytest.raises(InputError, match=r"spread over GPUs \(device_map\) is asked, not trained"):
        require_trainable(spread.files, spread.training)
