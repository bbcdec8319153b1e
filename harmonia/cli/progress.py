"""What a person sees: texts as they are, and how far it is: bars on a terminal, lines in a log."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Column, Table
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


class _Names(TextColumn):
    """What the bars are of, cut where the screen is narrow, so that the numbers stay whole."""

    def get_table_column(self) -> Column:
        """The column, at each drawing: a window may be made smaller."""
        return Column(no_wrap=True, max_width=max(10, err.width - 26))


def _progress() -> Progress:
    return Progress(
        _Names("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(table_column=Column(no_wrap=True)),
        TimeRemainingColumn(table_column=Column(no_wrap=True)),
        console=err,
        transient=True,
        disable=not err.is_terminal,
        # A task takes seconds or minutes: the time left is reckoned from an hour, not from the last 30 s.
        speed_estimate_period=3600,
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
    """One display of runs at work: how far each is, what is done now and how far that is, the time left.

    Where there is no terminal it is a line a minute. What failed or could not be computed is always a line.

    Args:
        clock: Seconds of a steady clock.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._bars = _progress()
        self._clock = clock
        self._told = self._began = clock()
        self._runs: dict[str, _Standing] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def start(self, run: str, tasks: int) -> None:
        """A run starts."""
        self._runs[run] = _Standing(tasks, self._bars.add_task(run, total=tasks))

    def begin(self, run: str, key: str) -> None:
        """A task begins."""
        self._runs[run].at_work[key] = self._bars.add_task(f"  {key}", total=None)
        self._tell()

    def progress(self, run: str, key: str, done: int, total: int) -> None:
        """It has done so much."""
        standing = self._runs[run]
        standing.shares[key] = done / total if total else 0.0
        self._bars.update(standing.at_work[key], completed=done, total=total)
        self._tell()

    def end(self, run: str, key: str, outcome: str) -> None:
        """It ended."""
        standing = self._runs[run]
        if (shown := standing.at_work.pop(key, None)) is not None:
            self._bars.remove_task(shown)
        standing.shares.pop(key, None)
        standing.ended += 1
        standing.skipped += outcome == "skipped"
        # What was done before took no time: left out, it does not make the rest look quick.
        total, done = standing.tasks - standing.skipped, standing.ended - standing.skipped
        self._bars.update(standing.bar, total=total, completed=done)
        if outcome not in ("done", "skipped"):
            err.print(f"{self._named(run, key)}: {outcome}", style="yellow")
        self._tell()

    def _named(self, run: str, key: str) -> str:
        return key if len(self._runs) == 1 else f"{run} {key}"

    def _tell(self) -> None:
        """A line for a log, once a minute."""
        now = self._clock()
        if err.is_terminal or now - self._told < _EVERY_S:
            return
        self._told = now
        for run, standing in self._runs.items():
            new = standing.ended - standing.skipped
            left = standing.tasks - standing.ended
            rest = f", about {_minutes((now - self._began) / new * left)} left" if new and left else ""
            doing = [
                f"{key} ({100 * standing.shares[key]:.0f} %)" if key in standing.shares else key
                for key in standing.at_work
            ]
            at = f"; {', '.join(doing)}" if doing else ""
            err.print(f"{run}: {standing.ended} of {standing.tasks} tasks done{rest}{at}")


_EVERY_S = 60.0
"""Where there is no terminal, a line is printed no more often than this."""


@dataclass(slots=True)
class _Standing:
    """How far a run is; `at_work` has the bar of each task, `shares` how much of it is done."""

    tasks: int
    bar: TaskID
    ended: int = 0
    skipped: int = 0
    at_work: dict[str, TaskID] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)


def _minutes(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 5400 else f"{max(1, round(seconds / 60))} min"
