"""Units on the machines of a Ray cluster, each done by a worker that keeps its models loaded.

Workers are Ray actors. Ray starts a lost one again on a machine that has room, and gives it the task that it
was at. What that task had finished lies in the run directory, which all machines share.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import harmonia
from harmonia.errors import InputError
from harmonia.files import write_text
from harmonia.models.border import needed
from harmonia.pipeline.agenda import Agenda, GivenUnit, Run
from harmonia.pipeline.costs import Costs
from harmonia.pipeline.executors import Executor
from harmonia.pipeline.experiment import ExecutionSettings
from harmonia.pipeline.manifest import Noted
from harmonia.pipeline.ray_cluster import connect, require_room
from harmonia.pipeline.ray_files import RETURNED, DriverFiles, Sent, clear, files_of
from harmonia.pipeline.ray_worker import MARK, Board, RayWorker, require_same
from harmonia.pipeline.task import Task

_NUMBERS = count()
_EVERY_S = 0.5
"""Progress is shown no more often than this."""
_CLEARED_S = 10.0
"""A machine may take so long to remove what workers had there of their own."""
_IDLE_S = 30.0
"""A worker without work for so long gives back what it holds: a lost one may wait for it."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Needs:
    """What a worker takes of the cluster.

    Attributes:
        cpus: CPUs.
        gpus: GPUs.
        memory: Bytes of a machine's memory.
    """

    cpus: int = 0
    gpus: int = 0
    memory: int = 0

    @property
    def named(self) -> dict[str, int]:
        """By Ray's names."""
        return {"CPU": self.cpus, "GPU": self.gpus, "memory": self.memory}


HERE = Needs()
"""Of what needs no model of these machines: it is done beside the driver, by one worker, who asks servers."""


class OnRay(Executor):
    """Units on the machines of a Ray cluster, those that need no model of theirs on the driver's own.

    Args:
        settings: Which cluster, and what of it.

    Raises:
        MissingExtraError: Ray is not installed.
    """

    splits = True

    def __init__(self, settings: ExecutionSettings) -> None:
        self._ray = needed("ray", by="runs on a cluster", extra="ray")
        self._settings = settings
        self.threads = settings.ray.cpus
        self._stop: Callable[[], object] = lambda: None
        self._needs: dict[tuple[Path, str], Needs] = {}

    def require(self, runs: Sequence[Run]) -> None:
        """Connect to the cluster, or start one, and look whether it can hold each worker.

        Raises:
            InputError: There is none at the address, or none of its machines is large enough.
        """
        self._stop = connect(self._ray, self._settings.ray)
        for run in runs:
            costs = Costs(run.bench)
            for name, tasks in run.graph.units.items():
                self._needs[run.bench.run, name] = self._needs_of(run, tasks, costs)
        require_room(self._ray, [needs.named for needs in dict.fromkeys(self._needs.values())])

    def _needs_of(self, run: Run, tasks: Sequence[Task], costs: Costs) -> Needs:
        sizes = [size for task in tasks if task.cost and (size := task.cost(costs).memory_bytes)]
        if not sizes:
            return HERE
        gpus = self._settings.ray.gpus
        if gpus is None:
            has_gpus = self._ray.cluster_resources().get("GPU", 0) > 0
            gpus = int(has_gpus and run.bench.experiment.model.device != "cpu")
        # What a GPU holds is not the machine's; only the weights pass through its memory.
        return Needs(self._settings.ray.cpus, gpus, int(min(sizes) if gpus else max(sizes)))

    def run(self, agenda: Agenda) -> None:
        """Take and do units until there is none and none is under way."""
        mark = uuid4().hex
        marks = [run.bench.run / MARK for run in agenda.runs]
        try:
            for path in marks:
                write_text(path, mark)
            crew = _Crew(self._ray, self._settings, self._needs, agenda, mark)
            elsewhere = {place for (place, _), needs in self._needs.items() if needs != HERE}
            for run in agenda.runs:
                if run.bench.run in elsewhere:
                    crew.require_same(run)
            crew.work()
        finally:
            self._stop()
            for path in marks:
                path.unlink(missing_ok=True)
                shutil.rmtree(path.with_name(RETURNED.name), ignore_errors=True)


