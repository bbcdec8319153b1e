"""What a command was given: KEY=VALUE texts, checked, as settings; options of 0.1 are read so and told."""

from __future__ import annotations

import json
import logging
import re
import shlex
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from typer.core import TyperCommand

from harmonia.cli.keys import TAKES, Section, named, unknown
from harmonia.errors import InputError

if TYPE_CHECKING:
    from harmonia.data import ItemSource
    from harmonia.parsing import Settings
    from harmonia.parsing.described import Described

S = TypeVar("S", bound="Settings")
log = logging.getLogger(__name__)
_RUNNING: ContextVar[tuple[str, Sequence[str]]] = ContextVar("command and its KEY=VALUE texts")


class Given:
    """The KEY=VALUE settings of a command.

    A setting of the questions that goes without its table's name is of the demonstrations, too.

    Args:
        command: The command.
        texts: Its KEY=VALUE texts.

    Raises:
        InputError: A text is not of that form, or the command takes no such setting.
    """

    def __init__(self, command: str, texts: Sequence[str]) -> None:
        from harmonia.pipeline.settings_file import apply_overrides

        self._command = command
        own: list[str] = []
        both: list[str] = []
        for text in texts:
            key, equals, _ = text.partition("=")
            if not equals or not key:
                apply_overrides({}, [text])  # says what is wrong with it
            section = _section_of(command, key)
            if key.startswith(section.prefix) or key == section.table:
                own.append(text)
            elif section.table == "items":
                both.append(text)
            else:
                own.append(f"{section.prefix}{text}")
        self._own, self._both = apply_overrides({}, own), apply_overrides({}, both)
        for section in TAKES[command]:
            self._require_known(section, self._values(section))
            if section.table == "items":
                self._require_known(section, self._both)

    @classmethod
    def here(cls) -> Given:
        """Those of the command that runs."""
        return cls(*_RUNNING.get())

    def of(self, model: type[S], options: Mapping[str, Any] | None = None, **defaults: Any) -> S:
        """The settings of a class; of several tables of it those of the first.

        Args:
            model: The class.
            options: What the command's options say, or it decides, by dotted key; None
                where an option was not given.
            defaults: Values of the command where nothing is said.

        Raises:
            InputError: A value is wrong, or given twice.
        """
        section = next(one for one in TAKES[self._command] if one.model is model)
        return self._of(section, model, options, defaults)

    def of_table(self, table: str, model: type[S], options: Mapping[str, Any], **defaults: Any) -> S:
        """The same of a table that is not the first of its class."""
        section = next(one for one in TAKES[self._command] if one.table == table)
        return self._of(section, model, options, defaults)

    def table(self, model: type[Settings]) -> dict[str, Any]:
        """The settings of a class as they were given, for values that they are to be put on."""
        return self._values(next(one for one in TAKES[self._command] if one.model is model))

    def items(self, path: str, options: Mapping[str, Any] | None = None, **defaults: Any) -> ItemSource:
        """The declaration of questions.

        Args:
            path: Where they are.
            options: What the command's options say; None where one was not given.
            defaults: Values of the command where nothing is said.
        """
        return self._source("items", path, options, defaults)

    def shots(
        self, path: str | None, options: Mapping[str, Any] | None = None, **defaults: Any
    ) -> ItemSource | None:
        """The declaration of demonstrations, like that of questions; None where no file is named."""
        if path is None:
            self.none("shots", "--shots-from")
            return None
        return self._source("shots", path, options, defaults)

    def none(self, table: str, option: str) -> None:
        """Refuse settings of what is not there, because an option was not given."""
        given = [*self._own.get(table, ()), *(self._both if table == "items" else ())]
        if given:
            raise InputError(
                "a setting of what is not read", field=f"{table}.{given[0]}", remedy=f"Give {option}, too."
            )

    def _source(
        self, table: str, path: str, options: Mapping[str, Any] | None, defaults: dict[str, Any]
    ) -> ItemSource:
        from harmonia.data import ItemSource
        from harmonia.pipeline.settings_file import merged

        section = next(one for one in TAKES[self._command] if one.table == table)
        both = _with(self._both, section, options or {})
        both = {key: value for key, value in both.items() if table == "items" or key not in ("limit", "seed")}
        values = merged(merged(defaults, both), self._values(section))
        return self._made(ItemSource, section, {**values, "path": path})

    def _of(
        self, section: Section, model: type[S], options: Mapping[str, Any] | None, defaults: dict[str, Any]
    ) -> S:
        from harmonia.pipeline.settings_file import merged

        values = _with(self._values(section), section, options or {})
        return self._made(model, section, merged(defaults, values))

    def _values(self, section: Section) -> dict[str, Any]:
        if not section.table:
            return {key: value for key, value in self._own.items() if key in section.model.model_fields}
        values = self._own.get(section.table, {})
        if not isinstance(values, dict):
            raise InputError(
                "a table of settings, not one",
                field=section.table,
                seen=values,
                remedy=f"Write {section.table}.KEY=VALUE.",
            )
        return values

    def _require_known(self, section: Section, values: Mapping[str, Any]) -> None:
        # A table may be of one class or of another: a local model, or a served one.
        same = [one for one in TAKES[self._command] if one.table == section.table]
        known = [one.key for each in same for one in each.settings()]
        shown = "" if section.table == "items" else section.prefix
        for key in _leaves(values):
            if not any(f"{one}.".startswith(f"{shown}{key}.") for one in known):
                raise unknown(self._command, f"{shown}{key}")

    def _made(self, model: type[S], section: Section, values: Mapping[str, Any]) -> S:
        from harmonia.parsing import table_of_settings

        remedy = f"`harmonia settings {self._command}` says what it may be."
        return table_of_settings(model, values, section.table, remedy=remedy)


