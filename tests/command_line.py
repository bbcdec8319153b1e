"""The command line as a user types it, in this process: starting one takes longer than most commands."""

from __future__ import annotations

import io
import logging
import os
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pytest

from harmonia.cli.main import main

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Done:
    """What a command printed and how it ended."""

    returncode: int
    stdout: str
    stderr: str


def harmonia(*words: object, cwd: Path | None = None) -> Done:
    """Run a command."""
    out, err = io.StringIO(), io.StringIO()
    typed = patch.object(sys, "argv", ["harmonia", *map(str, words)])
    with _as_it_was(cwd or Path.cwd()), redirect_stdout(out), redirect_stderr(err), typed:
        code = _code()
    return Done(code, out.getvalue(), err.getvalue())


def _code() -> int:
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


@contextmanager
def _as_it_was(cwd: Path) -> Iterator[None]:
    """Give a folder to work in; what a command sets for its process is set back."""
    logger, was = logging.getLogger("harmonia"), Path.cwd()
    handlers, propagate = list(logger.handlers), logger.propagate
    heard = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        os.chdir(cwd)
        with warnings.catch_warnings():
            yield
    finally:
        os.chdir(was)
        logger.handlers, logger.propagate = handlers, propagate
        for number, handler in heard.items():
            signal.signal(number, handler)
