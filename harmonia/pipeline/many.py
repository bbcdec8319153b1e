"""Several experiments at once, each in a process of its own.

A run is single-minded: it holds one model and works through its stages in order. On a
machine with more cores than one small model can use, several runs side by side fill them.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harmonia.parsing import parse_json
from harmonia.pipeline.experiment import Experiment


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How far one of the experiments is.

    Attributes:
        name: The experiment's name.
        key: The stage that ended.
        outcome: `done`, `skipped` or `not computed: why`.
        done: Stages ended so far.
        total: Stages in all.
    """

    name: str
    key: str
    outcome: str
    done: int
    total: int


def run_many(
    experiments: Sequence[Experiment],
    *,
    workers: int | None = None,
    watch: Callable[[Step], None] = lambda step: None,
) -> list[Path]:
    """Run experiments side by side; each resumes as a run of its own does.

    Args:
        experiments: Experiments with run directories of their own.
        workers: Processes at a time; None for one a core. The cores are shared out
            among them, which changes no result beyond rounding.
        watch: Told of each stage that ended.

    Returns:
        The run directories, in order.

    Raises:
        HarmoniaError: One of the experiments cannot go on; the others are finished first.
    """
    cores = os.cpu_count() or 1
    count = min(workers or cores, len(experiments))
    # A forked child would inherit a torch whose threads are gone.
    context = multiprocessing.get_context("spawn")
    told: Any = context.Queue()
    with ProcessPoolExecutor(
        count, mp_context=context, initializer=_begin, initargs=(told, max(1, cores // count))
    ) as pool:
        futures = [pool.submit(_run, one.model_dump_json()) for one in experiments]
        while wait(futures, timeout=0).not_done or not told.empty():
            try:
                watch(told.get(timeout=0.2))
            except queue.Empty:
                continue
        return [future.result() for future in futures]


_told: Any = None


def _begin(told: Any, threads: int) -> None:
    """Set a worker up: where to tell its progress, and how many threads are its share."""
    global _told
    _told = told
    import torch

    torch.set_num_threads(threads)


class _Teller:
    """A watcher that passes on what ended."""

    def __init__(self, name: str, total: int) -> None:
        self._name, self._total, self._done = name, total, 0

    def begin(self, key: str) -> None:
        """Say nothing."""

    def progress(self, done: int, total: int) -> None:
        """Say nothing."""

    def end(self, key: str, outcome: str) -> None:
        """Tell."""
        self._done += 1
        _told.put(Step(name=self._name, key=key, outcome=outcome, done=self._done, total=self._total))


def _run(settings: str) -> Path:
    from harmonia.pipeline.run import Silent, run_experiment
    from harmonia.pipeline.stages import build_stages
    from harmonia.pipeline.workbench import Workbench

    experiment = Experiment.model_validate(parse_json(settings, file=None))
    total = len(build_stages(Workbench(experiment, Silent())))
    return run_experiment(experiment, _Teller(experiment.name, total))
