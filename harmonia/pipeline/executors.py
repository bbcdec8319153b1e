"""Who does the tasks: an executor takes units from the agenda and does each one's tasks at one place.

It decides where and when, and nothing else: what is done already, what can be done now and
what is noted of it is the agenda's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from harmonia.errors import EmptyGroupError, HarmoniaError
from harmonia.files import disk_told
from harmonia.pipeline.agenda import Agenda, Run
from harmonia.pipeline.machine import peak_memory_mb
from harmonia.pipeline.manifest import Noted, identity
from harmonia.pipeline.task import Task
from harmonia.pipeline.workbench import Workbench


class Executor(Protocol):
    """Does what there is to do.

    Attributes:
        threads: Threads of each place where tasks are done.
        splits: Whether large tasks are split over the places.
    """

    threads: int
    splits: bool = False

    def require(self, runs: Sequence[Run]) -> None:
        """Require that what they need is there; nothing has been written yet.

        Raises:
            InputError: It is not.
        """
        return

    def run(self, agenda: Agenda) -> None:
        """Take and do units until there is none and none is under way.

        Raises:
            OSError: Something could not be written.
        """


class Local(Executor):
    """One task after the other, in this process."""

    def __init__(self) -> None:
        import torch

        self.threads = torch.get_num_threads()

    def run(self, agenda: Agenda) -> None:
        """Take and do units until there is none."""
        bench: Workbench | None = None
        while unit := agenda.take(bench.run if bench else None):
            if bench is not None and bench is not unit.bench:
                bench.release()
            bench = unit.bench
            while unit.task:
                unit.ended(perform(unit.task, bench, unit.progress))


def perform(task: Task, bench: Workbench, progress: Callable[[int, int], None]) -> Noted:
    """Do a task and tell what came of it.

    Args:
        task: The task; all that it waits for has ended.
        bench: Where it is done.
        progress: Called with (done, in all).

    Raises:
        OSError: Something could not be written; other tasks would fare no better.
    """
    bench.progress = progress
    started = time.perf_counter()
    try:
        with disk_told(bench.run):
            notes = task.action(bench)
    except EmptyGroupError as error:
        return Noted(status="not_computed", address=task.address, reason=str(error))
    except HarmoniaError as error:
        bench.release()  # a model that was being worked on is as nobody expects it
        return Noted(status="failed", address=task.address, reason=str(error))
    seconds = time.perf_counter() - started
    files = [file for output in task.outputs for file in _files(bench.run / output)]
    return Noted(
        status="done",
        address=task.address,
        notes=tuple(notes),
        seconds=round(seconds, 3),
        peak_memory_mb=round(peak_memory_mb(), 1),
        outputs={file.relative_to(bench.run).as_posix(): identity(file) for file in files},
    )


def _files(path: Path) -> list[Path]:
    return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
