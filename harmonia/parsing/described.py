"""What a settings class offers, for people: keys, what they may be, defaults and meanings."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """One setting.

    Attributes:
        key: Its dotted name.
        kind: What it may be: a type, or the choices.
        default: Its default as YAML, `required` if there is none.
        meaning: What it does.
        execution: Whether it cannot change a result.
    """

    key: str
    kind: str
    default: str
    meaning: str
    execution: bool


def described(model: type[BaseModel], above: str = "", *, deep: bool = False) -> Iterator[Described]:
    """The settings of a class.

    Args:
        model: The class.
        above: What stands before each key, with its dot.
        deep: Follow with the settings of the tables inside; one that cannot be left out
            is then not named itself.
    """
    said, hints = attributes_of(model), get_type_hints(model, include_extras=True)
    for name, field in model.model_fields.items():
        inside = list(inner_tables(hints[name]))
        key, extra = f"{above}{name}", field.json_schema_extra
        default = "required" if field.is_required() else _plain(field.get_default(call_default_factory=True))
        if not (deep and inside and default in ("see below", "required")):
            yield Described(
                key=key,
                kind=_kind(hints[name]),
                default=default,
                meaning=re.sub(r"\bNone\b", "`null`", said.get(name, "")),
                execution=isinstance(extra, dict) and bool(extra.get("execution")),
            )
        for table, named in inside if deep else ():
            yield from described(table, f"{key}{named}.", deep=True)


def meant(key: str, keys: Iterable[str]) -> str:
    """`Did you mean ...?` with the setting or table that is most like a key; empty if none is like it."""
    found = [".".join(one.split(".")[:end]) for one in keys for end in range(one.count(".") + 1, 0, -1)]
    by_part = {part: one for one in reversed(found) for part in (one, one.rpartition(".")[2])}
    return "".join(f"Did you mean {by_part[one]}? " for one in get_close_matches(key, by_part, 1))


def attributes_of(row: type) -> Mapping[str, str]:
    """What the Attributes sections of a class and its bases say of each field."""
    found: dict[str, str] = {}
    name = ""
    for one in reversed(row.__mro__):
        _, _, text = inspect.cleandoc(one.__dict__.get("__doc__") or "").partition("Attributes:\n")
        for line in text.splitlines():
            if match := re.fullmatch(r" {4}(\w+): (.*)", line):
                name, found[match[1]] = match[1], match[2]
            elif line.startswith(" " * 8):
                found[name] += f" {line.strip()}"
    return found


def inner_tables(annotation: Any, key: str = "") -> Iterator[tuple[type[BaseModel], str]]:
    """The settings classes in an annotation; `.NAME` for those that a table holds by name."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, key
    named = ".NAME" if get_origin(annotation) is dict else key
    for part in get_args(annotation):
        yield from inner_tables(part, named)


def _plain(value: Any) -> str:
    if isinstance(value, BaseModel):
        return "see below"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"[{', '.join(map(str, value))}]" if isinstance(value, tuple) else str(value).replace("\n", "\\n")


def _kind(annotation: Any) -> str:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(parts[0])
    if origin is Literal:
        return " | ".join(map(str, parts))
    if origin in (Union, types.UnionType):
        return " | ".join(dict.fromkeys(map(_kind, parts)))
    if origin is tuple:
        return f"[{_kind(parts[0])}, ...]"
    if origin is dict or (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return "table"
    return {str: "text", type(None): "null", bool: "true | false"}.get(annotation, str(annotation.__name__))