class _Hand:
    """A worker, as the driver sees it."""

    def __init__(self, needs: Needs, start: Any, *, elsewhere: bool) -> None:
        self.needs = needs
        self._elsewhere = elsewhere and needs != HERE
        self.unit: GivenUnit | None = None
        self.near: Path | None = None
        self.since = 0.0
        self._start = start
        self.actor: Any = None
        self.number = -1

    def go_on(self) -> Any:
        """Have the unit's task done; gives what Ray will know the result by."""
        assert self.unit is not None and self.unit.task is not None
        if self.actor is None:
            self.actor = self._start(self.needs)
        bench, self.number = self.unit.bench, next(_NUMBERS)
        sent = Sent.of(self.unit.run, self.unit.task) if self._elsewhere else None
        return self.actor.do.remote(bench.experiment, bench.fingerprints, self.unit.task, self.number, sent)


class _Crew:
    """The workers of one run of the executor."""

    def __init__(
        self,
        ray: Any,
        settings: ExecutionSettings,
        needs: dict[tuple[Path, str], Needs],
        agenda: Agenda,
        mark: str,
    ) -> None:
        self._ray, self._workers, self._needs = ray, settings.workers, needs
        self._agenda, self._mark = agenda, mark
        self._busy: dict[Any, _Hand] = {}
        self._idle: list[_Hand] = []
        # Workers find it by name: an actor's own arguments may be gone when it is started again.
        place = {"name": mark, "num_cpus": 0, "scheduling_strategy": self._here()}
        lasting = {"max_restarts": -1, "max_task_retries": -1, **place}
        self._board = ray.remote(Board).options(**lasting).remote()
        self._elsewhere = settings.ray.files == "returned"
        if self._elsewhere:
            lasting["name"] = files_of(mark)
            self._files = ray.remote(DriverFiles).options(**lasting).remote(str(Path.cwd()))

    def require_same(self, run: Run) -> None:
        """Look whether each machine is set up for a run, before any work.

        Raises:
            InputError: One is not.
        """
        from ray.exceptions import RayError, RayTaskError

        sent = Sent.of(run) if self._elsewhere else None
        about = (run.bench.experiment, str(Path.cwd()), self._mark, harmonia.__version__, sent)
        for found in self._on_each(require_same, *about):
            try:
                self._ray.get(found)
            except (
                RayError
            ) as error:  # of a machine that is lost meanwhile; its successor's worker looks again
                if isinstance(error, RayTaskError) and isinstance(error.cause, InputError):
                    raise error.cause from error

    def _on_each(self, function: Callable[..., object], *about: Any) -> list[Any]:
        """Have each machine that can hold a worker do something."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy as On

        task = self._ray.remote(function)
        return [
            task.options(num_cpus=0, scheduling_strategy=On(node["NodeID"], soft=False)).remote(*about)
            for node in self._ray.nodes()
            if node["Alive"] and node["Resources"].get("CPU")
        ]

    def work(self) -> None:
        """Do all that there is."""
        try:
            while True:
                self._give()
                if not self._busy:
                    return
                ended, _ = self._ray.wait(list(self._busy), timeout=_EVERY_S)
                self._show()
                for ref in ended:
                    self._hear(self._busy.pop(ref), ref)
        finally:
            for hand in (*self._busy.values(), *self._idle):
                self._dismiss(hand)
            if self._elsewhere:
                # A machine that is lost takes its files with it.
                cleared = self._on_each(clear, self._mark)
                self._ray.wait(cleared, num_returns=len(cleared), timeout=_CLEARED_S)

    def _give(self) -> None:
        """Give out what there is room for; a worker that is long without work makes room."""
        for hand in list(self._idle):
            if unit := self._agenda.take(hand.near, partial(self._suits, hand.needs)):
                self._idle.remove(hand)
                self._begin(hand, unit)
            elif hand.needs != HERE and time.monotonic() - hand.since > _IDLE_S:
                self._idle.remove(hand)
                self._dismiss(hand)
        while unit := self._agenda.take(fits=self._has_room):
            needs = self._of(unit.run, unit.tasks)
            for hand in [one for one in self._idle if HERE not in (one.needs, needs)]:
                self._idle.remove(hand)
                self._dismiss(hand)
            self._begin(_Hand(needs, self._start, elsewhere=self._elsewhere), unit)

    def _begin(self, hand: _Hand, unit: GivenUnit) -> None:
        hand.unit, hand.near = unit, unit.bench.run
        self._busy[hand.go_on()] = hand

    def _of(self, run: Run, tasks: Sequence[Task]) -> Needs:
        return self._needs[run.bench.run, tasks[0].unit or tasks[0].key]

    def _suits(self, needs: Needs, run: Run, tasks: Sequence[Task]) -> bool:
        return self._of(run, tasks) == needs

    def _has_room(self, run: Run, tasks: Sequence[Task]) -> bool:
        """Whether another worker can be had; where all machines are lost, one waits for new ones."""
        needs = self._of(run, tasks)
        if needs == HERE:
            return all(hand.needs != HERE for hand in self._busy.values())
        busy = [hand.needs for hand in self._busy.values() if hand.needs != HERE]
        if not busy:
            return True
        if self._workers is not None:
            return len(busy) < self._workers
        there = self._ray.cluster_resources()
        return all(
            wanted + sum(one.named[name] for one in busy) <= there.get(name, 0)
            for name, wanted in needs.named.items()
        )

    def _here(self) -> Any:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        return NodeAffinitySchedulingStrategy(self._ray.get_runtime_context().get_node_id(), soft=False)

    def _start(self, needs: Needs) -> Any:
        actor = self._ray.remote(RayWorker).options(
            num_cpus=needs.cpus,
            num_gpus=needs.gpus,
            memory=needs.memory or None,
            # Workers count how often a task was begun, and end it.
            max_restarts=-1,
            max_task_retries=-1,
            scheduling_strategy=self._here() if needs == HERE else None,
        )
        about = (str(Path.cwd()), self._mark, harmonia.__version__)
        return actor.remote(*about, threads=max(1, needs.cpus))

    def _show(self) -> None:
        """Show how far the tasks under way are."""
        told = self._ray.get(self._board.read.remote())
        for hand in self._busy.values():
            if hand.unit and hand.number in told:
                hand.unit.progress(*told[hand.number])

    def _dismiss(self, hand: _Hand) -> None:
        if hand.actor is not None:
            self._ray.kill(hand.actor)
            hand.actor = None

    def _hear(self, hand: _Hand, ref: Any) -> None:
        """Take in what became of a task, and have the next one of its unit done."""
        from ray.exceptions import RayError, RayTaskError

        unit = hand.unit
        assert unit is not None and unit.task is not None
        try:
            left, times = self._ray.get(ref)
            if times > 1:
                log.warning("%s: its worker was lost; another took it up.", unit.task.key)
        except RayTaskError as error:
            if isinstance(error.cause, OSError | InputError):
                raise error.cause from error
            log.warning("%s", error)
            left = self._lost(hand, unit.task, f"{type(error.cause).__name__}: {error.cause}")
        except RayError as error:
            left = self._lost(hand, unit.task, f"Ray gave it up: {' '.join(str(error).split())}")
        unit.ended(left)
        if unit.task is not None:
            self._busy[hand.go_on()] = hand
        elif hand.actor is not None:
            hand.unit, hand.since = None, time.monotonic()
            self._idle.append(hand)

    def _lost(self, hand: _Hand, task: Task, reason: str) -> Noted:
        """What is noted of a task whose worker is of no more use."""
        self._dismiss(hand)
        return Noted(status="failed", address=task.address, reason=reason)
