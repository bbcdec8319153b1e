"""Who is told how far runs are."""

from __future__ import annotations


class Watcher:
    """Told what happens, and says nothing; the command line draws bars, tests listen.

    Several runs may be at work at once, and several tasks of each.
    """

    def start(self, run: str, tasks: int) -> None:
        """A run of this name starts, of so many tasks."""

    def begin(self, run: str, key: str) -> None:
        """A task begins."""

    def progress(self, run: str, key: str, done: int, total: int) -> None:
        """A task has done so much of its work."""

    def end(self, run: str, key: str, outcome: str) -> None:
        """A task ended: `done`, `skipped` (done before), `not computed: why` or `failed: why`."""
