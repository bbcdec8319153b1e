"""`harmonia triage`: which conflicting items may be mislabelled."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harmonia.cli import options as o
from harmonia.cli.given import Given
from harmonia.cli.progress import out as console

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harmonia.analysis.triage import Doubt


def triage(
    beliefs: Annotated[
        list[Path], typer.Option(help="Beliefs; once for each model or method that was asked.")
    ],
    out: o.RecordsOut = Path("review.csv"),
    domain: o.Domain = None,
) -> None:
    """Find conflicting items whose label deserves a look.

    Example: `harmonia triage --beliefs letter.parquet --beliefs cloze.parquet --out review.csv
    gold_below=0.001`
    """
    from collections import Counter

    from harmonia.analysis.triage import REVIEW, TriageSettings, write_review
    from harmonia.analysis.triage import triage as doubtful
    from harmonia.numbers import counted
    from harmonia.probe import stored_beliefs

    REVIEW.require_place(out, inputs=beliefs)
    settings = Given.here().of(TriageSettings)
    asked = {str(path): stored_beliefs(path, domain=domain) for path in beliefs}
    doubts = doubtful(asked, settings)
    kinds: Counter[str] = Counter()

    def noted() -> Iterator[Doubt]:
        for doubt in doubts:
            kinds.update(doubt.reasons.keys())
            yield doubt

    write_review(out, noted())
    why = f"; reasons: {', '.join(f'{kind} {n}' for kind, n in kinds.items())}" if kinds else ""
    console.print(f"{counted(len(doubts), 'item')} to review{why}")
    console.print(str(out))
