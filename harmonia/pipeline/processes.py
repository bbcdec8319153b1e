"""Units side by side, in processes of their own.

Tasks of one small model do not fill the cores of a machine; several side by side do. A
process that dies fails the task that it was at, and no other.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from harmonia.pipeline.agenda import Agenda, GivenUnit
from harmonia.pipeline.executors import Executor, perform
from harmonia.pipeline.manifest import Noted
from harmonia.pipeline.workbench import Workbench

_EVERY_S = 0.2
"""Progress is told no more often than this."""

_PATIENCE_S = 10.0
"""A process that is told to end may take this long to remove what it wrote half."""


class Processes(Executor):
    """Units side by side in spawned processes; the cores are shared out among them.

    Args:
        workers: Processes at a time; None for one a core.
    """

    splits = True

    def __init__(self, workers: int | None = None) -> None:
        cores = os.cpu_count() or 1
        self._most = workers or cores
        self.threads = max(1, cores // self._most)

    def run(self, agenda: Agenda) -> None:
        """Take and do units until there is none and none is under way."""
        workers: list[_Worker] = []
        try:
            while True:
                for worker in workers:
                    if worker.unit is None and (unit := agenda.take(worker.near)):
                        worker.take(unit)
                while len(workers) < self._most and (unit := agenda.take()):
                    workers.append(_Worker(self.threads))
                    workers[-1].take(unit)
                busy: dict[Any, _Worker] = {worker.pipe: worker for worker in workers if worker.unit}
                if not busy:
                    return
                for pipe in wait(list(busy)):
                    busy[pipe].hear()
        finally:
            for worker in workers:
                worker.process.terminate()
            for worker in workers:
                worker.process.join(_PATIENCE_S)
                worker.process.kill()
                worker.process.join()


class _Worker:
    """A process and the unit that it is at, as the driver sees them."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self.unit: GivenUnit | None = None
        self.near: Path | None = None
        self._start()

    def _start(self) -> None:
        # A forked child would inherit a torch whose threads are gone.
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, self._threads))
        self.process.start()
        theirs.close()

    def take(self, unit: GivenUnit) -> None:
        """Have the process do this unit from now on."""
        self.unit, self.near = unit, unit.bench.run
        self._go_on()

    def _go_on(self) -> None:
        unit = self.unit
        if unit is None or unit.task is None:
            self.unit = None
            return
        if not self.process.is_alive():
            self._start()
        with suppress(ConnectionError):  # of a process that has just died; it will be heard
            self.pipe.send((unit.bench.experiment, unit.bench.fingerprints, unit.task))

    def hear(self) -> None:
        """Take in what the process says."""
        assert self.unit is not None and self.unit.task is not None
        try:
            said: Any = self.pipe.recv()
        except (EOFError, ConnectionError):
            self.process.join()
            reason = f"its process ended with exit code {self.process.exitcode}"
            said = Noted(status="failed", address=self.unit.task.address, reason=reason)
        if isinstance(said, OSError):
            raise said
        if isinstance(said, Noted):
            self.unit.ended(said)
            self._go_on()
        else:
            self.unit.progress(*said)


def _work(pipe: Connection, threads: int) -> None:
    """Do tasks as they are sent, in a process of its own; all but the last run's models are let go."""
    # What a terminal sends reaches all processes; the driver ends this one, which then clears up.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    threading.Thread(target=_end_with_driver, daemon=True).start()
    import torch

    torch.set_num_threads(threads)
    bench: Workbench | None = None
    told = 0.0

    def progress(done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told > _EVERY_S:
            told = time.monotonic()
            pipe.send((done, total))

    while True:
        experiment, fingerprints, task = pipe.recv()
        if bench is None or bench.experiment != experiment:
            bench = None  # its models go before others come
            bench = Workbench(experiment, fingerprints)
        try:
            pipe.send(perform(task, bench, progress))
        except OSError as error:
            pipe.send(error)


def _end_with_driver() -> None:
    driver = multiprocessing.parent_process()
    if driver is not None:
        driver.join()
        os._exit(1)
