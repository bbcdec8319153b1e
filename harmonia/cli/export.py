"""`harmonia export-task`: our questions as a task of lm-evaluation-harness."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harmonia.cli import options as o
from harmonia.cli.given import Given
from harmonia.cli.items import read, write_skipped_rows
from harmonia.cli.progress import err
from harmonia.cli.progress import out as console


def export_task(
    items: o.Items,
    out: Annotated[Path, typer.Option(help="The task folder to write.")],
    shots_from: o.ShotsFrom = None,
    shots: o.Shots = None,
    name: Annotated[str, typer.Option(help="What to give to lm_eval --tasks.")] = "harmonia",
    domain: o.Domain = None,
) -> None:
    """Write questions as a task that lm-evaluation-harness runs offline.

    Example: `harmonia export-task --items engineering/test.jsonl --shots-from
    engineering/dev.jsonl --name engineering --out task/`, then `lm_eval --model hf
    --model_args pretrained=MODEL,dtype=float32 --include_path task --tasks engineering
    --log_samples --output_path log`; its `samples_*.jsonl` is read wherever beliefs are.
    """
    from harmonia.errors import InputError
    from harmonia.export.harness import export_task as export
    from harmonia.outputs import fresh_directory, require_folder_place
    from harmonia.prompts import ExamFormat, Form, PromptSettings, ShotPool

    require_folder_place(out, inputs=(items, shots_from), holds="harmonia_data.py")
    given = Given.here()
    words = given.of(PromptSettings, {"shots": shots})
    if words.method not in ("letter", "cloze"):
        raise InputError(
            "the harness asks each question once, in one order of its options",
            field="prompt.method",
            seen=words.method,
            remedy="Export letter or cloze.",
        )
    source = given.shots(shots_from, {"domain": domain})
    found = read(given.items(items, {"domain": domain}))
    pool = ShotPool.of(read(source).items, words) if words.shots and source else None
    written = export(
        found.items,
        out,
        name=name,
        form=Form(chat=False, shots=words.shots),
        exam=ExamFormat(method=words.style, language=words.language, options_first=words.options_first),
        preset=words.preset,
        pool=pool,
    )
    with fresh_directory(out, keep=True) as partial:
        write_skipped_rows(found, partial / "skipped.jsonl", told_as=out / "skipped.jsonl")
    if written.left_out:
        err.print(f"left out, because they are among the demonstrations: {', '.join(written.left_out)}")
    for task, count in written.tasks.items():
        console.print(f"{task}: {count} questions")
    console.print(f"lm_eval --include_path {out} --tasks {written.name} ...")
