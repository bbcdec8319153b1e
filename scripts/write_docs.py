"""Write docs/commands.md, settings.md and tables.md from the code; with --check, fail if they are stale.

--check also looks at sentences and at the files that pages name (check_docs.py).

python scripts/write_docs.py [--check]
"""

from __future__ import annotations

import inspect
import re
import sys
import typing
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import check_docs
import typer.main
from pydantic import BaseModel

from harmonia.analysis.tables import TABLES
from harmonia.audit import AUDIT_ROWS
from harmonia.cli.commands import app
from harmonia.cli.keys import TAKES, Section
from harmonia.columns import Column, Table
from harmonia.compare.tables import COMPARISON_TABLES
from harmonia.data import KNOWN, ColumnMapping, ItemSource
from harmonia.data.stored_items import ITEMS
from harmonia.parsing.described import described, inner_tables
from harmonia.pipeline.experiment import Experiment
from harmonia.probe.answer_files import ANSWERS
from harmonia.probe.fit import FITTED
from harmonia.results import BELIEF_COLUMNS, GROUP_COLUMNS, OUTCOMES

DOCS = Path(__file__).resolve().parents[1] / "docs"
NOTE = "<!-- Written by scripts/write_docs.py (make docs); change the code, not this page. -->\n\n"
NAMES: dict[type[BaseModel], str] = {
    Experiment: "experiment",
    ItemSource: "train, shots, suites.NAME.items, suites.NAME.shots",
    ColumnMapping: "columns (of any of these)",
}
"""Headings of tables that stand in too many places to name them all."""

SETTINGS = """# Settings

The YAML of an experiment, table by table. Settings marked *execution* cannot change a result: what is done
already is kept where one is changed.

A file may build on another: `extends: FILE`, relative to its own folder, takes that file's settings
where this one has none of its own. Tables are merged key by key; everything else, lists too, is the
upper file's. A file that is extended may extend another and need not be complete.

Every command takes these settings as KEY=VALUE, by the same names: keys are dotted, values are YAML.
`harmonia settings COMMAND` lists those of a command. For `harmonia run` and `harmonia plan` they come
on top of the file. Tables with a command in their heading are of that command alone.

```yaml
extends: study.yaml
name: paper-mistral-7b
model: {path: mistralai/Mistral-7B-v0.1, dtype: bfloat16}
training: {learning_rate: 1.0e-5}
```
"""

TABLES_INTRO = """# Tables

What a run writes into `tables/`: Parquet, with a CSV twin for people. A share is 0 to 1.
At the end stand the files of items and answers, which are Parquet alone.
"""

COMPARISON_INTRO = """
## Of a comparison

What [harmonia compare](compare.md) writes into `tables/` of its folder, each as it has rows. In Python
`ModelComparison.table()` holds `outcomes`, `.facts()` holds `facts`.
"""

FRAMES_INTRO = """
## DataFrames

What the tables of the [Python functions](python.md) hold. That of `Groups.table` is `confounds`, above.
"""

FRAMES = {
    "Beliefs.table": BELIEF_COLUMNS,
    "TrainingSet.table": GROUP_COLUMNS,
    "Comparison.table": OUTCOMES.columns,
    "Verdicts.table": AUDIT_ROWS.columns,
}


EXITS = """Exit codes: 0 done, 1 failed, 2 bad input. A command that is ended says so in a line: 130 by
Ctrl-C, 143 by SIGTERM, 129 by a terminal that is closed. The same command takes the work up again.
"""


def commands() -> str:
    """The command reference."""
    parts = [NOTE, "# Commands\n\n" + EXITS]
    for name, command in _commands(typer.main.get_command(app)):
        parts.append(
            f"\n## harmonia {name}\n\n{_prose(command.help or '')}\n\n"
            "| option | default | |\n| --- | --- | --- |\n"
        )
        for option in command.params:
            if option.name == "help":
                continue
            spelled = " ".join(f"`{text}`" for text in (*option.opts, *option.secondary_opts))
            given = "" if option.default in (None, "") else f"`{option.default}`"
            default = "required" if option.required else given
            said = (getattr(option, "help", "") or "").replace("|", "/")
            parts.append(f"| {spelled} | {default} | {said} |\n")
        if taken := "".join(f"- {one}\n" for section in TAKES.get(name, ()) for one in _taken(section)):
            parts.append(f"\nKEY=VALUE ([settings](settings.md)):\n\n{taken}")
    return "".join(parts)


