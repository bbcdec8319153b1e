"""`harmonia run`, telling each task's begin and end in a line: python told_run.py EXPERIMENT KEY=VALUE ..."""

from __future__ import annotations

import sys
from pathlib import Path

from harmonia.pipeline.run import run_experiment
from harmonia.pipeline.settings_file import load_experiment
from harmonia.pipeline.watcher import Watcher


class Told(Watcher):
    def begin(self, run: str, key: str) -> None:
        print(f"{key} ...", file=sys.stderr, flush=True)

    def end(self, run: str, key: str, outcome: str) -> None:
        print(f"{key}: {outcome}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    run_experiment(load_experiment(Path(sys.argv[1]), sys.argv[2:]), Told())
