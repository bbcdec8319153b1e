"""What runs in the workers of a Ray cluster."""

from __future__ import annotations

import os
import socket
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import harmonia
from harmonia.errors import InputError
from harmonia.pipeline.executors import perform
from harmonia.pipeline.experiment import AskedModel, Experiment
from harmonia.pipeline.manifest import PARTIAL, Noted
from harmonia.pipeline.ray_files import Elsewhere, Sent, require_data
from harmonia.pipeline.task import Task
from harmonia.pipeline.workbench import Workbench

MARK = Path(PARTIAL) / "mark"
"""File in the run directory by which a worker knows that it sees the driver's."""

TIMES = 4
"""How often a task is begun whose workers are lost."""

_EVERY_S = 0.2
"""Progress is told no more often than this."""


class Board:
    """Where workers tell how far they are, and the driver looks; tasks go by their numbers there."""

    def __init__(self) -> None:
        self._begun: Counter[int] = Counter()
        self._told: dict[int, tuple[int, int]] = {}

    def begin(self, number: int) -> int:
        """A worker begins a task; the how many-th time that is."""
        self._begun[number] += 1
        return self._begun[number]

    def tell(self, number: int, done: int, total: int) -> None:
        """A worker has done so much of a task."""
        self._told[number] = (done, total)

    def read(self) -> dict[int, tuple[int, int]]:
        """What was told last of each task: what is done, what there is to do."""
        return self._told


class RayWorker:
    """Does tasks as they are sent; all but the last run's models are let go.

    Args:
        folder: Where relative paths start.
        mark: What the run directory's `MARK` says, and the name of the `Board`.
        version: The driver's version of harmonia.
        threads: Threads to compute with.
    """

    def __init__(self, folder: str, mark: str, version: str, *, threads: int) -> None:
        import ray
        import torch

        torch.set_num_threads(threads)
        self._about = (folder, mark, version)
        self._board = ray.get_actor(mark)
        self._experiment: Experiment | None = None
        self._bench: Workbench | None = None
        self._elsewhere: Elsewhere | None = None

    def do(
        self,
        experiment: Experiment,
        fingerprints: Mapping[AskedModel, str],
        task: Task,
        number: int,
        sent: Sent | None,
    ) -> tuple[Noted, int]:
        """Do a task; what came of it, and the how many-th worker this is to begin it.

        Raises:
            InputError: This machine is not set up for the run.
            OSError: Something could not be written.
        """
        import ray

        # Ray counts what it cannot deliver while it does not know that a machine is lost, too.
        times = ray.get(self._board.begin.remote(number))
        if times > TIMES:
            reason = f"each of {TIMES} workers that were at it was lost"
            return Noted(status="failed", address=task.address, reason=reason), times
        if self._bench is None or self._experiment != experiment:
            self._bench = None  # its models go before others come
            require_same(experiment, *self._about, sent)
            self._experiment = experiment
            if sent:
                self._elsewhere = Elsewhere(self._about[1])
                experiment = experiment.model_copy(update={"out": str(self._elsewhere.run)})
            self._bench = Workbench(experiment, fingerprints)
        told = 0.0

        def progress(done: int, total: int) -> None:
            nonlocal told
            if time.monotonic() - told > _EVERY_S:
                told = time.monotonic()
                self._board.tell.remote(number, done, total)

        if sent is None or self._elsewhere is None:
            return perform(task, self._bench, progress), times
        self._elsewhere.fetch(task, sent)
        left = perform(task, self._bench, progress)
        self._elsewhere.give_back(task, sent, left.outputs)
        return left, times


def require_same(experiment: Experiment, folder: str, mark: str, version: str, sent: Sent | None) -> None:
    """Require the driver's harmonia, and its files; relative paths start where they do there.

    Args:
        experiment: The settings.
        folder: Where the driver's relative paths start.
        mark: What `MARK` of the run directory says.
        version: The driver's version of harmonia.
        sent: What says what the data must be where the run directory need not be seen.

    Raises:
        InputError: They are not the same here.
    """
    host = socket.gethostname()
    if harmonia.__version__ != version:
        raise InputError(
            f"machine {host} has another version of harmonia",
            seen=harmonia.__version__,
            remedy=f"Install {version} on all machines of the cluster.",
        )
    if sent:
        with suppress(OSError):  # relative paths are missed below
            os.chdir(folder)
        require_data(experiment, sent.data, host)
        return
    try:
        os.chdir(folder)
        seen = (experiment.run_directory / MARK).read_text(encoding="utf-8")
    except OSError:
        seen = ""
    if seen != mark:
        raise InputError(
            f"machine {host} does not see the run directory of the command",
            file=Path(folder) / experiment.run_directory,
            remedy="Start the command in a folder that all machines share, with `out` in it, or set "
            "execution.ray.files=returned to have files sent through Ray.",
        )
