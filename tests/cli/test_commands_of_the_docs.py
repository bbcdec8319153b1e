"""Every command that a page, an example or a help shows is one that harmonia takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from harmonia.cli.commands import app
from harmonia.cli.given import Given
from harmonia.cli.keys import TAKES

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("examples/**/*.yaml"), ROOT / "Makefile"]


def _shown() -> Iterator[tuple[str, str]]:
    """Each command that is written out, with the place where it stands."""
    for page in PAGES:
        fenced = page.suffix != ".md"
        for line in page.read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
            fenced ^= line.startswith("```")
            if (fenced or line.startswith("    ")) and (
                found := re.search(r"(?<![\w.])harmonia [a-z].*", line)
            ):
                yield page.name, found[0]
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        for one in getattr(command, "commands", {name: command}).values():
            for example in re.findall(r"`(harmonia [^`]*)`", one.help or ""):
                yield f"help of {name}", example


SHOWN = sorted({(place, " ".join(re.sub(r"\s#.*", "", text).split())) for place, text in _shown()})


def test_the_commands_are_found() -> None:
    assert len(SHOWN) > 50
    assert {
        "README.md",
        "probe.md",
        "groups.md",
        "data.md",
        "performance.md",
        "lab.md",
        "study.yaml",
        "help of lab",
    } <= {place for place, _ in SHOWN}


@pytest.mark.parametrize(("place", "text"), SHOWN)
def test_a_command_that_is_shown_is_taken(place: str, text: str) -> None:
    words = [word for word in shlex.split(text)[1:] if word != "..."]
    command: Any = get_command(app)
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    if "..." in text and command.name == "probe":
        words += ["--model", "m", "--items", "i", "--out", "o"]
    context = command.make_context(command.name, words)
    if command.allow_extra_args:
        Given(command.name, context.args)
    elif command.name in TAKES:
        known = [one.key for section in TAKES[command.name] for one in section.settings()]
        assert {one.partition("=")[0] for one in context.params["settings"] or ()} <= set(known)
