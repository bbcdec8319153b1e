"""`harmonia write`: explanations of answers, or contexts of questions, for groups to use."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harmonia.cli import options as o
from harmonia.cli.given import Given
from harmonia.cli.progress import Bars, err
from harmonia.cli.progress import out as console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harmonia.models import Generator
    from harmonia.types import Belief
    from harmonia.writers import WritingSettings, Written
    from harmonia.writers.settings import WantedSettings


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
    from harmonia.hashing import sample
    from harmonia.probe import read_beliefs
    from harmonia.writers import TEXTS, WritingSettings, dropped, write_contexts, write_written
    from harmonia.writers.settings import WantedSettings

    TEXTS.require_place(out, inputs=[beliefs])
    given = Given.here()
    wanted = given.of(WantedSettings, {"what": what, "target": target, "of": of})
    nobody = model is None and served is None and wanted.what == "contexts"
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
    if nobody:
        written = write_contexts(None, [belief.item for belief in kept], settings.contexts)
    else:
        written = _written(kept, wanted, settings)
    write_written(out, written)
    lost = dropped(written)
    found = {"written": len(written) - sum(lost.values()), "dropped": lost}
    if json_:
        print(json.dumps(found))
        return
    reasons = ", ".join(f"{reason}: {count}" for reason, count in lost.items())
    console.print(f"{found['written']} texts written" + (f"; dropped, {reasons}" if reasons else ""))
    console.print(str(out))


def _written(kept: Sequence[Belief], wanted: WantedSettings, settings: WritingSettings) -> list[Written]:
    """The texts of whoever the settings name."""
    from harmonia.writers import Wanted, write_contexts, write_explanations

    writer, items = _writer(settings), [belief.item for belief in kept]
    for line in writer.slower_generating:
        err.print(line)
    if writer.controls:
        texts = ((one.question, *one.choices, one.explanation) for one in items)
        spelled = writer.controls.spelled(texts, literal=True)
        if spelled.rows:
            err.print(spelled.note("items"))
    with Bars("writing") as bars:
        how: dict[str, Any] = {"seed": settings.seed, "progress": bars.progress}
        if wanted.what == "contexts":
            return write_contexts(writer, items, settings.contexts, **how)
        targets = [belief.pred if wanted.target == "own" else belief.item.answer for belief in kept]
        asked = [Wanted(item=item, target=target) for item, target in zip(items, targets, strict=True)]
        return write_explanations(writer, asked, settings.explanations, **how)


def _writer(settings: WritingSettings) -> Generator:
    from harmonia.errors import InputError
    from harmonia.models import load_model
    from harmonia.models.served import ServedWriter

    if settings.model is not None and settings.served is None:
        return load_model(settings.model)
    if settings.served is not None and settings.model is None:
        return ServedWriter(settings.served)
    raise InputError(
        "one writer is needed",
        field="--model, --served",
        remedy="Name a local model (--model) or a server (--served).",
    )
