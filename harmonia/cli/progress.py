"""What a person sees: texts as they are, and how far it is: bars on a terminal, lines in a log."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from harmonia.pipeline.watcher import Watcher

if TYPE_CHECKING:
    from harmonia.pipeline.many import Step

# Control characters but line ends and tabs, halves of surrogate pairs, and what turns the direction of text.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    r"""A text for the screen: what a terminal would obey instead of showing it is spelled out (`\x1b`)."""
    return _UNSEEN.sub(lambda found: ascii(found[0])[1:-1], text)


class Screen(Console):
    """A console for texts of the data: nothing in them is markup, and lines are not cut."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def print(self, *objects: Any, **options: Any) -> None:
        """Print; texts go as they are, on a line each."""
        texts = all(isinstance(one, str) for one in objects)
        super().print(*objects, **{"soft_wrap": texts, **options})

    def render_str(self, text: str, **options: Any) -> Text:
        """What every text passes on its way to the screen, cells of tables too."""
        return super().render_str(printable(text), **options)


err = Screen(stderr=True)
out = Screen()


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )


class Bars(Watcher):
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

    def __exit__(self, *_: object) -> None:
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

    def __exit__(self, *_: object) -> None:
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
