"""`harmonia bench`: speed against named baselines and against the arithmetic limit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harmonia.cli.given import Given
from harmonia.cli.progress import err, print_table
from harmonia.cli.progress import out as console

QUICK = {
    "questions": 16,
    "baseline_questions": 2,
    "audit_rows": 4,
    "rows": 4,
    "memory_items": 32,
    "worker_draws": 0,
    "repeats": 1,
}
"""Sizes that only show that all of it runs."""


def bench(
    model: Annotated[str | None, typer.Option(help="A model folder or hub id; default a lab base.")] = None,
    random: Annotated[
        str | None, typer.Option(help="Random weights in this shape: llama-2-7b, or a config.json.")
    ] = None,
    items: Annotated[str | None, typer.Option(help="Exam questions.")] = None,
    shots: Annotated[str | None, typer.Option(help="Demonstrations.")] = None,
    general: Annotated[str | None, typer.Option(help="General instructions; none: no training.")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Tiny sizes, one turn: does it run? No figures to quote.")
    ] = False,
    out: Annotated[Path, typer.Option(help="The JSON file to write.")] = Path("runs/bench/bench.json"),
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown for a page.")] = False,
) -> None:
    """Measure speed and memory against named baselines, in turn, and against the arithmetic limit.

    Without --model it takes a lab base and its data. See docs/performance.md.

    Example: `harmonia bench --model MODEL --items train.jsonl --shots dev.jsonl --general alpaca.json
    threads=2 repeats=5`
    """
    from harmonia.bench import BenchSettings, run_bench
    from harmonia.bench.table import HEADER, about, table_rows
    from harmonia.bench.table import markdown as as_markdown
    from harmonia.errors import InputError
    from harmonia.files import write_json
    from harmonia.outputs import require_file_place
    from harmonia.parsing import read_object

    def ours(file: Path) -> bool:
        try:
            return "measures" in read_object(file, what="the benchmark")
        except InputError:
            return False

    files = {"model": model, "items": items, "shots": shots, "general": general}
    settings = Given.here().of(BenchSettings, {**files, "random": random, **(QUICK if quick else {})})
    require_file_place(out, inputs=(*files.values(), settings.mmlu), ours=ours)

    found = run_bench(settings, watch=lambda name: err.print(f"{name} ..."))
    write_json(out, found.document())
    if markdown:
        print(as_markdown(found))
        return
    console.print(about(found))
    print_table(HEADER, table_rows(found))
    console.print(str(out))
