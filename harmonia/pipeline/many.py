"""Several experiments at once, each in a process of its own.

A run is single-minded: it holds one model and works through its stages in order. On a
machine with more cores than one small model can use, several runs side by side fill them.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from harmonia.errors import HarmoniaError
from harmonia.parsing import parse_json
from harmonia.pipeline.experiment import Experiment
from harmonia.pipeline.watcher import Watcher


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
        OSError: One of them could not write.
    """
    cores = os.cpu_count() or 1
    count = min(workers or cores, len(experiments))
    ended: dict[int, Path | Exception] = {}
    for place, said in _side_by_side(experiments, count, threads=max(1, cores // count)):
        if isinstance(said, Step):
            watch(said)
        else:
            ended.setdefault(place, said)
    runs = []
    for _, outcome in sorted(ended.items()):
        if isinstance(outcome, Exception):
            raise outcome
        runs.append(outcome)
    return runs


def _side_by_side(
    experiments: Sequence[Experiment], count: int, *, threads: int
) -> Iterator[tuple[int, Step | Path | Exception]]:
    """Run experiments and give what their processes say, by place; at last the run directory or an error."""
    # A forked child would inherit a torch whose threads are gone.
    context = multiprocessing.get_context("spawn")
    waiting = list(enumerate(experiments))
    working: dict[Any, tuple[int, Any]] = {}
    try:
        while waiting or working:
            while waiting and len(working) < count:
                place, one = waiting.pop(0)
                ours, theirs = context.Pipe(duplex=False)
                process = context.Process(target=_work, args=(theirs, one.model_dump_json(), threads))
                process.start()
                theirs.close()
                working[ours] = place, process
            for ready in wait(list(working)):
                pipe: Any = ready
                place, process = working[pipe]
                try:
                    yield place, pipe.recv()
                except EOFError:
                    process.join()
                    del working[pipe]
                    ended = f"its process ended with exit code {process.exitcode}"
                    yield place, HarmoniaError(f"{experiments[place].name}: {ended}.")
    finally:
        for _, process in working.values():
            process.terminate()
        for _, process in working.values():
            process.join()


class _Teller(Watcher):
    """A watcher that passes on what ended."""

    def __init__(self, pipe: Connection, name: str) -> None:
        self._pipe, self._name, self._total, self._done = pipe, name, 0, 0

    def start(self, stages: int) -> None:
        self._total = stages

    def end(self, key: str, outcome: str) -> None:
        self._done += 1
        step = Step(name=self._name, key=key, outcome=outcome, done=self._done, total=self._total)
        self._pipe.send(step)


def _work(pipe: Connection, settings: str, threads: int) -> None:
    """One experiment, in a process of its own."""
    # Ctrl-C at a terminal reaches all processes; the parent ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import torch

    from harmonia.pipeline.run import run_experiment

    torch.set_num_threads(threads)
    try:
        experiment = Experiment.model_validate(parse_json(settings, file=None))
        pipe.send(run_experiment(experiment, _Teller(pipe, experiment.name)))
    except (HarmoniaError, OSError) as error:
        pipe.send(error)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
