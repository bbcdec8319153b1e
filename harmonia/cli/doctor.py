"""`harmonia doctor`: is this machine, model and tokenizer ready?"""

from __future__ import annotations

from typing import Annotated

import typer

from harmonia.cli import options as o
from harmonia.cli.given import Given
from harmonia.cli.progress import err
from harmonia.cli.progress import out as console


def doctor(
    model: Annotated[str | None, typer.Option("--model", help="A model to look at, too.")] = None,
    chat: o.Chat = None,
) -> None:
    """Check this machine; with --model, load it as a run does and check its letters too.

    Example: `harmonia doctor --model MODEL model.dtype=bfloat16`
    """
    from rich.table import Table

    from harmonia.models import ModelSettings
    from harmonia.pipeline.doctor import look
    from harmonia.prompts import PromptSettings

    given = Given.here()
    words = given.of(PromptSettings, {"chat": chat})
    if model is None:
        given.none("model", "--model")
    which = None if model is None else given.of(ModelSettings, {"path": model})
    with err.status("looking"):
        findings = look(which, words.chat)
    table = Table("what", "found", "")
    for finding in findings:
        remedy = "" if finding.good else finding.remedy
        table.add_row(finding.what, finding.found, remedy, style=None if finding.good else "yellow")
    console.print(table)
    if not all(finding.good for finding in findings):
        raise typer.Exit(1)
