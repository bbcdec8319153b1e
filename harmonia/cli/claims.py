"""`harmonia claims`: what one or several finished runs say of the paper's claims."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harmonia.cli import options as o
from harmonia.cli.progress import out as console
from harmonia.cli.progress import print_table

if TYPE_CHECKING:
    from harmonia.analysis import ClaimsDocument
    from harmonia.report.html_table import PageTable


def claims(
    runs: Annotated[list[Path], typer.Argument(help="Run directories, one for each base model.")],
    out: Annotated[Path | None, typer.Option(help="Folder for cards, page, figures and tables.")] = None,
    json_: o.Json = False,
) -> None:
    """Judge the paper's five claims on one run, or on runs of several base models together.

    Example: `harmonia claims runs/demo/base0 runs/demo/base1 --out runs/both`
    """
    from harmonia.outputs import require_folder_place
    from harmonia.pipeline.pool import WRITTEN, pool

    if out is not None:
        require_folder_place(out, inputs=runs, names=WRITTEN, holds=WRITTEN[0])
    found = pool(runs)
    if json_:
        print(json.dumps(asdict(found.document)))
    else:
        print_claims(found.document)
    if out is not None:
        page = found.write(out)
        if not json_:
            console.print(str(page))


def print_claims(document: ClaimsDocument) -> None:
    """Print the cards of the report for a person, what they come to first."""
    from harmonia.report.cards import cards, policies_table
    from harmonia.report.headline import headline

    console.print(f"{headline(document)}\n", style="bold")
    for card in cards(document):
        console.print(f"{card.claim}: {card.verdict}. {card.statement}", style="bold")
        _print(card.table)
        for note in card.notes:
            console.print(note)
        console.print(f"{card.paper}\n")
    if document.policies:
        _print(policies_table(document))


def _print(shown: PageTable) -> None:
    """Print a table of the report; under a number its interval, and no more of the small print."""
    rows = [["\n".join((one.text, *one.small[:1])) for one in line.entries] for line in shown.lines]
    print_table([heading for _, heading, _ in shown.columns], rows, title=shown.caption)
