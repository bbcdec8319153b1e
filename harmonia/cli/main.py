"""`harmonia`: the commands, and what a user sees when something is wrong.

Nothing heavy is imported before a command needs it, so that `--help` answers at once.
"""

from __future__ import annotations

import logging
import signal
import sys
import warnings
from types import FrameType
from typing import Any

import typer

from harmonia.cli import (
    audit,
    bench,
    claims,
    compare,
    curate,
    doctor,
    experiment,
    explain,
    export,
    groups,
    lab,
    leakage,
    listing,
    slick,
    steps,
    triage,
    write,
)
from harmonia.cli.given import Command

app = typer.Typer(
    name="harmonia",
    help="What a language model believes, training data that agrees with it or contradicts it, "
    "and what fine-tuning did to its knowledge.\n\nBegin with: harmonia demo",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="markdown",
)

for command in (
    experiment.demo,
    experiment.run,
    experiment.plan,
    steps.probe,
    groups.groups,
    leakage.leakage,
    steps.train,
    steps.evaluate,
    steps.consistency,
    slick.slick,
    audit.audit,
    compare.compare,
    curate.curate,
    write.write,
    triage.triage,
    export.export_task,
    claims.claims,
    experiment.report,
    explain.explain_scoring,
    doctor.doctor,
    listing.settings,
    bench.bench,
):
    app.command(cls=Command)(command)
app.add_typer(lab.lab, name="lab")


# typer keeps this class in a module of its own or takes it from click, by version.
_UsageError: Any = typer.BadParameter.__base__
_AGAIN = "the same command takes the work up again"


class _Stopped(BaseException):
    """A signal asked the command to end; not an error, and nothing else to anybody in between."""


class _ToScreen(logging.Handler):
    """Prints what harmonia logs."""

    def emit(self, record: logging.LogRecord) -> None:
        from harmonia.cli.progress import err

        err.print(record.getMessage())


def main() -> None:
    """Run a command. Exit codes: 0 done, 1 failed, 2 bad input, 128 + n ended by signal n."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)
    logging.getLogger("harmonia").addHandler(_ToScreen())
    logging.getLogger("harmonia").propagate = False
    # What libraries will change in their next versions is our concern, not the user's.
    warnings.filterwarnings("ignore", category=FutureWarning)
    # pydantic and harmonia.errors are light; everything else is imported by the commands.
    from pydantic import ValidationError

    from harmonia.errors import HarmoniaError, InputError
    from harmonia.files import FULL
    from harmonia.parsing import input_error

    try:
        sys.exit(app(standalone_mode=False) or 0)
    except _UsageError as error:
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
        remedy = f". Free some space; {_AGAIN}." if error.errno in FULL else ""
        _fail(f"{error.filename or 'file system'}: {error.strerror or error}{remedy}", 1)
    except _Stopped as stopped:
        _fail(f"interrupted; {_AGAIN}", 128 + stopped.args[0])


def _stop(number: int, _: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)  # a second one ends the command at once
    raise _Stopped(number)


def _fail(message: str, code: int) -> None:
    from harmonia.cli.progress import printable

    sys.stderr.write(f"harmonia: {printable(message)}\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
