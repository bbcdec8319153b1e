"""`harmonia audit`: which rows of one's own fine-tuning file fight the model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harmonia.cli import options as o
from harmonia.cli.answerer import answerer, model_settings
from harmonia.cli.given import Given
from harmonia.cli.items import read
from harmonia.cli.progress import Bars, err, print_table
from harmonia.cli.progress import out as console

if TYPE_CHECKING:
    from harmonia.audit import AuditRow

_SHOWN = 5


def audit(
    model: o.Asked,
    data: Annotated[Path, typer.Argument(help="Rows: alpaca, sharegpt, messages or prompt/completion.")],
    out: o.Out,
    sample: Annotated[
        int | None, typer.Option(min=1, help="Audit so many rows; shares are given with their intervals.")
    ] = None,
    exam: Annotated[
        str | None, typer.Option(help="Questions of an exam; those known become canaries, too.")
    ] = None,
    seed: o.Seed = 0,
    json_: o.Json = False,
) -> None:
    """Tell which rows of a fine-tuning file the model knows, and which fight what it believes.

    What it will cost is told before it starts. A command that was cut off goes on where it stopped.

    Example: `harmonia audit --model MODEL my_sft.jsonl --out audit/ --sample 500 on_bad_row=skip`
    """
    from harmonia.audit import Audit, AuditSettings, read_rows
    from harmonia.audit.cost import cost_of
    from harmonia.audit.folder import journal_of, require_place, summary_of, write_audit
    from harmonia.data import ItemSource

    given = Given.here()
    require_place(out, (data, model, exam))
    settings = given.of(AuditSettings, {"sample": sample, "seed": seed or None})
    which = model_settings(given, model)
    file = read_rows(data, settings)  # before the model: a bad row is told at once
    asked = read(ItemSource(path=exam)).items if exam else ()
    begun = Audit(answerer(which), file, settings, asked)
    for line in cost_of(begun).lines:
        err.print(line)
    with journal_of(begun, out) as journal, Bars("auditing") as bars:
        found = begun.run(journal, bars.progress)
        write_audit(out, begun, found)
    for note in (*found.warnings, *found.notes):
        err.print(note)
    if json_:
        print(json.dumps(summary_of(found)))
        return
    _print(summary_of(found), found.examples.get("conflicting", ()))
    console.print(str(out))


def _print(summary: dict[str, Any], conflicting: Sequence[AuditRow]) -> None:
    from harmonia.numbers import counted
    from harmonia.report.words import percent, reach

    whole = summary["rows_audited"] == summary["rows_of_the_file"]
    lines = [
        (
            one["category"],
            str(one["rows"]),
            percent(one["share"]),
            *(() if whole else (reach(one["share_low"], one["share_high"]),)),
        )
        for one in summary["categories"]
    ]
    heads = ("category", "rows", "share", *(() if whole else ("of the whole file",)))
    print_table(heads, lines, numbers={1, 2, 3})
    for row in conflicting[:_SHOWN]:
        console.print(f"row {row.line}: {row.reason}")
    (rows,) = (one["rows"] for one in summary["categories"] if one["category"] == "conflicting")
    if rows > _SHOWN:
        console.print(f"... and {counted(rows - _SHOWN, 'more conflicting row')}")
