"""A watcher for tests."""

from __future__ import annotations

import re
from pathlib import Path

from harmonia.pipeline.watcher import Watcher

_COST = re.compile(r'(data-column="(?:seconds|longest|memory)">)[^<]*')


TIMES = {"table-what-the-stages-took.csv", "table-what-the-stages-took.tex"}
"""Files of a run that two runs cannot have alike."""


def without_cost(page: str) -> str:
    """The page of a run without what two runs cannot have alike: times and memory."""
    return _COST.sub(r"\1", page)


def results_of(run: Path) -> dict[str, bytes]:
    """All results of a run, by their paths; the rest names the run directory and the time."""
    named = {"manifest.json", "stages.jsonl", "report.html", "experiment.yaml", *TIMES}
    files = [path for path in run.rglob("*") if path.is_file() and ".partial" not in path.parts]
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in files if path.name not in named}


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
