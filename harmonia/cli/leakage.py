"""`harmonia leakage`: which test questions stand in a training set or among demonstrations."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from harmonia.cli import options as o
from harmonia.cli.given import Given
from harmonia.cli.items import read
from harmonia.cli.progress import out as console
from harmonia.cli.progress import print_table

_SHOWN = 10


def leakage(
    train: Annotated[list[str], typer.Option(help="Training questions; once for each file.")],
    suite: Annotated[list[str], typer.Option(help="Test questions; once for each file or folder.")],
    shots_from: Annotated[list[str] | None, typer.Option(help="Demonstrations; once for each file.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where to write all overlaps: CSV, JSONL or Parquet.")
    ] = None,
    json_: o.Json = False,
) -> None:
    """Find test questions that a model is shown: the same, with slips or another answer, or a run of words.

    Example: `harmonia leakage --train engineering/train.jsonl --suite engineering/test.jsonl
    --suite mmlu/test --out leakage.csv leakage.ngram=8`

    Bad rows are left out unless `on_bad_row=fail`.
    """
    from harmonia.data.leakage import LeakageSettings, Overlap, Pool, Role, find_overlaps
    from harmonia.table_file import TableFile

    columns = dict.fromkeys(Overlap.__dataclass_fields__, str)
    overlaps = TableFile(what="the overlaps", columns=columns, ending=".csv")
    if out is not None:
        overlaps.require_place(out, inputs=[*train, *suite, *(shots_from or ())])
    given = Given.here()
    ngram = given.of(LeakageSettings).ngram
    paths: dict[Role, Sequence[str | None]] = {"train": train, "shots": shots_from or [None], "suite": suite}
    sources = [
        (
            role,
            given.shots(path, on_bad_row="skip")
            if path is None or role == "shots"
            else given.items(path, on_bad_row="skip"),
        )
        for role, named in paths.items()
        for path in named
    ]
    found = find_overlaps(
        [Pool(domain="", role=role, name=one.path, items=read(one).items) for role, one in sources if one],
        ngram=ngram,
    )
    if out is not None:
        overlaps.write(out, map(asdict, found))
    if json_:
        print(json.dumps([asdict(one) for one in found]))
        return
    counts = Counter((one.left, one.right, one.kind) for one in found)
    if found:
        rows = [(*place, str(count)) for place, count in counts.items()]
        print_table(("shown in", "asked in", "kind", "overlaps"), rows, numbers={2, 3})
    else:
        console.print("no overlaps")
    for one in found[:_SHOWN]:
        console.print(f"{one.kind}: {one.left} {one.left_id}, {one.right} {one.right_id}: {one.text[:100]}")
    if len(found) > _SHOWN:
        console.print(f"... and {len(found) - _SHOWN} more" + ("" if out else "; --out writes all"))
