"""What must be done: tasks, what each waits for, and which go to one place together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from harmonia.hashing import sha256_json

if TYPE_CHECKING:
    from harmonia.pipeline.costs import Costs, TaskCost
    from harmonia.pipeline.workbench import Workbench

Action = Callable[["Workbench"], "list[str]"]
"""Does the work in the run directory; returns notes for the report."""


MOST_PARTS = 128
"""A task is split into no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPart:
    """A share of a task's work, which another place may do; the task then takes up what it wrote.

    Attributes:
        action: Does it.
        output: The file that it adds to, relative to the run directory.
        size: How much work it is, in the unit of the task's progress.
    """

    action: Action
    output: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One step of an experiment.

    Attributes:
        key: Its name, `kind/...`.
        recipe: Everything that decides the result: code version, settings, hashes of
            inputs, addresses of other tasks.
        needs: Keys of the tasks without whose results it cannot be done.
        after: Keys of tasks that it only waits for: it takes what is there.
        outputs: What it writes, relative to the run directory.
        unit: Tasks of one unit are done at one place, one after the other; None for one alone.
        action: Does it.
        cost: Works out what it takes; None where that is next to nothing.
        parts: The parts of it that are not done yet; None where it is not to be split.
        servers: Addresses of the servers that it asks. Of the units that ask one, one is done at a time.
    """

    key: str
    recipe: dict[str, Any]
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    outputs: tuple[str, ...]
    unit: str | None = None
    action: Action
    cost: Callable[[Costs], TaskCost] | None = None
    parts: Callable[[Workbench], Sequence[TaskPart]] | None = None
    servers: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The first part of its key."""
        return self.key.partition("/")[0]

    @property
    def address(self) -> str:
        """Content address: equal addresses mean equal results."""
        return sha256_json(self.recipe)

    @property
    def awaited(self) -> tuple[str, ...]:
        """Keys of all tasks that must have ended before it."""
        return (*self.needs, *self.after)


class Graph:
    """The tasks of one experiment, each behind those that it waits for.

    Args:
        tasks: In the order in which one place alone would do them.

    Raises:
        ValueError: Two tasks share a key or an output, or one waits for what is not there,
            comes later, or waits for it in turn.
    """

    def __init__(self, tasks: Iterable[Task]) -> None:
        self.tasks: dict[str, Task] = {}
        self.units: dict[str, list[Task]] = {}
        for task in tasks:
            if task.key in self.tasks:
                raise ValueError(f"two tasks are called {task.key}")
            if absent := [key for key in task.awaited if key not in self.tasks]:
                raise ValueError(f"{task.key} waits for {absent[0]}, which does not come before it")
            self.tasks[task.key] = task
            self.units.setdefault(task.unit or task.key, []).append(task)
        written = sorted(
            (PurePosixPath(path).parts, key) for key, task in self.tasks.items() for path in task.outputs
        )
        for (above, one), (below, other) in pairwise(written):
            if below[: len(above)] == above:
                raise ValueError(f"{one} and {other} both write {'/'.join(below)}")
        try:
            TopologicalSorter({unit: self._awaited(unit) for unit in self.units}).prepare()
        except CycleError as error:
            raise ValueError(f"units wait for each other: {', '.join(error.args[1])}") from error

    def _awaited(self, unit: str) -> set[str]:
        """The other units that a unit waits for."""
        awaited = (self.tasks[key] for task in self.units[unit] for key in task.awaited)
        return {task.unit or task.key for task in awaited} - {unit}

    def needing(self, lost: Collection[str]) -> set[str]:
        """Keys of the tasks that need one of these, or a task that does."""
        found: set[str] = set()
        for key, task in self.tasks.items():
            if any(one in lost or one in found for one in task.needs):
                found.add(key)
        return found

    def made_without(self, lost: Collection[str]) -> set[str]:
        """Keys of the tasks that took what there was without these, and of those that need such a task."""
        first = {key for key, task in self.tasks.items() if any(one in lost for one in task.after)}
        return first | self.needing(first)
