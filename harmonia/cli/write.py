"""`harmonia write`: explanations of answers, or contexts of questions, for groups to use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harmonia.cli import options as o
from harmonia.cli.given import Given

if TYPE_CHECKING:
    from harmonia.models import Generator
    from harmonia.writers import WritingSettings


def write(
    beliefs: o.Beliefs,
    out: o.RecordsOut,
    what: Annotated[str | None, typer.Option(help="explanations (default) or contexts.")] = None,
    target: Annotated[
        str | None,
        typer.Option(help="Explain the model's own answer (own, default) or the right one (gold)."),
    ] = None,
    of: Annotated[
        str | None, typer.Option(help="Beliefs to write for: wrong (default), right or all.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="A local model that writes.")] = None,
    served: Annotated[
        str | None, typer.Option(help="A completions server that writes, such as http://localhost:8000/v1.")
    ] = None,
    json_: o.Json = False,
) -> None:
    """Write explanations of answers or contexts of questions, checked, as JSONL.

    Example: `harmonia write --model MODEL --beliefs beliefs.parquet --what explanations --out own.jsonl
    writing.explanations.temperature=0.5`
    """
    from harmonia.cli.progress import Bars, err
    from harmonia.hashing import sample
    from harmonia.probe import read_beliefs
    from harmonia.writers import (
        TEXTS,
        Wanted,
        WritingSettings,
        dropped,
        write_contexts,
        write_explanations,
        write_written,
    )
    from harmonia.writers.settings import WantedSettings

    TEXTS.require_place(out, inputs=[beliefs])
    given = Given.here()
    wanted = given.of(WantedSettings, {"what": what, "target": target, "of": of})
    explaining = wanted.what == "explanations"
    nobody = model is None and served is None and not explaining
    who = {"model.path": model, "served.url": served, "contexts.writer": None if nobody else "base"}
    settings = given.of(WritingSettings, who, **({"served": {"model": "default"}} if served else {}))
    kept = [
        belief
        for belief in read_beliefs(beliefs)
        if belief.confidence > wanted.threshold
        and wanted.of in ("all", "right" if belief.correct else "wrong")
    ]
    if wanted.limit is not None:
        names = [belief.item.id for belief in kept]
        kept = sample(settings.seed, "limit", kept, names, wanted.limit)
    items = [belief.item for belief in kept]
    if nobody:
        written = write_contexts(None, items, settings.contexts)
    else:
        writer = _writer(settings)
        for line in writer.slower_generating:
            err.print(line)
        if writer.controls:
            texts = ((one.question, *one.choices, one.explanation) for one in items)
            spelled = writer.controls.spelled(texts, literal=True)
            if spelled.rows:
                err.print(spelled.note("items"))
        with Bars("writing") as bars:
            how: dict[str, Any] = {"seed": settings.seed, "progress": bars.progress}
            if explaining:
                asked = [
                    Wanted(
                        item=belief.item, target=belief.pred if wanted.target == "own" else belief.item.answer
                    )
                    for belief in kept
                ]
                written = write_explanations(writer, asked, settings.explanations, **how)
            else:
                written = write_contexts(writer, items, settings.contexts, **how)
    write_written(out, written)
    lost = dropped(written)
    _print({"written": len(written) - sum(lost.values()), "dropped": lost}, out, json_)


def _writer(settings: WritingSettings) -> Generator:
    from harmonia.errors import InputError
    from harmonia.models import load_model
    from harmonia.models.served import ServedModel

    if settings.model is not None and settings.served is None:
        return load_model(settings.model)
    if settings.served is not None and settings.model is None:
        return ServedModel(settings.served)
    raise InputError(
        "one writer is needed",
        field="--model, --served",
        remedy="Name a local model (--model) or a server (--served).",
    )


def _print(found: dict[str, Any], out: Path, as_json: bool) -> None:
    from harmonia.cli.progress import out as console

    if as_json:
        print(json.dumps(found))
        return
    reasons = ", ".join(f"{reason}: {count}" for reason, count in found["dropped"].items())
    console.print(f"{found['written']} texts written" + (f"; dropped, {reasons}" if reasons else ""))
    console.print(str(out))
