"""The command line, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def harmonia(*words: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command, and give what it prints and how it ends."""
    command = [sys.executable, "-m", "harmonia.cli.main", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=300)
