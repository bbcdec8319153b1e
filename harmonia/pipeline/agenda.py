"""What is still to be done of runs, and what becomes of it: the driver's side of an executor.

All of it is in the driver's process, which alone writes manifests.
"""

from __future__ import annotations

import logging
import shutil
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from harmonia.analysis.run_answers import ANSWERS_FILE
from harmonia.outputs import remove_own
from harmonia.pipeline.graph import build_graph
from harmonia.pipeline.manifest import PARTIAL, Manifest, Noted, require_run_place
from harmonia.pipeline.task import Task, TaskPart
from harmonia.pipeline.watcher import Watcher
from harmonia.pipeline.work import data_found
from harmonia.pipeline.workbench import Workbench
from harmonia.training.sft import LOSSES, RECORD

log = logging.getLogger(__name__)


class Run:
    """One experiment's tasks, and what its run directory has of them.

    Args:
        bench: The experiment.
        watcher: Told how far it is.

    Raises:
        InputError: Data, the model, or the place of the run directory is not as it must be.
    """

    def __init__(self, bench: Workbench, watcher: Watcher) -> None:
        self.bench = bench
        self.name = bench.experiment.name
        self.watcher = watcher
        require_run_place(bench.run)
        self.graph = build_graph(bench)
        _tell_old_answers(Manifest.read(bench.run))
        self.look()
        self._waiting = dict(self.graph.units)
        self._ended: set[str] = set()
        self._split: list[_Split] = []

    def look(self) -> None:
        """Read what the run directory has of the tasks."""
        self.manifest = Manifest.read(self.bench.run)
        self.manifest.keep(self.graph)

    def take(self, fits: Fits, *, splits: bool) -> GivenUnit | None:
        """A unit with something to do that fits and waits for nothing; None if there is none now.

        With `splits` it may be a part of one.
        """
        for one in self._split:
            if one.waiting and fits(self, one.unit.tasks):
                return one.take()
        while ready := next(
            (name for name, tasks in self._waiting.items() if self._is_ready(name) and fits(self, tasks)),
            None,
        ):
            unit = GivenUnit(self, self._waiting.pop(ready))
            if splits and unit.task and unit.task.parts and len(unit.tasks) == 1:
                parts = unit.task.parts(self.bench)
                if len(parts) > 1:
                    self._split.append(_Split(unit, parts))
                    return self._split[-1].take()
            if unit.task:
                return unit
        return None

    def _is_ready(self, name: str) -> bool:
        mine = [task.key for task in self._waiting[name]]
        return all(key in self._ended or key in mine for task in self._waiting[name] for key in task.awaited)

    def must_do(self, task: Task) -> bool:
        """Whether a task is to be done; if not, because it is or cannot be, that is noted."""
        if self.manifest.is_done(task):
            self._end(task, "skipped")
            return False
        if blocked := next((key for key in task.needs if self.manifest.reason(key)), None):
            reason = f"it needs {blocked}, which could not be computed"
            self.note(task, Noted(status="not_computed", address=task.address, reason=reason))
            return False
        self.watcher.begin(self.name, task.key)
        return True

    def note(self, task: Task, left: Noted) -> None:
        """Note what a task left; where it has no result, what earlier settings left would mislead."""
        if left.reason:
            for key in self.graph.made_without({task.key}):
                self.manifest.stages.pop(key, None)
            for output in task.outputs:
                path = self.bench.run / output
                if path.is_dir():
                    remove_own(path)
                else:
                    path.unlink(missing_ok=True)
        self.manifest.note(task.key, left)
        if left.status == "done":
            for path in self.partial(task):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
        said = left.status.replace("_", " ")
        self._end(task, f"{said}: {left.reason}" if left.reason else said)

    def partial(self, task: Task) -> list[Path]:
        """What there is of a task that was interrupted, for it to take up; of no use once it is done."""
        return sorted((self.bench.run / PARTIAL).glob(f"{task.address}*"))

    def drop_model(self, tasks: Sequence[Task]) -> None:
        """Delete the weights of a unit that has ended, where settings do not keep it and none failed."""
        trained = next((task for task in tasks if task.kind == "train"), None)
        if trained is None or self.bench.experiment.keeps_model(int(trained.key.rpartition("/seed")[2])):
            return
        left = self.manifest.stages[trained.key]
        failed = any(self.manifest.stages[task.key].status == "failed" for task in tasks)
        if left.status == "done" and not left.dropped and not failed:
            # Noted first: a model that is half gone must not be taken for a damaged one.
            self.manifest.note(trained.key, left.model_copy(update={"dropped": True}))
            for path in left.outputs:
                if Path(path).name not in (LOSSES, RECORD):  # the page shows them
                    (self.bench.run / path).unlink(missing_ok=True)

    def _end(self, task: Task, outcome: str) -> None:
        if task.kind == "data" and outcome in ("done", "skipped"):
            self.manifest.head["data"] |= data_found(self.bench.run, task.key.partition("/")[2])
            self.manifest.write()  # the report reads it there
        self._ended.add(task.key)
        self.watcher.end(self.name, task.key, outcome)


