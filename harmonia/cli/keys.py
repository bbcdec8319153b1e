"""KEY=VALUE: which settings each command takes beside its options, by the names of the experiment file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING

from harmonia.errors import InputError

if TYPE_CHECKING:
    from harmonia.parsing import Settings
    from harmonia.parsing.described import Described


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A table of settings that a command takes.

    Attributes:
        table: Its name in the experiment file; empty for what no experiment has.
        where: Its class, as `module:Class`: imported when it is needed.
        only: Keys that the command takes; empty for all.
        without: Keys that it does not take: it has an option for them, or decides them.
        bare: Whether the keys may go without the table's name.
    """

    table: str
    where: str
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    bare: bool = False

    @property
    def model(self) -> type[Settings]:
        """The settings class."""
        module, _, name = self.where.partition(":")
        return getattr(import_module(module), name)  # type: ignore[no-any-return]

    @property
    def prefix(self) -> str:
        """What stands before a key in messages."""
        return f"{self.table}." if self.table else ""

    def takes(self, key: str) -> bool:
        """Whether a key without the table's name belongs to the command."""
        inside = {*(key[:place] for place, mark in enumerate(key) if mark == "."), key}
        return not inside & set(self.without) and (not self.only or bool(inside & set(self.only)))

    def settings(self) -> Iterator[Described]:
        """All settings that the command takes from it, by the names to write."""
        from harmonia.parsing.described import described

        # A setting of the questions is written without its table: it is of the demonstrations, too.
        prefix = "" if self.table == "items" else self.prefix
        for one in described(self.model, deep=True):
            if self.takes(one.key):
                yield replace(one, key=f"{prefix}{one.key}")


def _section(table: str, where: str, *, only: str = "", without: str = "", bare: bool = False) -> Section:
    return Section(
        table=table,
        where=f"harmonia.{where}",
        only=tuple(only.split()),
        without=tuple(without.split()),
        bare=bare or not table,
    )


_ITEMS = _section("items", "data:ItemSource", without="path", bare=True)
_SHOTS = _section("shots", "data:ItemSource", without="path limit seed")
_MODEL = _section("model", "models:ModelSettings", without="path")
_PROBE = _section("probe", "probe:ProbeSettings")
_EXPERIMENT = (_section("", "pipeline.experiment:Experiment"),)
_WORDS = "domain split config columns.question columns.answer columns.id columns.subject"
"""Settings of a file of questions that are answered in words."""


def _prompt(*, only: str = "", without: str = "") -> Section:
    return _section("prompt", "prompts:PromptSettings", only=only, without=without)


TAKES: dict[str, tuple[Section, ...]] = {
    "run": _EXPERIMENT,
    "plan": _EXPERIMENT,
    "probe": (_ITEMS, _SHOTS, _prompt(without="chat chat_date"), _PROBE, _MODEL),
    "evaluate": (_ITEMS, _SHOTS, _prompt(without="shots"), _PROBE, _MODEL),
    "groups": (
        _section("groups", "groups:GroupSettings", bare=True),
        _prompt(only="language options_first"),
        _section("", "writers.settings:WrittenFiles", only="contexts"),
    ),
    "train": (
        _section("training", "training:TrainingSettings", bare=True),
        _prompt(only="chat chat_date control_tokens"),
        _MODEL,
    ),
    "write": (
        _section("", "writers.settings:WantedSettings"),
        _section(
            "writing",
            "writers:WritingSettings",
            without="explanations.own explanations.gold contexts.writer",
        ),
    ),
    "slick": (
        _section("items", "data:ItemSource", only=f"{_WORDS} limit seed", bare=True),
        _section("shots", "data:ItemSource", only=_WORDS),
        _section("slick", "slick.knowledge:SlickSettings"),
        _MODEL,
    ),
    "export-task": (_ITEMS, _SHOTS, _prompt(only="method preset language options_first shots")),
    "explain-scoring": (_ITEMS, _SHOTS, _prompt(without="method shots"), _MODEL),
    "triage": (_section("", "analysis.triage:TriageSettings"),),
    "leakage": (_ITEMS, _SHOTS, _section("leakage", "data.leakage:LeakageSettings", only="ngram")),
    "doctor": (_prompt(only="chat"), _MODEL),
    "bench": (_section("", "bench.settings:BenchSettings"),),
}
"""The settings of each command."""


def named(command: str, name: str) -> list[Described]:
    """The settings that a word may stand for: the last part of their key, or the last two joined."""
    found = []
    for section in TAKES[command]:
        for one in section.settings() if section.table != "shots" else ():
            parts = one.key.split(".")
            if parts[0] != "columns" and name in (
                parts[-1].removeprefix("shot_"),
                parts[-1],
                "_".join(parts[-2:]).removesuffix("_names"),
            ):
                found.append(one)
    return found


def unknown(command: str, key: str) -> InputError:
    """What is said of a setting that the command does not take."""
    keys = [one.key for section in TAKES[command] for one in section.settings()]
    by_part = {part: one for one in reversed(keys) for part in (one, one.rpartition(".")[2])}
    near = [by_part[one] for one in get_close_matches(key, by_part, 1)]
    return InputError(
        f"harmonia {command} takes no such setting",
        field=key,
        remedy=(f"Did you mean {near[0]}? " if near else "") + f"`harmonia settings {command}` lists all.",
    )
