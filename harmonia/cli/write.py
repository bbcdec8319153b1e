"""`harmonia write`: explanations of answers, or contexts of questions, for groups to use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from harmonia.cli import options as o


def write(
    beliefs: Annotated[Path, typer.Option(help="Beliefs: Parquet of harmonia probe, or JSONL records.")],
    out: o.RecordsOut,
    what: Annotated[str, typer.Option(help="explanations or contexts.")] = "explanations",
    target: Annotated[
        str, typer.Option(help="Explain the model's own answer (own) or the right one (gold).")
    ] = "own",
    of: Annotated[str, typer.Option(help="Beliefs to write for: wrong, right or all.")] = "wrong",
    threshold: Annotated[float, typer.Option(help="Confidence that a belief must exceed.")] = 0.5,
    model: Annotated[str | None, typer.Option("--model", help="A local model that writes.")] = None,
    gguf_file: o.GgufFile = None,
    trust_remote_code: o.TrustRemoteCode = False,
    served: Annotated[
        str | None, typer.Option(help="A completions server that writes, such as http://localhost:8000/v1.")
    ] = None,
    served_model: Annotated[str, typer.Option(help="The model's name there.")] = "default",
    key_env: Annotated[str | None, typer.Option(help="Environment variable with the server's key.")] = None,
    remove: Annotated[
        str,
        typer.Option(
            help="What an item's explanation loses to be its context, where no model writes one: "
            "statements of the letter (letter), or the right option's text too (letter_and_text)."
        ),
    ] = "letter_and_text",
    temperature: Annotated[float, typer.Option(help="Temperature of the samples.")] = 0.7,
    top_p: Annotated[float, typer.Option(help="Probability of the tokens drawn from.")] = 0.8,
    max_new_tokens: Annotated[int, typer.Option(help="Most tokens of a text.")] = 256,
    tries: Annotated[int, typer.Option(help="Samples drawn until one passes the checks.")] = 3,
    language: o.Language = "en",
    limit: Annotated[int | None, typer.Option(min=1, help="Write only so many, drawn by --seed.")] = None,
    seed: o.Seed = 0,
    dtype: o.Dtype = "float32",
    device: o.Device = "auto",
    json_: o.Json = False,
) -> None:
    """Write explanations of answers or contexts of questions, checked, as JSONL.

    Example: `harmonia write --model MODEL --beliefs beliefs.parquet --what explanations --out own.jsonl`
    """
    from harmonia.cli.progress import Bars, err
    from harmonia.hashing import sample
    from harmonia.probe import read_beliefs
    from harmonia.writers import (
        TEXTS,
        ContextSettings,
        ExplanationSettings,
        Wanted,
        dropped,
        write_contexts,
        write_explanations,
        write_written,
    )

    TEXTS.require_place(out, inputs=[beliefs])
    _one_of("--what", what, ("explanations", "contexts"))
    _one_of("--target", target, ("own", "gold"))
    _one_of("--of", of, ("wrong", "right", "all"))
    sampling = {
        "language": language,
        "temperature": temperature,
        "top_p": top_p,
        "max_new_tokens": max_new_tokens,
        "tries": tries,
    }
    models = model is not None or served is not None
    explaining = ExplanationSettings.model_validate(sampling)
    context = ContextSettings.model_validate(
        {**sampling, "writer": "base" if models else "explanation", "remove": remove}
    )
    kept = [
        belief
        for belief in read_beliefs(beliefs)
        if belief.confidence > threshold and of in ("all", "right" if belief.correct else "wrong")
    ]
    if limit is not None:
        kept = sample(seed, "limit", kept, [belief.item.id for belief in kept], limit)
    if what == "contexts" and not models:
        written = write_contexts(None, [belief.item for belief in kept], context)
    else:
        local = (
            None if model is None else o.model_settings(model, gguf_file, trust_remote_code, dtype, device)
        )
        writer = _writer(local, served, served_model, key_env)
        for line in writer.slower_generating:
            err.print(line)
        if writer.controls:
            asked = (belief.item for belief in kept)
            texts = ((one.question, *one.choices, one.explanation) for one in asked)
            spelled = writer.controls.spelled(texts, literal=True)
            if spelled.rows:
                err.print(spelled.note("items"))
        with Bars("writing") as bars:
            if what == "contexts":
                items = [belief.item for belief in kept]
                written = write_contexts(writer, items, context, seed=seed, progress=bars.progress)
            else:
                wanted = [
                    Wanted(item=belief.item, target=belief.pred if target == "own" else belief.item.answer)
                    for belief in kept
                ]
                written = write_explanations(writer, wanted, explaining, seed=seed, progress=bars.progress)
    write_written(out, written)
    lost = dropped(written)
    _print({"written": len(written) - sum(lost.values()), "dropped": lost}, out, json_)


def _writer(local: Any, served: str | None, served_model: str, key_env: str | None) -> Any:
    from harmonia.errors import InputError
    from harmonia.models import load_model
    from harmonia.models.served import ServedModel
    from harmonia.models.server import ServedSettings

    if (local is None) == (served is None):
        raise InputError(
            "one writer is needed",
            field="--model, --served",
            remedy="Name a local model (--model) or a server (--served).",
        )
    if served is not None:
        return ServedModel(
            ServedSettings.model_validate({"url": served, "model": served_model, "key_env": key_env})
        )
    return load_model(local)


def _one_of(option: str, value: str, known: tuple[str, ...]) -> None:
    from harmonia.errors import InputError

    if value not in known:
        raise InputError("no such choice", field=option, seen=value, remedy=f"Use {', '.join(known)}.")


def _print(found: dict[str, Any], out: Path, as_json: bool) -> None:
    from harmonia.cli.progress import out as console

    if as_json:
        print(json.dumps(found))
        return
    reasons = ", ".join(f"{reason}: {count}" for reason, count in found["dropped"].items())
    console.print(f"{found['written']} texts written" + (f"; dropped, {reasons}" if reasons else ""))
    console.print(str(out))
