"""KEY=VALUE: which settings each command takes beside its options, by the names of the experiment file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING

from harmonia.errors import InputError

if TYPE_CHECKING:
    from harmonia.parsing import Settings
    from harmonia.parsing.described import Described


@dataclass(frozen=True, slots=True)
class Section:
    """A table of settings that a command takes.

    Attributes:
        table: Its name in the experiment file; empty for what no experiment has.
        where: Its class in the package, as `module:Class`: imported when it is needed.
        only: Keys that the command takes, with blanks between; empty for all.
        without: Keys that it does not take: it has an option for them, or decides them.
        bare: Whether the keys may go without the table's name.
    """

    table: str
    where: str
    only: str = ""
    without: str = ""
    bare: bool = False

    @property
    def model(self) -> type[Settings]:
        """The settings class."""
        module, _, name = self.where.partition(":")
        found: type[Settings] = getattr(import_module(f"harmonia.{module}"), name)
        return found

    @property
    def prefix(self) -> str:
        """What stands before a key in messages."""
        return f"{self.table}." if self.table else ""

    def holds(self, key: str) -> bool:
        """Whether a key, as it is typed, stands in this table."""
        first = key.partition(".")[0]
        return first == self.table or ((self.bare or not self.table) and first in self.model.model_fields)

    def takes(self, key: str) -> bool:
        """Whether a key without the table's name belongs to the command."""
        inside = {*(key[:place] for place, mark in enumerate(key) if mark == "."), key}
        if inside & set(self.without.split()):
            return False
        return not self.only or bool(inside & set(self.only.split()))

    def settings(self) -> Iterator[Described]:
        """All settings that the command takes from it, by the names to write."""
        from harmonia.parsing.described import described

        # A setting of the questions is written without its table: it is of the demonstrations, too.
        prefix = "" if self.table == "items" else self.prefix
        for one in described(self.model, deep=True):
            if self.takes(one.key):
                yield replace(one, key=f"{prefix}{one.key}")


_ITEMS = Section("items", "data:ItemSource", without="path", bare=True)
_SHOTS = Section("shots", "data:ItemSource", without="path limit seed")
_MODEL = Section("model", "models:ModelSettings", without="path")
_ASKED = (_MODEL, Section("model", "models.server:ServedModelSettings", without="served"))
"""A model that is asked alone: its files, or a server."""
_PROBE = Section("probe", "probe:ProbeSettings")
_EXPERIMENT = (Section("", "pipeline.experiment:Experiment"),)
_WORDS = "domain split config columns.question columns.answer columns.id columns.subject"
"""Settings of a file of questions that are answered in words."""


def _prompt(*, only: str = "", without: str = "") -> Section:
    return Section("prompt", "prompts:PromptSettings", only=only, without=without)


TAKES: dict[str, tuple[Section, ...]] = {
    "run": _EXPERIMENT,
    "plan": _EXPERIMENT,
    "demo": (
        Section(
            "",
            "pipeline.experiment:Experiment",
            without="name out data_root model train general domains seeds groups.ratios execution",
        ),
    ),
    "probe": (_ITEMS, _SHOTS, _prompt(without="chat chat_date"), _PROBE, *_ASKED),
    "evaluate": (_ITEMS, _SHOTS, _prompt(without="shots"), _PROBE, *_ASKED),
    "groups": (
        Section("groups", "groups:GroupSettings", bare=True),
        _prompt(only="language options_first"),
        Section("", "writers.settings:WrittenFiles", only="contexts"),
    ),
    "train": (
        Section("training", "training:TrainingSettings", bare=True),
        _prompt(only="chat chat_date control_tokens"),
        _MODEL,
    ),
    "write": (
        Section("", "writers.settings:WantedSettings"),
        Section(
            "writing",
            "writers:WritingSettings",
            without="explanations.own explanations.gold contexts.writer",
        ),
    ),
    "slick": (
        Section("items", "data:ItemSource", only=f"{_WORDS} limit seed", bare=True),
        Section("shots", "data:ItemSource", only=_WORDS),
        Section("slick", "slick.knowledge:SlickSettings"),
        *_ASKED,
    ),
    "audit": (Section("audit", "audit:AuditSettings", without="sample seed", bare=True), *_ASKED),
    "compare": (
        _ITEMS,
        _SHOTS,
        Section(
            "",
            "compare:CompareSettings",
            without="prompt.method audit.sample audit.on_bad_row",
        ),
        *_ASKED,
        Section("after", "models:ModelSettings", without="path"),
        Section("after", "models.server:ServedModelSettings", without="served"),
    ),
    "curate": (
        Section("curate", "curate:CurateSettings", without="policy budget", bare=True),
        _MODEL,
    ),
    "export-task": (_ITEMS, _SHOTS, _prompt(only="method preset language options_first shots")),
    "explain-scoring": (_ITEMS, _SHOTS, _prompt(without="method shots"), *_ASKED),
    "triage": (Section("", "analysis.triage:TriageSettings"),),
    "leakage": (_ITEMS, _SHOTS, Section("leakage", "data.leakage:LeakageSettings", only="ngram")),
    "doctor": (_prompt(only="chat"), _MODEL),
    "bench": (Section("", "bench.settings:BenchSettings"),),
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
    from harmonia.parsing.described import meant

    keys = (one.key for section in TAKES[command] for one in section.settings())
    return InputError(
        f"harmonia {command} takes no such setting",
        field=key,
        remedy=f"{meant(key, keys)}`harmonia settings {command}` lists all.",
    )
