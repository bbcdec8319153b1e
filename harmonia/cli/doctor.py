"""`harmonia doctor`: is this machine, model and tokenizer ready?"""

from __future__ import annotations

from typing import Annotated

import typer

from harmonia.cli import options as o


def doctor(
    model: Annotated[str | None, typer.Option("--model", help="A model to look at, too.")] = None,
    gguf_file: o.GgufFile = None,
    trust_remote_code: o.TrustRemoteCode = False,
    chat: o.Chat = "vicuna",
) -> None:
    """Check this machine; with --model, load it as a run does and check its letters too.

    Example: `harmonia doctor --model MODEL`
    """
    from rich.table import Table

    from harmonia.cli.progress import err
    from harmonia.cli.progress import out as console
    from harmonia.pipeline.doctor import look

    which = None if model is None else o.model_settings(model, gguf_file, trust_remote_code)
    with err.status("looking"):
        findings = look(which, chat)
    table = Table("what", "found", "")
    for finding in findings:
        remedy = "" if finding.good else finding.remedy
        table.add_row(finding.what, finding.found, remedy, style=None if finding.good else "yellow")
    console.print(table)
    if not all(finding.good for finding in findings):
        raise typer.Exit(1)
