"""Who is told how far a run is."""

from __future__ import annotations


class Watcher:
    """Told what happens, and says nothing; the command line draws bars, tests listen."""

    def start(self, stages: int) -> None:
        """A run starts, of so many stages."""

    def begin(self, key: str) -> None:
        """A stage begins."""

    def progress(self, done: int, total: int) -> None:
        """The stage has done so much of its work."""

    def end(self, key: str, outcome: str) -> None:
        """A stage ended: `done`, `skipped` (done before) or `not computed: why`."""
