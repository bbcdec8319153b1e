"""`harmonia groups`: training sets from beliefs, and what differs between them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harmonia.cli import options as o
from harmonia.cli.given import Given
from harmonia.cli.progress import err, print_table
from harmonia.cli.progress import out as console

if TYPE_CHECKING:
    from harmonia.groups import GroupsSummary
    from harmonia.groups.confounds import ConfoundsRow, TargetLetterRow


def groups(
    beliefs: o.Beliefs,
    out: o.Out,
    names: Annotated[
        str | None, typer.Option(help="Groups to build: harmonious,incompatible (groups.names).")
    ] = None,
    general: Annotated[Path | None, typer.Option(help="General instructions to mix in.")] = None,
    general_ratio: Annotated[
        float | None, typer.Option(help="General instructions for each row of a group; default 1.")
    ] = None,
    explanations_from: Annotated[
        Path | None, typer.Option(help="Explanations of harmonia write; explanations=own needs them.")
    ] = None,
    domain: o.Domain = None,
    json_: o.Json = False,
) -> None:
    """Build training sets that agree with a model or contradict it, and show what differs between them.

    Example: `harmonia groups --beliefs beliefs.parquet --out groups/ ratios=[0,0.5,1]
    match=[[letter],[letter,confidence]] policies.names=[all,known_only]`
    """
    from harmonia import api
    from harmonia.groups import GroupSettings
    from harmonia.groups.confounds import CONFOUNDS, TARGET_LETTERS
    from harmonia.groups.folder import SUMMARY, folder_files
    from harmonia.outputs import require_folder_place
    from harmonia.probe import stored_beliefs
    from harmonia.prompts import PromptSettings
    from harmonia.writers.settings import WrittenFiles

    given = Given.here()
    listed = None if names is None else [part.strip() for part in names.split(",") if part.strip()]
    settings = given.of(GroupSettings, {"names": listed, "general_ratio": general_ratio})
    files = {
        "general": general,
        "explanations_from": explanations_from,
        "contexts": given.of(WrittenFiles).contexts,
    }
    inputs = (beliefs, *files.values())
    require_folder_place(out, inputs=inputs, names=folder_files(settings.group_names), holds=SUMMARY)
    asked = stored_beliefs(beliefs, domain=domain)
    words = given.of(PromptSettings).model_dump(exclude_unset=True)
    found = api.groups(asked, prompt=words, **files, **settings.model_dump(exclude_unset=True))
    found.save(out)
    for note in found.notes:
        (err if json_ else console).print(note)
    apart = CONFOUNDS.read(out)
    if json_:
        print(json.dumps({**asdict(found.summary), "confounds": [asdict(row) for row in apart]}))
    else:
        _print(found.summary, apart, TARGET_LETTERS.read(out))
        console.print(str(out))


def _print(found: GroupsSummary, rows: Sequence[ConfoundsRow], letters: Sequence[TargetLetterRow]) -> None:
    from harmonia.numbers import counted

    console.print(
        f"{counted(found.beliefs, 'belief')}, {found.confident} above {found.threshold:g}: "
        f"{found.found_right} right, {found.found_wrong} wrong; "
        f"{counted(found.general, 'general instruction')} for {counted(found.size, 'row')}"
    )
    shown = []
    for row in rows:
        shares = [f"{100 * one.share:2.0f}" for one in letters if one.group == row.group]
        apart = "-" if row.letters_tv_harmonious is None else f"{row.letters_tv_harmonious:.2f}"
        confidence = "-" if row.confidence_p50 is None else f"{row.confidence_p50:.2f}"
        flagged = f"{row.labels_flagged}/{row.labels_stated}"
        shown.append((row.group, " ".join(shares), apart, str(row.rows), confidence, flagged))
    headings = ("group", "letters, %", "TV", "rows", "confidence", "flagged")
    # Only names may be broken over lines: a cut number would be another number.
    print_table(headings, shown, numbers=range(1, 6))
    console.print("TV: total variation of the letters from harmonious; the rest in confounds.csv")
