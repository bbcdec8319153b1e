"""`harmonia claims`: what one or several finished runs say of the paper's claims."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harmonia.cli import options as o

if TYPE_CHECKING:
    from harmonia.analysis import ClaimsDocument, Finding, Ranking
    from harmonia.analysis.verdicts import Needed

_DIGITS = {"points": 1, "nats": 3, "correlation": 2}


def claims(
    runs: Annotated[list[Path], typer.Argument(help="Run directories, one for each base model.")],
    out: Annotated[Path | None, typer.Option(help="Folder for claims.json, report.html and figures.")] = None,
    json_: o.Json = False,
) -> None:
    """Judge the paper's five claims on one run, or on runs of several base models together.

    Example: `harmonia claims runs/demo/base0 runs/demo/base1 --out runs/both`
    """
    from harmonia.cli.progress import out as console
    from harmonia.outputs import require_folder_place
    from harmonia.pipeline.pool import WRITTEN, pool

    if out is not None:
        require_folder_place(out, inputs=runs, names=WRITTEN)
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
    """Print the cards for a person."""
    from itertools import groupby

    from rich.table import Table

    from harmonia.cli.progress import out as console

    for claim in document.claims:
        console.print(f"{claim.claim}  {claim.verdict}. {claim.statement}", style="bold")
        findings = sorted(claim.findings, key=lambda finding: str(finding.what))
        for what, same in groupby(findings, key=lambda finding: finding.what):
            table = Table(
                "suite", "effect", "95 % interval", "over", "verdict", title=what, title_justify="left"
            )
            for finding in same:
                table.add_row(*_cells(finding))
            console.print(table)
        for finding in claim.findings:
            if finding.because:
                console.print(f"{finding.suite}: not computed, because {finding.because}")
            elif finding.needed:
                console.print(f"{finding.suite}: {_would_decide(finding.needed)}")
        console.print(f"paper: {json.dumps(claim.paper)}\n")
    for ranking in document.policies:
        console.print(f"policies on {ranking.suite}: {_who_won(ranking)}")


def figures(finding: Finding) -> tuple[str, str, str]:
    """The effect and the ends of its interval in the digits of its unit; dashes where there is none."""
    if finding.because:
        return "-", "-", "-"
    digits = _DIGITS[finding.unit]
    return f"{finding.effect:+.{digits}f}", f"{finding.low:+.{digits}f}", f"{finding.high:+.{digits}f}"


def _cells(finding: Finding) -> list[str]:
    if finding.because:
        return [finding.suite, "-", "-", "-", finding.verdict]
    effect, low, high = figures(finding)
    numbers = ((name, getattr(finding, name)) for name in ("items", "seeds", "units"))
    counts = [f"{number} {name}" for name, number in numbers if number is not None]
    return [
        finding.suite,
        f"{effect} {finding.unit}",
        f"{low} to {high}",
        ", ".join(counts),
        finding.verdict,
    ]


def _would_decide(needed: Needed) -> str:
    wanted = [f"{count} {kind}" for kind, count in asdict(needed).items() if count is not None]
    if not wanted:
        return "no number of seeds or of items alone would decide it"
    return f"{' or '.join(wanted)} would decide it, if the effect stays as it is"


def _who_won(ranking: Ranking) -> str:
    if ranking.winner:
        return f"{ranking.winner} won"
    together, all_ = ranking.not_told_apart, list(ranking.accuracy)
    if len(together) == len(all_):
        return "none can be told apart from the best"
    return f"{', '.join(together)} cannot be told apart; the others are behind"
