"""One value out of a row: nested names, lists that a table holds as text, and what a value must be.

CSV has no lists, so exporters write them as text: as JSON, as Python prints them
(`{'text': ['iron', 'tin']}`), or as numpy does (`['iron' 'tin']`, `array(['iron', 'tin'],
dtype=object)`). All are read; a text that could be read in two ways stays a text.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harmonia.errors import InputError
from harmonia.parsing import parse_json

MISSING: Any = object()
"""Stands for a field that the row does not have, which null does not."""

_CORRECT = "Correct or remove the row."


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPlace:
    """Where a row stands: its file and its number there."""

    file: str
    row: int

    def wrong(self, field: str, problem: str, seen: Any, remedy: str = _CORRECT) -> InputError:
        """What is wrong with a value of the row."""
        return InputError(problem, file=self.file, row=self.row, field=field, seen=seen, remedy=remedy)

    def text(self, value: Any, field: str, *, blank: bool = False) -> str:
        """A value that must be a text, and not an empty one unless `blank`."""
        if value is MISSING:
            remedy = "Add it or remove the row."
            raise InputError("the field is missing", file=self.file, row=self.row, field=field, remedy=remedy)
        if not isinstance(value, str):
            raise self.wrong(field, f"{_kind(value)} where a text belongs", value)
        if not blank and not value.strip():
            raise self.wrong(field, "empty or only white space", value, "Fill it in or remove the row.")
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise self.wrong(field, "half a character, which no file can hold", value) from error
        return value

    def texts(self, value: Any, field: str) -> list[Any]:
        """A value that must be a list; in a table it may be spelled as text, or have an option a line."""
        found = unfold(value)
        if isinstance(found, str) and "\n" in found.strip():
            found = found.split("\n")
        if value is MISSING:
            self.text(value, field)
        if isinstance(found, str) or not isinstance(found, Sequence):
            problem = f"{_kind(found)} where a list of texts belongs"
            raise self.wrong(field, problem, found, f"Write a JSON list, or a column for each. {_CORRECT}")
        return list(found)


def first_of(bad: Sequence[InputError], *, can_skip: bool = False) -> InputError:
    """The first of some bad rows, with how many more there are.

    `can_skip` adds how a command leaves them out.
    """
    further = len(bad) - 1
    if not further and not can_skip:
        return bad[0]
    told = {0: "No further row is bad", 1: "1 further row is bad"}.get(
        further, f"{further} further rows are bad"
    )
    if can_skip:
        told += f"; on_bad_row=skip (YAML: on_bad_row: skip) leaves {'them' if further else 'it'} out"
    return bad[0].but(remedy=f"{bad[0].remedy} {told}.")


def none_of(bad: Sequence[InputError]) -> InputError:
    """The first of a file's rows, which are all bad."""
    return bad[0].but(problem=f"none of the {len(bad)} rows can be used; the first: {bad[0].problem}")


def cell(row: Mapping[str, Any], name: str) -> Any:
    """Take a value out of a row; `MISSING` if it is not there.

    A name is a field, or `outer.inner` for a field of an object; of a list of objects it gives the list of
    their fields.
    """
    if name in row:
        return row[name]
    outer, dot, inner = name.partition(".")
    value = unfold(row.get(outer)) if dot else MISSING
    if isinstance(value, Mapping):
        return cell(value, inner)
    if isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
        found = [cell(one, inner) for one in value]
        return MISSING if MISSING in found else found
    return MISSING


def unfold(value: Any) -> Any:
    """Give the list or object that a text spells; any other value is returned as it is."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("[", "{"):
        return value
    try:
        return parse_json(value, file=None)
    except InputError:
        text = value.strip()
    try:
        return _value(ast.parse(text, mode="eval").body, text)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError, tokenize.TokenError):
        return value


def _value(node: ast.AST | None, text: str) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Dict):
        return {_value(k, text): _value(v, text) for k, v in zip(node.keys, node.values, strict=True)}
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "array":
        return _value(node.args[0], text) if node.args else []
    if not isinstance(node, (ast.List, ast.Tuple)):
        raise ValueError("neither a list nor an object")
    values = [_value(one, text) for one in node.elts]
    if not all(isinstance(value, str) for value in values):
        return values
    # numpy parts the texts of a list by blanks alone, which Python takes for one long text.
    texts = _texts(ast.get_source_segment(text, node) or "")
    if len(texts) > len(values) > 1:
        raise ValueError("commas between some texts only")
    return texts


def _texts(source: str) -> list[str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return [ast.literal_eval(token.string) for token in tokens if token.type == tokenize.STRING]


def _kind(value: Any) -> str:
    return "null" if value is None else type(value).__name__