def _tell_old_answers(manifest: Manifest) -> None:
    """Say where a run's answers lie as an earlier version put them: they are not read, and not removed."""
    asked = (left for key, left in manifest.stages.items() if key.startswith("evaluate/"))
    if old := [path for left in asked for path in left.outputs if not ANSWERS_FILE.fullmatch(path)]:
        log.warning(
            "%s: %d files of answers lie where an earlier version put them, such as %s. All models are asked "
            "anew; these files can be deleted.",
            *(manifest.run, len(old), old[0]),
        )


Fits = Callable[[Run, Sequence[Task]], bool]
"""Whether an executor has a place for the tasks of a unit."""


class GivenUnit:
    """Tasks of a run for one place, one after the other.

    Attributes:
        run: The run that they are of.
        tasks: All of them, those too that are done already.
        bench: The run's, in the driver's process.
        task: What is to be done now; None when there is nothing more.
    """

    def __init__(self, run: Run, tasks: Sequence[Task]) -> None:
        self.run = run
        self.tasks = tasks
        self.bench = run.bench
        self._rest = iter(tasks)
        self.task = self._next()

    def _next(self) -> Task | None:
        task = next((task for task in self._rest if self.run.must_do(task)), None)
        if task is None:
            self.run.drop_model(self.tasks)
        return task

    def progress(self, done: int, total: int) -> None:
        """The task has done so much of its work."""
        assert self.task is not None
        self.run.watcher.progress(self.run.name, self.task.key, done, total)

    def ended(self, left: Noted) -> None:
        """The task ended; from now on `task` is the next one."""
        assert self.task is not None
        self.run.note(self.task, left)
        self.task = self._next()


class _Split:
    """A task whose parts are given out one by one; the task itself then takes up what they wrote.

    Args:
        unit: The unit that is this task alone.
        parts: What there is to do of it.
    """

    def __init__(self, unit: GivenUnit, parts: Sequence[TaskPart]) -> None:
        assert unit.task is not None
        self.unit, self._whole = unit, unit.task
        self.waiting = deque(
            replace(self._whole, action=part.action, outputs=(part.output,)) for part in parts
        )
        self._sizes = {part.output: part.size for part in parts}
        self._done = self._under_way = 0
        self._left: list[Noted] = []

    def take(self) -> GivenUnit:
        """The next part to be done."""
        self._under_way += 1
        return _GivenPart(self, self.waiting.popleft())

    def ended(self, task: Task, left: Noted) -> None:
        """A part has ended, or the task itself."""
        self._under_way -= 1
        self._left.append(left)
        if failed := next((one for one in self._left if one.reason), None):
            self.waiting.clear()
        elif task is not self._whole:
            self._done += self._sizes[task.outputs[0]]
            self.unit.progress(self._done, sum(self._sizes.values()))
        if self.waiting or self._under_way:
            return
        if failed or task is self._whole:
            took = {
                "seconds": round(sum(one.seconds for one in self._left), 3),
                "peak_memory_mb": max(one.peak_memory_mb for one in self._left),
            }
            self.unit.ended((failed or left).model_copy(update=took))
        else:
            self.waiting.append(self._whole)


class _GivenPart(GivenUnit):
    """A part of a unit, which an executor has done like any."""

    def __init__(self, split: _Split, task: Task) -> None:
        self.run, self.tasks, self.bench = split.unit.run, split.unit.tasks, split.unit.bench
        self.task: Task | None = task
        self._split = split

    def progress(self, done: int, total: int) -> None:
        """What is under way is told when it has ended, for all parts together."""

    def ended(self, left: Noted) -> None:
        """The part ended."""
        assert self.task is not None
        task, self.task = self.task, None
        self._split.ended(task, left)


class Agenda:
    """The units of several runs that are still to be given out.

    Attributes:
        runs: The runs.
        splits: Whether tasks that have parts are given out in parts.
    """

    def __init__(self, runs: Sequence[Run], *, splits: bool = False) -> None:
        self.runs = tuple(runs)
        self.splits = splits
        self._asking: dict[str, GivenUnit] = {}

    def take(self, near: Path | None = None, fits: Fits = lambda run, tasks: True) -> GivenUnit | None:
        """A unit that waits for nothing, first of the run in directory `near`; None if there is none now.

        Only those that fit are given. There may be one again when a unit under way has ended a task.
        """
        # A server's requests are bounded by who asks it: side by side they would be as many times more.
        busy = {server for server, unit in self._asking.items() if unit.task}

        def may(run: Run, tasks: Sequence[Task]) -> bool:
            return busy.isdisjoint(_servers(tasks)) and fits(run, tasks)

        for run in sorted(self.runs, key=lambda run: run.bench.run != near):
            if unit := run.take(may, splits=self.splits):
                self._asking |= dict.fromkeys(_servers(unit.tasks), unit)
                return unit
        return None


def _servers(tasks: Sequence[Task]) -> set[str]:
    return {server for task in tasks for server in task.servers}
