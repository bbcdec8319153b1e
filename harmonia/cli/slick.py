"""`harmonia slick`: how well a model knows the answers to questions in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from harmonia.cli import options as o
from harmonia.cli.items import source_of


def slick(
    model: o.Model,
    items: Annotated[str, typer.Option(help="Questions: rows with question, and answers or answer.")],
    out: o.RecordsOut,
    columns: o.ItemSettings = None,
    shots_from: Annotated[
        str | None, typer.Option(help="Questions to demonstrate with; the others of the file if not given.")
    ] = None,
    domain: o.Domain = None,
    prompts: Annotated[int, typer.Option(help="Few-shot prompts of a question.")] = 10,
    shots: Annotated[int, typer.Option(help="Demonstrations in each.")] = 4,
    samples: Annotated[int, typer.Option(help="Sampled answers to each, beside the greedy one.")] = 16,
    temperature: Annotated[float, typer.Option(help="Temperature of the sampled answers.")] = 0.5,
    max_new_tokens: Annotated[int, typer.Option(help="Most tokens of an answer.")] = 32,
    question: Annotated[
        str, typer.Option(help="How a question reads; \\n is a line end.")
    ] = r"Q: {question}\nA:",
    demonstrations: Annotated[
        str, typer.Option(help="shared (drawn once a domain for each prompt) or per_item.")
    ] = "shared",
    early_stop: Annotated[
        bool, typer.Option(help="Ask no more than the category needs; else estimate P(correct) too.")
    ] = True,
    limit: Annotated[int | None, typer.Option(min=1, help="Ask only so many, drawn by --seed.")] = None,
    seed: o.Seed = 0,
    gguf_file: o.GgufFile = None,
    trust_remote_code: o.TrustRemoteCode = False,
    dtype: o.Dtype = "float32",
    device: o.Device = "auto",
    json_: o.Json = False,
) -> None:
    r"""Sort questions in words into SliCK's categories: HighlyKnown to Unknown.

    Example: `harmonia slick --model MODEL --items questions.jsonl --out known.parquet`
    """
    from harmonia.cli.progress import Bars, err
    from harmonia.hashing import sample
    from harmonia.models import fingerprint, load_model
    from harmonia.slick.knowledge import SlickSettings, probe_knowledge
    from harmonia.slick.knowledge_file import KNOWLEDGE, write_knowledge
    from harmonia.slick.questions import read_open_questions

    KNOWLEDGE.require_place(out, inputs=(items, shots_from))
    settings = SlickSettings.model_validate(
        {
            "prompts": prompts,
            "shots": shots,
            "samples": samples,
            "temperature": temperature,
            "max_new_tokens": max_new_tokens,
            "question": question.replace("\\n", "\n"),
            "demonstrations": demonstrations,
            "early_stop": early_stop,
            "seed": seed,
        }
    )
    which = o.model_settings(model, gguf_file, trust_remote_code, dtype, device)
    options = {"domain": domain}
    asked = read_open_questions(source_of(items, options, columns))
    pool = asked
    if shots_from is not None:
        pool = read_open_questions(source_of(shots_from, options, columns, shots=True))
    if limit is not None:
        asked = tuple(sample(seed, "limit", asked, [one.id for one in asked], limit))
    noted = fingerprint(which)
    loaded = load_model(which, noted)
    for line in loaded.slower_generating:
        err.print(line)
    texts = ((one.question, one.answers[0]) for one in dict.fromkeys((*asked, *pool)))
    spelled = loaded.controls.spelled(texts, literal=True)
    if spelled.rows:
        err.print(spelled.note("questions and demonstrations"))
    with Bars("asking") as bars:
        found = probe_knowledge(loaded, asked, pool, settings, progress=bars.progress)
    write_knowledge(out, found, {"model": noted, "settings": settings.model_dump(mode="json")})
    _print([(one.question.domain, one.category) for one in found], out, json_)


def _print(found: list[tuple[str, str]], out: Path, as_json: bool) -> None:
    from harmonia.cli.progress import out as console
    from harmonia.slick.knowledge import CATEGORIES

    domains = sorted({domain for domain, _ in found})
    counts: dict[str, dict[str, Any]] = {
        domain: {category: found.count((domain, category)) for category in CATEGORIES} for domain in domains
    }
    if as_json:
        print(json.dumps(counts))
        return
    from rich.table import Table

    table = Table("domain", *CATEGORIES)
    for domain, row in counts.items():
        table.add_row(domain, *(str(count) for count in row.values()))
    console.print(table)
    console.print(str(out))
