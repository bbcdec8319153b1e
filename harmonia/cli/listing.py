"""`harmonia settings`: what a command takes as KEY=VALUE."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from harmonia.cli import options as o
from harmonia.cli.progress import out as console


def settings(
    command: Annotated[str | None, typer.Argument(help="A command; none lists those that take any.")] = None,
    json_: o.Json = False,
) -> None:
    """List what a command takes as KEY=VALUE: each key with its meaning, choices and default.

    Keys are those of the experiment file. A value is YAML: `groups.ratios=[0,0.5,1]`.

    Example: `harmonia settings probe`
    """
    from rich.table import Table

    from harmonia.cli.keys import TAKES
    from harmonia.errors import InputError

    if command is None:
        tables = {name: [one.table or "its own" for one in sections] for name, sections in TAKES.items()}
        if json_:
            print(json.dumps(tables))
            return
        for name, titles in tables.items():
            console.print(f"{name}: {', '.join(titles)}")
        return
    if command not in TAKES:
        remedy = f"These do: {', '.join(TAKES)}."
        raise InputError("it takes no settings", field="COMMAND", seen=command, remedy=remedy)
    if json_:
        print(json.dumps([asdict(one) for section in TAKES[command] for one in section.settings()]))
        return
    for section in TAKES[command]:
        if section.table == "shots":
            console.print("shots.KEY, items.KEY: those above for the demonstrations or the questions alone\n")
            continue
        if section.bare and section.prefix and section.table != "items":
            console.print(f"{section.prefix}KEY may go without {section.prefix}")
        table = Table.grid(padding=(0, 2))
        for one in section.settings():
            table.add_row(f"{one.key}={one.default}", f"{one.kind}; {one.meaning}")
        console.print(table)
