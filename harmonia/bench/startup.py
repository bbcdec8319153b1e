"""How long a user waits for the first answer of the command line."""

from __future__ import annotations

import subprocess
import sys

from harmonia.bench.turns import OURS, Timing, Work, in_turn


def measure_help(*, repeats: int) -> Timing:
    """Seconds of `harmonia --help` in a process of its own."""
    command = [sys.executable, "-m", "harmonia.cli.main", "--help"]
    work = Work.of(lambda: subprocess.run(command, capture_output=True, check=True))
    found, _ = in_turn({OURS: work}, repeats)
    return Timing(what="harmonia --help", unit="s", ours=found[OURS])