def _commands(group: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """All commands with their full names, those of groups too."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{above}{name} ")
        else:
            yield f"{above}{name}", command


def _taken(section: Section) -> Iterator[str]:
    """What a command takes of a table of settings, an entry for each table within it."""
    if section.model is Experiment:
        yield "all of the experiment"
        return
    if section.table == "shots":
        yield "`shots.KEY`, `items.KEY`: those above for the demonstrations or for the questions alone"
        return
    tables: dict[str, list[str]] = {}
    for one in section.settings():
        table, dot, key = one.key.rpartition(".")
        tables.setdefault(table + dot, []).append(f"`{key}`")
    for table, keys in tables.items():
        left_out = f" (`{table}` may be left out)" * (section.bare and table == section.prefix)
        yield f"`{table}`{left_out}: {', '.join(keys)}" if table else ", ".join(keys)


def settings() -> str:
    """The settings reference."""
    parts = [NOTE, SETTINGS]
    for model, name in _tables().items():
        parts.append(
            f"\n## {name}\n\n{_summary(model)}\n\n| setting | type | default | |\n| --- | --- | --- | --- |\n"
        )
        for one in described(model):
            kind, meaning = (text.replace("|", "\\|") for text in (one.kind, one.meaning))
            default = f"`{one.default}`" if one.default not in ("required", "see below") else one.default
            execution = " *execution*" if one.execution else ""
            parts.append(f"| `{one.key}` | {kind} | {default} | {meaning}{execution} |\n")
    parts.append(
        "\n## Readers\n\n`reader:` is `auto` or one of " + ", ".join(f"`{name}`" for name in KNOWN) + ".\n"
    )
    return "".join(parts)


def _tables() -> dict[type[BaseModel], str]:
    """Every table of an experiment with its heading: each place where it stands."""
    places: dict[type[BaseModel], list[str]] = {}

    def visit(model: type[BaseModel], place: str) -> None:
        seen = model in places
        places.setdefault(model, []).append(place)
        for name, annotation in () if seen else typing.get_type_hints(model).items():
            for inner, key in inner_tables(annotation):
                visit(inner, f"{place}.{name}{key}".removeprefix("."))

    visit(Experiment, "")
    for command, sections in TAKES.items():
        for section in sections:
            if section.model not in places:
                visit(section.model, f"{section.table or command} (harmonia {command})")
    return {model: NAMES.get(model, ", ".join(found)) for model, found in places.items()}


def _summary(model: type) -> str:
    return (inspect.getdoc(model) or "").split("\n\n")[0].replace("\n", " ")


def tables() -> str:
    """The reference of a run's tables."""
    parts = [NOTE, TABLES_INTRO]
    for table in (*TABLES, ITEMS, ANSWERS, FITTED):
        parts += _table(f"## {table.name}", table)
    parts.append(COMPARISON_INTRO)
    for table in COMPARISON_TABLES:
        parts += _table(f"### {table.name}.parquet", table)
    parts.append(FRAMES_INTRO)
    for name, columns in FRAMES.items():
        parts.append(f"\n### {name}\n\n| column | type | unit | |\n| --- | --- | --- | --- |\n")
        parts += _columns(columns)
    return "".join(parts)


def _table(heading: str, table: Table[Any]) -> Iterator[str]:
    named = f" A row is named by {', '.join(f'`{name}`' for name in table.key)}." if table.key else ""
    yield f"\n{heading}\n\n{_summary(table.row)}{named}\n\n"
    yield "| column | type | unit | |\n| --- | --- | --- | --- |\n"
    yield from _columns(table.columns)


def _columns(columns: Iterable[Column]) -> Iterator[str]:
    """Rows of a table of columns."""
    for column in columns:
        kind = f"{'list of ' * column.many}{column.kind.__name__}{' or empty' * column.optional}"
        meaning = re.sub(r"\bNone\b", "empty", column.meaning).replace("|", "\\|")
        yield f"| `{column.name}` | {kind} | {column.measure.unit} | {meaning} |\n"


def _prose(text: str) -> str:
    return re.sub(r"(?<!\n)\n(?!\n)", " ", inspect.cleandoc(text))


def main() -> None:
    """Write the pages, or check them."""
    check = "--check" in sys.argv[1:]
    stale = []
    for name, text in {"commands.md": commands(), "settings.md": settings(), "tables.md": tables()}.items():
        page = DOCS / name
        if page.exists() and page.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            page.write_text(text, encoding="utf-8")
    if check and stale:
        sys.exit(f"stale: {', '.join('docs/' + name for name in stale)}. Run: make docs")
    if check and check_docs.main():
        sys.exit(1)
    print("docs are in step" if check or not stale else f"wrote {', '.join(stale)}")


if __name__ == "__main__":
    main()
