"""Write docs/commands.md and docs/settings.md from the code; with --check, fail if they are stale.

python scripts/write_docs.py [--check]
"""

from __future__ import annotations

import inspect
import re
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main
from pydantic import BaseModel

from harmonia.cli.main import app
from harmonia.data import READERS, ItemSource
from harmonia.data.columns import ColumnMapping
from harmonia.evaluation import Suite
from harmonia.groups import GroupSettings
from harmonia.pipeline.experiment import DomainSettings, EvaluationSettings, Experiment, ProbeSettings
from harmonia.prompts import PromptSettings
from harmonia.scoring import ModelSettings
from harmonia.training import LoraSettings, TrainingSettings

DOCS = Path(__file__).resolve().parents[1] / "docs"
NOTE = "<!-- Written by scripts/write_docs.py (make docs); change the code, not this page. -->\n\n"
MODELS: dict[str, type[BaseModel]] = {
    "experiment": Experiment,
    "model": ModelSettings,
    "prompt": PromptSettings,
    "probe": ProbeSettings,
    "groups": GroupSettings,
    "training": TrainingSettings,
    "training.lora": LoraSettings,
    "evaluation": EvaluationSettings,
    "domains.NAME": DomainSettings,
    "domains.NAME.suites.NAME": Suite,
    "items, shots, train": ItemSource,
    "items.columns": ColumnMapping,
}


def commands() -> str:
    """The command reference."""
    parts = [NOTE, "# Commands\n\nExit codes: 0 done, 1 failed, 2 bad input.\n"]
    for name, command in _commands(typer.main.get_command(app)):
        parts.append(
            f"\n## harmonia {name}\n\n{_prose(command.help or '')}\n\n"
            "| option | default | |\n| --- | --- | --- |\n"
        )
        for option in command.params:
            if option.name == "help":
                continue
            spelled = " ".join(f"`{text}`" for text in option.opts)
            given = "" if option.default in (None, "") else f"`{option.default}`"
            default = "required" if option.required else given
            said = (getattr(option, "help", "") or "").replace("|", "/")
            parts.append(f"| {spelled} | {default} | {said} |\n")
    return "".join(parts)


def _commands(group: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """All commands with their full names, those of groups too."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{above}{name} ")
        else:
            yield f"{above}{name}", command


def settings() -> str:
    """The settings reference."""
    parts = [NOTE, "# Settings\n\nThe YAML of an experiment, table by table. "]
    parts.append(
        "Settings marked *execution* cannot change a result and are not part of a stage's address.\n"
    )
    for name, model in MODELS.items():
        said, hints = _attributes(model), typing.get_type_hints(model)
        parts.append(
            f"\n## {name}\n\n{_summary(model)}\n\n| setting | type | default | |\n| --- | --- | --- | --- |\n"
        )
        for field_name, field in model.model_fields.items():
            extra = field.json_schema_extra
            execution = " *execution*" if isinstance(extra, dict) and extra.get("execution") else ""
            default = (
                "required"
                if field.is_required()
                else f"`{_plain(field.get_default(call_default_factory=True))}`"
            )
            kind = _type(hints[field_name]).replace("|", "\\|")
            parts.append(f"| `{field_name}` | {kind} | {default} | {said.get(field_name, '')}{execution} |\n")
    parts.append(
        "\n## Readers\n\n`reader:` is `auto` or one of " + ", ".join(f"`{name}`" for name in READERS) + ".\n"
    )
    return "".join(parts)


def _plain(value: Any) -> str:
    if isinstance(value, BaseModel):
        return "see below"
    return "none" if value is None else str(list(value)) if isinstance(value, tuple) else str(value)


def _type(annotation: Any) -> str:
    text = inspect.formatannotation(annotation)
    return re.sub(r"\b(?:[a-z_]+\.)+([A-Za-z])", r"\1", text).replace("NoneType", "None")


def _summary(model: type[BaseModel]) -> str:
    return (inspect.getdoc(model) or "").split("\n\n")[0].replace("\n", " ")


def _attributes(model: type[BaseModel]) -> dict[str, str]:
    """What the docstring's Attributes section says of each field."""
    text = inspect.getdoc(model) or ""
    if "Attributes:" not in text:
        return {}
    found: dict[str, str] = {}
    name = ""
    for line in text.split("Attributes:\n")[1].split("\n\n")[0].splitlines():
        if match := re.match(r"^    (\w+): (.*)", line):
            name = match[1]
            found[name] = match[2]
        elif name:
            found[name] += " " + line.strip()
    return {key: value.replace("|", "\\|") for key, value in found.items()}


def _prose(text: str) -> str:
    return re.sub(r"(?<!\n)\n(?!\n)", " ", inspect.cleandoc(text))


def main() -> None:
    """Write the pages, or check them."""
    check = "--check" in sys.argv[1:]
    stale = []
    for name, text in {"commands.md": commands(), "settings.md": settings()}.items():
        page = DOCS / name
        if page.exists() and page.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            page.write_text(text, encoding="utf-8")
    if check and stale:
        sys.exit(f"stale: {', '.join('docs/' + name for name in stale)}. Run: make docs")
    print("docs are in step" if check or not stale else f"wrote {', '.join(stale)}")


if __name__ == "__main__":
    main()
