"""The commands of `harmonia`.

Nothing heavy is imported before a command needs it, so that `--help` answers at once.
"""

from __future__ import annotations

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
    opening,
    query,
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
    opening.open,
    query.query,
    explain.explain_scoring,
    doctor.doctor,
    listing.settings,
    bench.bench,
):
    app.command(cls=Command)(command)
app.add_typer(lab.lab, name="lab")
