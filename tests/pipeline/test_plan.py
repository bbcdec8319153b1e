"""What a plan says: the tasks of the run, what of them is done, and what the rest costs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from harmonia.errors import InputError
from harmonia.models import ModelSettings, load_model
from harmonia.pipeline.executors import perform
from harmonia.pipeline.experiment import Experiment
from harmonia.pipeline.graph import build_graph
from harmonia.pipeline.manifest import Manifest, claim_run
from harmonia.pipeline.plan import make_plan
from harmonia.pipeline.settings_file import apply_overrides
from harmonia.pipeline.workbench import Workbench


def test_plan_counts_what_would_run(settings: dict[str, Any]) -> None:
    experiment = Experiment.model_validate(settings)
    plan = make_plan(experiment, tflops=0.001)
    assert [step.key for step in plan.steps] == list(build_graph(Workbench(experiment)).tasks)
    steps = {step.key: step for step in plan.steps}
    assert {step.kind for step in plan.steps if step.cost} == {"probe", "train", "fit", "evaluate"}
    probe, train = steps["probe/person"], steps["train/person/harmonious/seed0"]
    assert probe.cost and train.cost and plan.parameters
    # Two FLOPs a parameter and token for scoring, six for training; the shares of the log.
    assert probe.cost.what.startswith("540 items") and train.cost.trains
    assert probe.cost.flops == pytest.approx(2 * plan.parameters * probe.cost.tokens)
    assert train.cost.flops == pytest.approx(6 * plan.parameters * train.cost.tokens)
    assert probe.seconds == pytest.approx((probe.cost.flops / 0.85e9, probe.cost.flops / 0.6e9))
    assert train.seconds == pytest.approx((train.cost.flops / 0.4e9, train.cost.flops / 0.3e9))
    # fp32 weights, gradients and two moments of four bytes each; the model that is kept has its weights.
    weights = sum(one.numel() for one in load_model(experiment.model).model.parameters())
    memory = train.cost.memory
    assert memory and (memory.weights, memory.gradients, memory.optimizer) == (
        4 * weights,
        4 * weights,
        8 * weights,
    )
    assert train.cost.disk_bytes == 4 * weights
    # 12 rows in two wordings, as long as the rows themselves, once through.
    fit = steps["fit/person/harmonious/seed0"].cost
    assert fit and fit.what == "24 questions of the training set" and fit.flops and not fit.trains
    assert fit.flops == pytest.approx(2 * plan.parameters * fit.tokens)
    assert train.cost.what == "about 12 rows and 12 general ones, 2 epochs, 6 optimizer steps"
    assert [note.split(":")[0] for note in plan.notes if "optimizer" in note] == [
        "a fine-tuning has about 6 optimizer steps of up to 8 rows"
    ]
    settings["training"]["batch_size"] = 4
    assert not [n for n in make_plan(Experiment.model_validate(settings), tflops=1).notes if "optimizer" in n]
    assert not Path(settings["out"]).exists()


def test_general_instructions_alone_cost_less_and_no_explanation_is_priced_that_is_left_out(
    settings: dict[str, Any],
) -> None:
    def steps(*changes: str) -> dict[str, Any]:
        copy = apply_overrides(json.loads(json.dumps(settings)), ["groups.ratios=[]", *changes])
        plan = make_plan(Experiment.model_validate(copy), tflops=1)
        return {step.key: step.cost for step in plan.steps if step.cost}

    found = steps("groups.names=[harmonious,general_only]")
    alone = found["train/person/general_only/seed0"]
    assert alone.what == "about 0 rows and 12 general ones, 2 epochs, 3 optimizer steps"
    assert 0 < alone.tokens < found["train/person/harmonious/seed0"].tokens
    assert found["fit/person/general_only/seed0"].tokens == 0
    unequal = steps("groups.names=[harmonious,self_aligning]")
    tokens = found["train/person/harmonious/seed0"].tokens - unequal["train/person/harmonious/seed0"].tokens
    assert tokens > 2 * 12  # a word a row and epoch at the least


@pytest.mark.parametrize(("keep", "models"), [("all", 6), ("last", 3), ("none", 0)])
def test_models_that_are_not_kept_take_no_disk(settings: dict[str, Any], keep: str, models: int) -> None:
    """Three groups and two seeds; a model is four bytes a parameter."""
    settings |= {"seeds": [4, 2], "execution": {"keep_models": keep}}
    plan = make_plan(Experiment.model_validate(settings), tflops=1)
    weights = sum(one.numel() for one in load_model(ModelSettings(**settings["model"])).model.parameters())
    assert plan.all.disk_bytes == models * 4 * weights
    kept = {step.key[-1] for step in plan.steps if step.cost and step.cost.disk_bytes}
    assert kept == {6: {"2", "4"}, 3: {"2"}, 0: set()}[models]
    assert any("not kept" in note for note in plan.notes) == (models < 6)


def test_totals_are_sums_by_kind_and_domain(settings: dict[str, Any]) -> None:
    plan = make_plan(Experiment.model_validate(settings), tflops=0.001)
    assert [(one.kind, one.domain, one.tasks, one.done) for one in plan.totals] == [
        ("probe", "person", 1, 0),
        ("evaluate", "person", 6 + 3 * 3, 0),
        ("train", "person", 3, 0),
        ("fit", "person", 3, 0),
    ]
    trained = [step for step in plan.steps if step.kind == "train"]
    assert plan.totals[2].disk_bytes == sum(step.cost.disk_bytes or 0 for step in trained if step.cost)
    assert plan.totals[2].seconds == pytest.approx(
        tuple(sum(step.seconds[end] for step in trained if step.seconds) for end in (0, 1))
    )
    most = max(step.cost.memory.all for step in trained if step.cost and step.cost.memory)
    assert plan.all.tasks == len(plan.steps) and plan.all.memory and plan.all.memory.all == most
    assert plan.all.tokens == pytest.approx(sum(one.tokens for one in plan.totals))


def test_what_is_done_is_said_and_costs_nothing_more(settings: dict[str, Any]) -> None:
    experiment = Experiment.model_validate(apply_overrides(settings, ["domains.person.train.limit=20"]))
    bench = Workbench(experiment)
    claim_run(bench.run)
    manifest = Manifest.read(bench.run)
    for key in ("data/person", "probe/person"):
        task = build_graph(bench).tasks[key]
        manifest.note(key, perform(task, bench, lambda done, total: None))
    plan = make_plan(experiment, tflops=1)
    assert {step.key for step in plan.steps if step.done} == {"data/person", "probe/person"}
    (probe,) = (one for one in plan.totals if one.kind == "probe")
    assert (probe.tasks, probe.done, probe.tokens, probe.seconds) == (1, 1, 0, (0, 0))
    assert (plan.all.tasks - plan.all.done) == len(plan.steps) - 2
    # A file of another size is no result.
    (bench.run / "beliefs/person.parquet").write_bytes(b"")
    assert {step.key for step in make_plan(experiment, tflops=1).steps if step.done} == {"data/person"}


def test_a_model_that_is_not_at_hand_is_reckoned_with_by_its_size(settings: dict[str, Any]) -> None:
    away = Experiment.model_validate({**settings, "model": {"path": "no/such-model"}})
    plan = make_plan(away, tflops=1)
    assert plan.all.seconds is None and plan.all.disk_bytes is None and plan.all.tokens > 0
    assert any("times and memory are not known" in note for note in plan.notes)
    sized = make_plan(away, parameters=7e9, tflops=1)
    assert sized.all.seconds and sized.all.memory and sized.all.memory.all == 16 * 7e9
    assert any("activations and KV cache are left out" in note for note in sized.notes)
    # Of a run that was begun elsewhere it is not known what is done.
    run = Path(settings["out"])
    claim_run(run)
    (run / "manifest.json").write_text(
        json.dumps({"stages": {"leakage": {"status": "done", "address": "x"}}})
    )
    assert any("what is done already is not known" in note for note in make_plan(away, tflops=1).notes)


def test_a_plan_of_a_model_that_makes_no_sense_is_refused(settings: dict[str, Any], tmp_path: Path) -> None:
    base = Path(shutil.copytree(settings["model"]["path"], tmp_path / "base"))
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, "num_attention_heads": 0}))
    settings["model"]["path"] = str(base)
    with pytest.raises(InputError, match="no model has such a size; saw 0") as caught:
        make_plan(Experiment.model_validate(settings), tflops=1.0)
    assert (caught.value.file, caught.value.field) == (str(base / "config.json"), "num_attention_heads")


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["tflops", "parameters"])
def test_a_rate_or_a_size_that_is_none_is_refused(settings: dict[str, Any], name: str, value: float) -> None:
    with pytest.raises(InputError, match="not a number above 0") as caught:
        make_plan(Experiment.model_validate(settings), **{"tflops": 1.0, name: value})
    assert caught.value.field == name
