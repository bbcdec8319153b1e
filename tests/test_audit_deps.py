"""What `make audit-deps` makes of a tool that fails: it is not taken for a source that cannot be reached."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "audit_deps.py"


@pytest.mark.parametrize(
    ("says", "code", "told"),
    [
        ("ConnectionError: Max retries exceeded: connection refused", 0, "skipped, no source"),
        ("KeyError: 'vulns'", 1, "failed (exit 1): KeyError: 'vulns'"),
        ("", 1, "failed (exit 1): it said nothing"),
        (None, 1, "cannot be run: No such file or directory"),
    ],
)
def test_a_failure_is_not_silence(says: str | None, code: int, told: str, tmp_path: Path) -> None:
    tool = tmp_path / "pip-audit"
    if says is not None:
        tool.write_text(f'#!/bin/sh\necho "{says}" >&2\nexit 1\n')
        tool.chmod(0o755)
    done = subprocess.run([sys.executable, str(SCRIPT), str(tool)], capture_output=True, text=True)
    assert done.returncode == code
    assert told in done.stdout + done.stderr
