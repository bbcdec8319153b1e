"""`harmonia slick`: how well a model knows the answers to questions in words."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from harmonia.cli import options as o
from harmonia.cli.answerer import answerer, model_settings
from harmonia.cli.given import Given
from harmonia.cli.progress import Bars, err, print_table
from harmonia.cli.progress import out as console


def slick(
    model: o.Asked,
    items: Annotated[str, typer.Option(help="Questions: rows with question, and answers or answer.")],
    out: o.RecordsOut,
    shots_from: Annotated[
        str | None, typer.Option(help="Questions to demonstrate with; the others of the file if not given.")
    ] = None,
    shots: Annotated[int | None, typer.Option(help="Demonstrations in each prompt; default 4.")] = None,
    prompts: Annotated[int | None, typer.Option(help="Few-shot prompts of a question; default 10.")] = None,
    samples: Annotated[
        int | None, typer.Option(help="Sampled answers to each, beside the greedy one; default 16.")
    ] = None,
    json_: o.Json = False,
) -> None:
    """Sort questions in words into SliCK's categories: HighlyKnown to Unknown.

    Example: `harmonia slick --model MODEL --items questions.jsonl --out known.parquet
    limit=500 slick.temperature=0.7`
    """
    from harmonia import __version__
    from harmonia.hashing import sha256_json
    from harmonia.outputs import scratch
    from harmonia.slick.knowledge import SlickSettings, probe_knowledge
    from harmonia.slick.knowledge_file import KNOWLEDGE, write_knowledge
    from harmonia.slick.questions import read_open_questions

    KNOWLEDGE.require_place(out, inputs=(items, shots_from))
    given = Given.here()
    settings = given.of(SlickSettings, {"shots": shots, "prompts": prompts, "samples": samples})
    which = model_settings(given, model)
    source = given.items(items)
    asked = read_open_questions(source)
    pool = read_open_questions(given.shots(shots_from) or source.model_copy(update={"limit": None}))
    loaded = answerer(which)
    for line in loaded.slower_generating:
        err.print(line)
    texts = ((one.question, one.answers[0]) for one in dict.fromkeys((*asked, *pool)))
    spelled = loaded.controls and loaded.controls.spelled(texts, literal=True)
    if spelled and spelled.rows:
        err.print(spelled.note("questions and demonstrations"))
    every = [asdict(one) for one in (*asked, *pool)]
    how = settings.model_dump(mode="json")
    address = sha256_json([__version__, loaded.identity, how, len(asked), every])
    journal = scratch(out, f"asked-{address[:12]}.jsonl")
    with Bars("asking") as bars:
        found = probe_knowledge(loaded, asked, pool, settings, journal=journal, progress=bars.progress)
    write_knowledge(out, found, {"model": loaded.identity, "settings": how})
    journal.unlink(missing_ok=True)
    _print([(one.question.domain, one.category) for one in found], out, json_)


def _print(found: list[tuple[str, str]], out: Path, as_json: bool) -> None:
    from harmonia.slick.knowledge import CATEGORIES

    domains = sorted({domain for domain, _ in found})
    counts: dict[str, dict[str, Any]] = {
        domain: {category: found.count((domain, category)) for category in CATEGORIES} for domain in domains
    }
    if as_json:
        print(json.dumps(counts))
        return
    print_table(
        ("domain", *CATEGORIES), [(domain, *map(str, row.values())) for domain, row in counts.items()]
    )
    console.print(str(out))
