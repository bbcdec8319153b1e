"""A watcher for tests."""

from __future__ import annotations

from harmonia.pipeline.watcher import Watcher


class Recorder(Watcher):
    """Remembers how each task ended."""

    def __init__(self) -> None:
        self.ended: dict[str, str] = {}
        self.order: list[tuple[str, str]] = []

    def end(self, run: str, key: str, outcome: str) -> None:
        self.ended[key] = outcome
        self.order.append((run, key))

    def done(self) -> set[str]:
        return {key for key, outcome in self.ended.items() if outcome == "done"}
