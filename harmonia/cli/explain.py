"""`harmonia explain-scoring`: what stands behind a letter score."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from harmonia.cli import options as o
from harmonia.cli.answerer import answerer, model_settings
from harmonia.cli.given import Given
from harmonia.cli.items import read
from harmonia.cli.progress import out as console
from harmonia.cli.progress import print_table, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harmonia.probe.explain import Explanation, Token


def explain_scoring(
    model: o.Asked,
    form: Annotated[str, typer.Option(help="`icl<k>` or chat0.")] = "icl5",
    items: Annotated[str | None, typer.Option(help="Questions; a built-in one without it.")] = None,
    item: Annotated[
        str | None, typer.Option(help="Id of the question to ask; the first if not given.")
    ] = None,
    shots_from: o.ShotsFrom = None,
    json_: o.Json = False,
) -> None:
    """Show the prompt, its tokens, the letters' ids and mass, and what else was likely.

    Example: `harmonia explain-scoring --model MODEL prompt.preset=repo`
    """
    from harmonia.errors import InputError
    from harmonia.probe.explain import EXAMPLE, EXAMPLE_SHOTS, explain_scoring
    from harmonia.prompts import PromptSettings, ShotPool, build_template, parse_form

    how = parse_form(form)
    given = Given.here()
    words = given.of(PromptSettings)
    which = model_settings(given, model)
    asked, demonstrations = EXAMPLE, EXAMPLE_SHOTS
    if items is None:
        given.none("items", "--items")
        if item is not None:
            problem = "the built-in question is asked where no questions are given"
            raise InputError(problem, field="--item", seen=item, remedy="Give --items, too.")
    else:
        found = read(given.items(items)).items
        named = [one for one in found if item in (None, one.id)]
        if not named:
            raise InputError(
                "no such item",
                file=items,
                field="--item",
                seen=item,
                remedy="Give the id of a question in it.",
            )
        asked = named[0]
    if (source := given.shots(shots_from)) is not None:
        demonstrations = read(source).items
    shots = ShotPool.of(demonstrations, words).choose(asked, how.shots) if how.shots else ()
    loaded = answerer(which)
    explained = explain_scoring(loaded, asked, how, build_template(words, loaded.tokenizer), shots)
    if json_:
        print(json.dumps(asdict(explained)))
    else:
        _print(explained)


def _print(found: Explanation) -> None:
    from rich.panel import Panel
    from rich.text import Text

    title = f"item {found.item_id}, form {found.form}, preset {found.preset}, {found.prompt_tokens} tokens"
    console.print(Panel(found.prompt, title=Text(printable(title))))
    console.print(f"first tokens: {_spelled(found.first)}")
    console.print(f"last tokens, before the answer: {_spelled(found.last)}")
    letters = [
        (one.letter, " ".join(str(token.id) for token in one.tokens), _spelled(one.tokens), f"{one.prob:.6f}")
        for one in found.letters
    ]
    letters.append(("all", "", "", f"{found.letter_mass:.6f}"))
    print_table(("letter", "token id", "text in the vocabulary", "probability"), letters)
    others = [(repr(token.spelled), str(token.id), f"{token.prob:.6f}") for token in found.others]
    print_table(("likeliest other token", "token id", "probability"), others)
    for warning in found.warnings:
        console.print(f"warning: {warning}", style="yellow")
    if not found.warnings:
        console.print("no warnings")


def _spelled(tokens: Sequence[Token]) -> str:
    return " ".join(f"{token.spelled!r}" for token in tokens)
