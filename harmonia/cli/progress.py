"""How far it is: bars on a terminal, plain lines in a log."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from harmonia.pipeline.many import Step

err = Console(stderr=True, highlight=False)
out = Console(highlight=False)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )


class Bars:
    """Shows the stages of a run; also usable as a plain progress callback.

    Args:
        title: What the first bar is called where no stage begins one.
    """

    def __init__(self, title: str = "") -> None:
        self._title = title
        self._task: TaskID | None = None
        self._since = time.monotonic()
        self._bars = _progress()

    def __enter__(self) -> Bars:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def begin(self, key: str) -> None:
        """A stage begins."""
        self._since = time.monotonic()
        self._title = key
        if not err.is_terminal:
            err.print(f"{key} ...")

    def progress(self, done: int, total: int) -> None:
        """It has done so much."""
        if self._task is None:
            self._task = self._bars.add_task(self._title, total=total)
        self._bars.update(self._task, completed=done, total=total, description=self._title)

    def end(self, key: str, outcome: str) -> None:
        """It ended."""
        if self._task is not None:
            self._bars.remove_task(self._task)
            self._task = None
        if outcome == "done":
            err.print(f"{key}: done in {time.monotonic() - self._since:.1f} s")
        elif outcome == "skipped":
            err.print(f"{key}: was done before", style="dim")
        else:
            err.print(f"{key}: {outcome}", style="yellow")


class RunBars:
    """One bar for each of several runs side by side."""

    def __init__(self) -> None:
        self._tasks: dict[str, TaskID] = {}
        self._bars = _progress()

    def __enter__(self) -> RunBars:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def step(self, step: Step) -> None:
        """A stage of one of them ended."""
        if step.name not in self._tasks:
            self._tasks[step.name] = self._bars.add_task(step.name, total=step.total)
        self._bars.update(self._tasks[step.name], completed=step.done, description=f"{step.name} {step.key}")
        if step.outcome not in ("done", "skipped"):
            err.print(f"{step.name} {step.key}: {step.outcome}", style="yellow")
        elif not err.is_terminal:
            err.print(f"{step.name} {step.done}/{step.total} {step.key}: {step.outcome}")
