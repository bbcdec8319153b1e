"""What a person sees: texts as they are, and how far it is: bars on a terminal, lines in a log."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from harmonia.pipeline.watcher import Watcher

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


def print_table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], *, title: str = "", numbers: Collection[int] = ()
) -> None:
    """Print a table; columns of `numbers` are set flush right and not broken, others are folded."""
    table = Table(title=title or None, title_justify="left", show_header=any(headings))
    for place, heading in enumerate(headings):
        number = place in numbers
        table.add_column(heading, justify="right" if number else "left", no_wrap=number, overflow="fold")
    for row in rows:
        table.add_row(*row)
    out.print(table)


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


class Bars:
    """The bar of a command's work.

    Args:
        title: What it is called.
    """

    def __init__(self, title: str = "") -> None:
        self._title = title
        self._task: TaskID | None = None
        self._bars = _progress()

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def progress(self, done: int, total: int) -> None:
        """It has done so much."""
        if self._task is None:
            self._task = self._bars.add_task(self._title)
        self._bars.update(self._task, completed=done, total=total)


class RunBars(Watcher):
    """Shows the tasks of a run at work, or, of several runs, how far each is."""

    def __init__(self) -> None:
        self._bars = _progress()
        self._shown: dict[tuple[str, str], TaskID] = {}
        self._since: dict[tuple[str, str], float] = {}
        self._ended: dict[str, int] = {}
        self._total: dict[str, int] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def _show(self, run: str, key: str, done: int, total: int, title: str) -> None:
        if (run, key) not in self._shown:
            self._shown[run, key] = self._bars.add_task(title)
        self._bars.update(self._shown[run, key], completed=done, total=total, description=title)

    def start(self, run: str, tasks: int) -> None:
        """A run starts."""
        self._total[run], self._ended[run] = tasks, 0

    def begin(self, run: str, key: str) -> None:
        """A task begins."""
        self._since[run, key] = time.monotonic()
        if len(self._total) == 1 and not err.is_terminal:
            err.print(f"{key} ...")

    def progress(self, run: str, key: str, done: int, total: int) -> None:
        """It has done so much."""
        if len(self._total) == 1:
            self._show(run, key, done, total, key)

    def end(self, run: str, key: str, outcome: str) -> None:
        """It ended."""
        self._ended[run] += 1
        if len(self._total) == 1:
            if (shown := self._shown.pop((run, key), None)) is not None:
                self._bars.remove_task(shown)
            name, since = key, self._since.get((run, key), 0.0)
            said = {"done": f"done in {time.monotonic() - since:.1f} s", "skipped": "was done before"}
        else:
            self._show(run, "", self._ended[run], self._total[run], f"{run} {key}")
            if outcome in ("done", "skipped") and err.is_terminal:
                return
            name, said = f"{run} {self._ended[run]}/{self._total[run]} {key}", {}
        style = {"done": "", "skipped": "dim"}.get(outcome, "yellow")
        err.print(f"{name}: {said.get(outcome, outcome)}", style=style)
