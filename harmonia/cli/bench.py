"""`harmonia bench`: speed against named baselines and against the arithmetic limit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harmonia.cli import options as o

QUICK = {"questions": 16, "baseline_questions": 2, "rows": 4, "memory_items": 32, "repeats": 1}
"""Sizes that only show that all of it runs."""


def bench(
    model: Annotated[str | None, typer.Option(help="A model folder or hub id; default a lab base.")] = None,
    gguf_file: o.GgufFile = None,
    trust_remote_code: o.TrustRemoteCode = False,
    random: Annotated[
        str | None, typer.Option(help="Random weights in this shape: llama-2-7b, or a config.json.")
    ] = None,
    items: Annotated[str | None, typer.Option(help="Exam questions.")] = None,
    shots: Annotated[str | None, typer.Option(help="Demonstrations.")] = None,
    general: Annotated[str | None, typer.Option(help="General instructions; none: no training.")] = None,
    mmlu: Annotated[str | None, typer.Option(help="Zero-shot questions; default the items.")] = None,
    dtype: Annotated[
        str | None, typer.Option(help="Of the weights; default bfloat16 on a GPU, else float32.")
    ] = None,
    device: o.Device = "auto",
    threads: Annotated[int | None, typer.Option(help="Threads of the CPU.")] = None,
    questions: Annotated[int, typer.Option(help="Questions asked of ours.")] = 128,
    baseline_questions: Annotated[int, typer.Option(help="Those that the baselines are asked.")] = 8,
    rows: Annotated[int, typer.Option(help="Training rows, half of them general.")] = 16,
    memory_items: Annotated[
        int, typer.Option(help="Items, and twice as many, for the memory; 0: none.")
    ] = 256,
    repeats: Annotated[int, typer.Option(help="Turns of each; figures are medians.")] = 3,
    quick: Annotated[
        bool, typer.Option("--quick", help="Tiny sizes, one turn: does it run? No figures to quote.")
    ] = False,
    out: Annotated[Path, typer.Option(help="The JSON file to write.")] = Path("runs/bench/bench.json"),
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown for a page.")] = False,
) -> None:
    """Measure speed and memory against named baselines, in turn, and against the arithmetic limit.

    Without --model it takes a lab base and its data. See docs/performance.md.

    Example: `harmonia bench --model MODEL --items train.jsonl --shots dev.jsonl --general alpaca.json`
    """
    from rich.table import Table

    from harmonia.bench import BenchSettings, run_bench
    from harmonia.bench.table import HEADER, about, table_rows
    from harmonia.bench.table import markdown as as_markdown
    from harmonia.cli.progress import err
    from harmonia.cli.progress import out as console
    from harmonia.errors import InputError
    from harmonia.files import write_json
    from harmonia.outputs import require_file_place
    from harmonia.parsing import read_object

    def ours(file: Path) -> bool:
        try:
            return "measures" in read_object(file, what="the benchmark")
        except InputError:
            return False

    require_file_place(out, inputs=(model, items, shots, general, mmlu), ours=ours)

    sizes = {
        "questions": questions,
        "baseline_questions": baseline_questions,
        "rows": rows,
        "memory_items": memory_items,
        "repeats": repeats,
    }
    settings = BenchSettings.model_validate(
        {
            "model": model,
            "gguf_file": gguf_file,
            "trust_remote_code": trust_remote_code,
            "random": random,
            "dtype": dtype,
            "device": device,
            "threads": threads,
            "items": items,
            "shots": shots,
            "general": general,
            "mmlu": mmlu,
            **(QUICK if quick else sizes),
        }
    )
    found = run_bench(settings, watch=lambda name: err.print(f"{name} ..."))
    write_json(out, found.document())
    if markdown:
        print(as_markdown(found))
        return
    table = Table(*HEADER)
    for row in table_rows(found):
        table.add_row(*row)
    console.print(about(found))
    console.print(table)
    console.print(str(out))
