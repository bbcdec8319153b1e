"""The live display of a run on a real pseudo-terminal: narrow, then wide, then ended by Ctrl-C."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

AGAIN = "harmonia: interrupted; the same command takes the work up again\r\n"
_END = "(?!)"
"""A pattern that never comes: what is read ends with the command."""
_WAIT_S = 240
"""For a machine on which other work takes most of each core."""


class _Terminal:
    """A command on a terminal of its own, and all that it has said there."""

    def __init__(self, *words: str, columns: int) -> None:
        self._main, side = pty.openpty()
        self.said = ""
        self.resize(columns)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "harmonia.cli.main", *words],
            **{"stdin": side, "stdout": side, "stderr": side, "start_new_session": True},
            env={**os.environ, "TERM": "xterm-256color", "OMP_NUM_THREADS": "1"},
            preexec_fn=_own_terminal,
        )
        os.close(side)

    def resize(self, columns: int) -> None:
        fcntl.ioctl(self._main, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def press(self, key: bytes) -> None:
        os.write(self._main, key)

    def read(self, until: str) -> str:
        """What it says from now on, up to a pattern, or all where the command ends."""
        begun, deadline = len(self.said), time.monotonic() + _WAIT_S
        while not re.search(until, self.said[begun:]):
            assert time.monotonic() < deadline, self.said[-2000:]
            if not select.select([self._main], [], [], 1)[0]:
                continue
            try:
                more = os.read(self._main, 65536)
            except OSError:  # what Linux says once the other end is closed
                break
            self.said += more.decode(errors="replace")
        return self.said[begun:]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._main)


def _own_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _lines(said: str) -> list[str]:
    return re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="of a pseudo-terminal as Linux has it")
def test_the_display_fits_the_terminal_and_ctrl_c_leaves_it_clean(experiment_file: Path) -> None:
    terminal = _Terminal("run", str(experiment_file), columns=50)
    try:
        narrow = terminal.read(r"probe/person.*?\d+/\d+")
        terminal.resize(100)
        terminal.read(r"probe/person[^\r]{60,}\r")
        wide = terminal.read(r"probe/person[^\r]{60,}\r")
        terminal.press(b"\x03")
        end = terminal.read(_END)
        code = terminal.process.wait(timeout=60)
    finally:
        terminal.close()
    assert max(map(len, _lines(narrow))) <= 50
    assert any(re.fullmatch(r"small .* \d+/\d+ [-\d:]+", line) for line in _lines(narrow)), (
        "numbers are whole"
    )
    assert 50 < max(map(len, _lines(wide))) <= 100
    assert code == 130 and "Traceback" not in end
    # The bars are taken off the screen, the cursor is shown again, and one line says what to do.
    _, shown, last = end.rpartition("\x1b[?25h")
    assert shown and re.fullmatch(r"\r(\x1b\[1A\x1b\[2K)+" + re.escape(AGAIN), last)
