"""A changed setting says which results it will replace, before anything is written."""

from __future__ import annotations

from typing import Any

import pytest

from harmonia.files import write_json, write_text
from harmonia.pipeline.changes import tell_changed
from harmonia.pipeline.experiment import Experiment
from harmonia.pipeline.graph import build_graph
from harmonia.pipeline.settings_file import dump_experiment
from harmonia.pipeline.workbench import Workbench


@pytest.mark.slow
def test_a_changed_setting_says_what_it_replaces(
    settings: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    was = Experiment.model_validate(settings)
    bench = Workbench(was)
    graph = build_graph(bench)
    done = {key: {"status": "done", "address": task.address} for key, task in graph.tasks.items()}
    bench.run.mkdir(parents=True)
    write_json(bench.run / "manifest.json", {"stages": done})
    write_text(bench.run / "experiment.yaml", dump_experiment(was))
    tell_changed(bench, graph)
    assert not caplog.messages, "nothing is replaced by the same settings"

    training = settings["training"] | {"epochs": 5}
    execution = {"executor": "processes"}
    now = Workbench(Experiment.model_validate(settings | {"training": training, "execution": execution}))
    tell_changed(now, build_graph(now))
    (said,) = caplog.messages
    # Three fine-tunings, each asked three suites in one form, and how well it learned its rows.
    assert "(3 train, 3 fit, 9 evaluate, 1 analyse, 1 report)" in said
    assert "because of training.epochs: 2 -> 5. To keep them stop now" in said
    assert list(bench.run.iterdir()) and (bench.run / "experiment.yaml").read_text() == dump_experiment(was)
