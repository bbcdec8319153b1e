"""`harmonia query`: questions in SQL about a run."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from harmonia.cli import options as o
from harmonia.cli.progress import err
from harmonia.cli.progress import out as console

_SHOWN = 200


def query(
    run_directory: Annotated[Path, typer.Argument(help="A run directory; the run may be at work.")],
    sql: Annotated[str | None, typer.Argument(help="One SELECT of DuckDB; none shows the tables.")] = None,
    json_: o.Json = False,
) -> None:
    """Answer a question in SQL about a run's questions, beliefs, answers, training rows and tables.

    Without SQL it prints the tables and their columns. `group` is a word of SQL: write `"group"`.

    Example: `harmonia query runs/x 'SELECT "group", avg(correct::INT) FROM answers GROUP BY ALL'`
    """
    from harmonia.report.query import RunTables

    run = RunTables(run_directory)
    if sql is None:
        schema = {name: run.columns(name) for name in run.meanings}
        if json_:
            print(json.dumps({name: dict(columns) for name, columns in schema.items()}))
            return
        for name, columns in schema.items():
            console.print(f"{name}: {run.meanings[name]}", style="bold")
            listed = ", ".join(f"{column} {kind}" for column, kind in columns)
            console.print(f"    {listed or 'nothing yet'}", soft_wrap=False)
        return
    found = run.ask(sql)
    if json_:
        rows = [dict(zip(found.columns, map(_plain, row), strict=True)) for row in found.rows]
        print(json.dumps(rows, default=str, allow_nan=False))
        return
    for line in _lines(found.columns, found.rows[:_SHOWN]):
        console.print(line)
    if len(found.rows) > _SHOWN:
        err.print(f"the first {_SHOWN} of {len(found.rows):,} rows; --json prints all")


def _lines(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """Rows below one another: a row is a line, however wide, for eyes and for `sort` alike."""
    cells = [tuple(columns), *(tuple(map(_text, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]


def _plain(value: Any) -> Any:
    """A value as JSON has it; what is no number there is null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _text(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    text = "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
    return " ".join(text.split())
