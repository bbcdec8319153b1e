"""How fast workers of a Ray cluster ask the questions of one probe together: a lab model's."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from harmonia.bench.turns import Timing
from harmonia.errors import HarmoniaError
from harmonia.pipeline.executors import Executor
from harmonia.pipeline.experiment import ExecutionSettings, Experiment
from harmonia.pipeline.run import executor_of, run_experiments
from harmonia.pipeline.watcher import Watcher
from harmonia.world import base_folder, write_lab_data

_PROBE = "probe/person"


class _ProbedError(Exception):
    """The probe has ended; nothing else is to be done."""


class Clock(Watcher):
    """Notes when how many questions have been asked, and ends the run after the probe."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, float]] = []

    def progress(self, run: str, key: str, done: int, total: int) -> None:
        """Note it of the probe."""
        if key == _PROBE:
            self.seen.append((done, time.perf_counter()))

    def end(self, run: str, key: str, outcome: str) -> None:
        """End the run with the probe."""
        if key == _PROBE:
            raise _ProbedError(outcome)

    @property
    def per_question_ms(self) -> float:
        """From the end of the first part, by which all models are loaded, to that of the last."""
        (first, began), (last, ended) = self.seen[0], self.seen[-1]
        return 1000 * (ended - began) / (last - first)


def on_ray(workers: int) -> Executor:
    """Workers on a cluster of this machine."""
    return executor_of(ExecutionSettings.model_validate({"executor": "ray", "workers": workers}))


def measure_workers(draws: int, start: Callable[[int], Executor] = on_ray) -> Timing:
    """Probe a lab model's training questions with one worker, and with two.

    Args:
        draws: How often each is asked, under demonstrations of its own.
        start: Gives who does it.

    Raises:
        HarmoniaError: Ray is not installed or does not start, or the probe failed.
    """
    taken = {workers: _probe(draws, start(workers)).per_question_ms for workers in (1, 2)}
    return Timing(
        what="letter probe of a lab model on Ray, 2 workers",
        unit="ms/question",
        ours=taken[2],
        baselines={"1 worker": taken[1]},
        facts={"cores": os.cpu_count() or 1},
    )


def _probe(draws: int, executor: Executor) -> Clock:
    clock = Clock()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        write_lab_data(Path(folder) / "data", 0)
        shots = {"path": "person/dev.jsonl", "domain": "person"}
        asked = {"path": "person/in_domain.jsonl", "domain": "person", "limit": 1}
        experiment = Experiment.model_validate(
            {
                "name": "workers",
                "out": str(Path(folder) / "run"),
                "data_root": str(Path(folder) / "data"),
                "model": {"path": str(base_folder(0)), "device": "cpu"},
                "prompt": {"options_first": True},
                "probe": {"draws": draws},
                "groups": {"size": 8},
                "domains": {
                    "person": {
                        "train": {"path": "person/train.jsonl", "domain": "person"},
                        "shots": shots,
                        "suites": {"in_domain": {"items": asked, "shots": shots}},
                    }
                },
            }
        )
        try:
            run_experiments([experiment], executor, clock)
        except _ProbedError as probed:
            if str(probed) != "done":
                raise HarmoniaError(str(probed)) from probed
    return clock