class Command(TyperCommand):
    """A command; what it takes beside its options stands in `TAKES`."""

    def __init__(self, name: str | None, **about: Any) -> None:
        super().__init__(name, **about)
        self.allow_extra_args = name in TAKES and not any(one.nargs == -1 for one in self.params)
        if name in TAKES:
            self.epilog = f"KEY=VALUE: harmonia settings {name} lists what there is."

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The parts of the usage line."""
        return [*super().collect_usage_pieces(ctx), *(["[KEY=VALUE]..."] if self.allow_extra_args else [])]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take the options; those that are KEY=VALUE now are read so, which is told."""
        return super().parse_args(ctx, self._as_now(args) if self.allow_extra_args else args)

    def invoke(self, ctx: Any) -> Any:
        """Run, with the KEY=VALUE texts at hand."""
        token = _RUNNING.set((str(self.name), ctx.args))
        try:
            return super().invoke(ctx)
        finally:
            _RUNNING.reset(token)

    def _as_now(self, args: list[str]) -> list[str]:
        options = {name: one for one in self.params for name in one.opts}
        kept: list[str] = []
        moved: dict[str, list[str]] = {}
        rest = list(args)
        while rest:
            word = rest.pop(0)
            name, equals, value = word.partition("=")
            if name in options or not _settings_of(str(self.name), name):
                kept.append(word)
                if name in options and not equals and not getattr(options[name], "is_flag", False):
                    kept += rest[:1]
                    del rest[:1]
                continue
            if not equals:
                value = rest.pop(0) if rest and not rest[0].startswith("--") and "=" not in rest[0] else ""
            moved.setdefault(name, []).append(value)
        new = [
            f"{one.key}={_value(one, name, values)}"
            for name, values in moved.items()
            for one in _settings_of(str(self.name), name)
        ]
        now = f"{shlex.join(new)}: {shlex.join(['harmonia', str(self.name), *kept, *new])}"
        if any(text.endswith("=VALUE") for text in new):
            raise InputError("an option without its value", field=next(iter(moved)), remedy=f"Write {now}")
        if moved:
            log.warning("%s is no option any more and is read as %s", ", ".join(moved), now)
        return [*kept, *new]


def _settings_of(command: str, option: str) -> list[Described]:
    """The settings that an option of version 0.1 set."""
    if not option.startswith("--") or option == "--help":
        return []
    found = named(command, option.removeprefix("--").removeprefix("no-").replace("-", "_"))
    return [one for one in found if not one.kind.startswith("table")]


def _value(setting: Described, name: str, values: Sequence[str]) -> str:
    if setting.kind.startswith("[["):
        return f"[{','.join(f'[{value}]' for value in values)}]"
    if setting.kind.startswith("["):
        return f"[{','.join(values)}]"
    if setting.kind.startswith("true"):
        return "false" if name.startswith("--no-") else "true"
    if "text" in setting.kind and re.search(r"[:{\[#\\]", values[-1]):
        return json.dumps(values[-1]).replace(r"\\n", r"\n")
    return values[-1] or "VALUE"


def _section_of(command: str, key: str) -> Section:
    for section in TAKES[command]:
        if section.holds(key):
            return section
    raise unknown(command, key)


def _with(values: Mapping[str, Any], section: Section, options: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with those that options say; None where one was not given."""
    from harmonia.pipeline.settings_file import merged

    found, told = dict(values), _leaves(values)
    for key, value in options.items():
        if value is None:
            continue
        if key in told:
            raise InputError(
                "given twice, as an option and as a setting",
                field=f"{section.prefix}{key}",
                seen=value,
                remedy="Give it once.",
            )
        for part in reversed(key.split(".")):
            value = {part: value}
        found = merged(found, value)
    return found


def _leaves(values: Mapping[str, Any], above: str = "") -> list[str]:
    """The dotted keys of all values."""
    found: list[str] = []
    for key, value in values.items():
        inside = isinstance(value, dict) and value
        found += _leaves(value, f"{above}{key}.") if inside else [f"{above}{key}"]
    return found
