"""YAML: settings."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harmonia.errors import InputError

MAX_DEPTH = 50
MAX_VALUES = 100_000
"""Values of a text with its aliases written out."""

MAX_CHARACTERS = 1_000_000
_MAX_BITS = 64
_NO_CHARACTER = re.compile("[\0\ud800-\udfff]")
_TAG = "tag:yaml.org,2002:"
_PLAIN = {"null", "bool", "int", "float", "str", "timestamp", "merge", "seq", "map"}


@dataclass(frozen=True, slots=True)
class Yaml:
    """What a YAML text says, and where.

    Attributes:
        values: The values.
        tree: The syntax tree.
    """

    values: Any
    tree: Any

    def line(self, place: Sequence[str]) -> int | None:
        """Line, from 1, of a value by its keys and places, or of the nearest table around it."""
        line: int | None = None
        node = self.tree
        for part in place:
            if isinstance(node, yaml.MappingNode):
                inner = [(key, value) for key, value in node.value if key.value == part]
            elif isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
                inner = [(node.value[int(part)],) * 2]
            else:
                inner = []
            if not inner:
                break
            key, node = inner[-1]  # what is merged from an alias stands before a table's own
            line = key.start_mark.line + 1
        return line


def parse_yaml(text: str, *, file: str | Path | None, field: str | None = None) -> Yaml:
    """Parse YAML of plain values.

    `field` is the setting that the text is the value of, where it is not a file.

    Raises:
        InputError: It is not YAML, is too large, has a key twice, or a tag or a value that
            is not plain. Or a number is not finite or has more than 64 bits.
    """

    def wrong(problem: str, node: yaml.Node | None = None, mark: Any = None, remedy: str = "") -> InputError:
        mark = mark or (node and node.start_mark)
        row = mark.line + 1 if mark is not None and field is None else None
        remedy = remedy or "Correct it, or write it in quotes if it is a text."
        seen = {"seen": node.value} if isinstance(node, yaml.ScalarNode) else {}
        return InputError(problem, file=file, row=row, field=field, remedy=remedy, **seen)

    if len(text) > MAX_CHARACTERS:
        raise wrong(f"more than {MAX_CHARACTERS:,} characters", remedy="Write less.")
    try:
        loader = _Loader(text)
        tree = loader.get_single_node()
        if tree is not None:
            _require_plain(tree)
        values = None if tree is None else loader.construct_document(tree)
    except _Unfit as unfit:
        raise wrong(unfit.problem, unfit.node) from unfit
    except RecursionError as error:
        raise wrong(f"more than {MAX_DEPTH} lists and tables inside one another") from error
    except yaml.YAMLError as error:
        mark, said = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        said = said or str(error).partition("\n")[0]
        raise wrong(f"not YAML ({said})", mark=mark, remedy="Mend its syntax, or quote the text.") from error
    return Yaml(values, tree)


class _Unfit(Exception):
    def __init__(self, problem: str, node: yaml.Node) -> None:
        self.problem, self.node = problem, node


class _Loader(yaml.SafeLoader):
    """Plain values."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            value = super().construct_object(node, deep=deep)
        except (_Unfit, yaml.YAMLError, RecursionError):
            raise
        except Exception as error:
            # The parser's own constructors fail in many ways on what only looks like a date or number.
            raise _Unfit(f"not a value of {node.tag.rpartition(':')[2]}", node) from error
        if isinstance(value, str) and _NO_CHARACTER.search(value):
            raise _Unfit("NUL, or half of a surrogate pair, in a text", node)
        if isinstance(value, float) and not math.isfinite(value):
            raise _Unfit("not a finite number", node)
        if isinstance(value, int) and value.bit_length() > _MAX_BITS:
            raise _Unfit(f"a whole number of more than {_MAX_BITS} bits", node)
        return value


def _require_plain(tree: yaml.Node) -> None:
    """Refuse unknown tags, repeated keys, and what is too large or endless with its aliases written out."""
    left: list[tuple[int, yaml.Node]] = [(0, tree)]
    count = 0
    while left:
        depth, node = left.pop()
        count += 1
        if depth > MAX_DEPTH:
            raise _Unfit(f"more than {MAX_DEPTH} lists and tables inside one another", node)
        if count > MAX_VALUES:
            raise _Unfit(f"more than {MAX_VALUES:,} values", node)
        if node.tag.removeprefix(_TAG) not in _PLAIN:
            raise _Unfit(f"the tag {node.tag.replace(_TAG, '!!')}, which settings do not have", node)
        if isinstance(node, yaml.MappingNode):
            _require_once(node)
            left += [(depth + 1, one) for pair in node.value for one in pair]
        elif isinstance(node, yaml.SequenceNode):
            left += [(depth + 1, one) for one in node.value]


def _require_once(table: yaml.MappingNode) -> None:
    first: dict[tuple[str, str], int] = {}
    for key, _ in table.value:
        if isinstance(key, yaml.ScalarNode):
            if (key.tag, key.value) in first:
                raise _Unfit(f"the key stands twice, first in line {first[key.tag, key.value]}", key)
            first[key.tag, key.value] = key.start_mark.line + 1
