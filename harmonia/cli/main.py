"""`harmonia`: the commands, and what a user sees when something is wrong.

Nothing heavy is imported before a command needs it, so that `--help` answers at once.
"""

from __future__ import annotations

import sys
import warnings

import typer

from harmonia.cli import (
    bench,
    claims,
    doctor,
    experiment,
    explain,
    export,
    groups,
    lab,
    leakage,
    slick,
    steps,
    triage,
    write,
)

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
    write.write,
    triage.triage,
    export.export_task,
    claims.claims,
    experiment.report,
    explain.explain_scoring,
    doctor.doctor,
    bench.bench,
):
    app.command()(command)
app.add_typer(lab.lab, name="lab")


def main() -> None:
    """Run a command. Exit codes: 0 done, 1 failed, 2 bad input."""
    # What libraries will change in their next versions is our concern, not the user's.
    warnings.filterwarnings("ignore", category=FutureWarning)
    # pydantic and harmonia.errors are light; everything else is imported by the commands.
    from pydantic import ValidationError

    from harmonia.errors import HarmoniaError, InputError
    from harmonia.parsing import input_error

    try:
        app()
    except ValidationError as error:
        _fail(str(input_error(error, remedy="See the command's --help.")), 2)
    except InputError as error:
        _fail(str(error), 2)
    except HarmoniaError as error:
        _fail(str(error), 1)
    except OSError as error:
        _fail(f"{error.filename or 'file system'}: {error.strerror or error}", 1)
    except KeyboardInterrupt:
        _fail("interrupted; the same command takes the work up again", 130)


def _fail(message: str, code: int) -> None:
    sys.stderr.write(f"harmonia: {message}\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
