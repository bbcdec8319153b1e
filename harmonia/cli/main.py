"""`harmonia`: what a user sees when something is wrong, or ends a command.

Signals are heard before anything is imported that takes time.
"""

from __future__ import annotations

import logging
import signal
import sys
import warnings
from types import FrameType
from typing import Any

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_RESUMED = frozenset({"run", "demo", "probe", "evaluate", "train", "audit", "curate", "compare", "slick"})
"""Commands that note what is done as they go; the others begin anew."""


class _Stopped(BaseException):
    """A signal asked the command to end; not an error, and nothing else to anybody in between."""


class _ToScreen(logging.Handler):
    """Prints what harmonia logs."""

    def emit(self, record: logging.LogRecord) -> None:
        from harmonia.cli.progress import err
        from harmonia.errors import redacted

        err.print(redacted(record.getMessage()))


def main() -> None:
    """Run a command. Exit codes: 0 done, 1 failed, 2 bad input, 128 + n ended by signal n."""
    for number in _ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)
    logging.getLogger("harmonia").addHandler(_ToScreen())
    logging.getLogger("harmonia").propagate = False
    # What libraries will change in their next versions is our concern, not the user's.
    warnings.filterwarnings("ignore", category=FutureWarning)
    try:
        _run()
    except (_Stopped, SystemError) as error:
        # Compiled libraries such as Ray's make a SystemError of what is raised inside of them.
        stopped = error if isinstance(error, _Stopped) else error.__cause__
        if not isinstance(stopped, _Stopped):
            raise
        _fail(f"interrupted; {_again()}", 128 + stopped.args[0])


def _run() -> None:
    # pydantic and harmonia.errors are light; everything else is imported by the commands.
    import typer
    from pydantic import ValidationError

    from harmonia.cli.commands import app
    from harmonia.errors import HarmoniaError, InputError
    from harmonia.files import FULL
    from harmonia.parsing import input_error

    # typer keeps this class in a module of its own or takes it from click, by version.
    usage_error: Any = typer.BadParameter.__base__
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except usage_error as error:
        if not (said := error.format_message().rstrip(".")):  # no arguments: the help was shown
            sys.exit(error.exit_code)
        _fail(f"{said}. See `{error.ctx.command_path} --help`.", 2)
    except ValidationError as error:
        _fail(str(input_error(error, remedy="See the command's --help.")), 2)
    except InputError as error:
        _fail(str(error), 2)
    except HarmoniaError as error:
        _fail(str(error), 1)
    except OSError as error:
        remedy = f". Free some space; {_again()}." if error.errno in FULL else ""
        _fail(f"{error.filename or 'file system'}: {error.strerror or error}{remedy}", 1)


def _again() -> str:
    """What a person is told to do after an end that was not the command's own."""
    resumed = _RESUMED.intersection(sys.argv[1:2])
    return "the same command takes the work up again" if resumed else "give the same command again"


def _stop(number: int, _: FrameType | None) -> None:
    for one in _ENDING:
        signal.signal(one, signal.SIG_DFL)  # a second one ends the command at once
    raise _Stopped(number)


def _fail(message: str, code: int) -> None:
    from harmonia.cli.progress import printable
    from harmonia.errors import redacted

    sys.stderr.write(f"harmonia: {printable(redacted(message))}\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
