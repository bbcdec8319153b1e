"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[str, typer.Option("--model", help="A model folder, an adapter folder, or a hub id.")]
Asked = Annotated[
    str,
    typer.Option(
        "--model", help="A model folder, an adapter folder, a hub id, or a server (http://localhost:8000/v1)."
    ),
]
Items = Annotated[str, typer.Option(help="Questions: a file, a folder, or a data set id.")]
ShotsFrom = Annotated[str | None, typer.Option(help="Demonstrations, read like the items.")]
Shots = Annotated[int | None, typer.Option(help="Demonstrations in each prompt; default 5.")]
Domain = Annotated[
    str | None, typer.Option(help="What the questions are about, as prompts say it; default from the data.")
]
Chat = Annotated[
    str | None,
    typer.Option(help="Chat template: vicuna (default), or the model's own (model; of several model:NAME)."),
]
KeepPrompts = Annotated[bool, typer.Option("--keep-prompts", help="Keep the scored texts.")]
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of every random choice.")]
Beliefs = Annotated[Path, typer.Option(help="Beliefs: Parquet of harmonia probe, or JSONL records.")]
Out = Annotated[Path, typer.Option(help="Where to write.")]
RecordsOut = Annotated[Path, typer.Option("--out", help="Where to write: .parquet, .jsonl or .csv.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
