"""JSON, JSON Lines, and journals of JSON Lines."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from harmonia.errors import InputError
from harmonia.files import require_file

MAX_DEPTH = 100
"""Lists and objects inside one another; what Python itself can nest depends on its build."""

MAX_LINE_BYTES = 64 * 2**20
MAX_VALUE_BYTES = 2**30
"""Of a file that is one value, which is read whole."""

MAX_NESTED = 2**23
"""Lists and objects of one value: in memory each takes 30 times its length as text."""

_BOM = b"\xef\xbb\xbf"
_MAX_BITS = 64
_ROWS = "Write one JSON object a line, or one array of objects."


def parse_json(
    text: str | bytes, *, file: str | Path | None, row: int | None = None, remedy: str = "Write valid JSON."
) -> Any:
    """Parse JSON strictly.

    File and row are where the text comes from; `remedy` is for text that is not JSON.

    Returns:
        The value: numbers are finite, whole ones have at most 64 bits, texts are whole
        characters.

    Raises:
        InputError: It is not JSON, is nested too deeply, has a key twice in one object, or
            holds a number or text that is none of the above.
    """
    with _told(file, row, remedy):
        value, suspect = _value(text)
        if suspect:
            _require_plain(value)
        return value


def read_json(path: Path, *, what: str, remedy: str = "Write valid JSON.") -> Any:
    """Read a file that is one JSON value.

    Raises:
        InputError: The file is missing, or as for `parse_json`.
    """
    _require_small(require_file(path, what=what))
    return parse_json(path.read_bytes(), file=path, remedy=remedy)


def read_object(path: Path, *, what: str, remedy: str = "Write a JSON object.") -> dict[str, Any]:
    """Read a file that is one JSON object.

    Raises:
        InputError: It is not, or as for `read_json`.
    """
    value = read_json(path, what=what, remedy=remedy)
    if not isinstance(value, dict):
        raise InputError(f"{what} is not a JSON object", file=path, seen=value, remedy=remedy)
    return value


def read_json_lines(path: Path, *, what: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (row from 1, object) as `json_rows` does, up to the first row that is wrong.

    Raises:
        InputError: The file is missing, or a row is not a JSON object.
    """
    for number, found in json_rows(path, what=what):
        if isinstance(found, InputError):
            raise found
        yield number, found


def json_rows(path: Path, *, what: str) -> Iterator[tuple[int, dict[str, Any] | InputError]]:
    """Yield (row from 1, object or what is wrong with it) of JSON Lines or of one JSON array.

    Rows of JSON Lines are numbered by line; blank lines are passed over.

    Raises:
        InputError: The file is missing, or is an array that is not JSON.
    """
    with require_file(path, what=what).open("rb") as handle:
        is_array = handle.read(64).removeprefix(_BOM).lstrip().startswith(b"[")
        handle.seek(0)
        if is_array:
            _require_small(path)
        for number, parse in (_array_rows if is_array else _line_rows)(handle, path):
            try:
                yield number, parse()
            except InputError as error:
                yield number, error


def _require_small(path: Path) -> None:
    if path.stat().st_size > MAX_VALUE_BYTES:
        raise InputError(
            _TOO_LONG.format(MAX_VALUE_BYTES), file=path, remedy="Write JSON Lines, an object a line."
        )


def _line_rows(handle: BinaryIO, path: Path) -> Iterator[tuple[int, Callable[[], dict[str, Any]]]]:
    for number, line in _lines(handle):
        if line.strip():
            yield number, partial(_line_object, line, path, number)


def _lines(handle: BinaryIO) -> Iterator[tuple[int, bytes]]:
    # A binary file breaks at "\n" alone; JSON texts may hold the other line ends of Unicode.
    number = 0
    while line := handle.readline(MAX_LINE_BYTES):
        number += 1
        yield number, line
        while not line.endswith(b"\n") and (line := handle.readline(MAX_LINE_BYTES)):
            pass  # the rest of a line that is too long


def _line_object(line: bytes, path: Path, number: int) -> dict[str, Any]:
    with _told(path, number, _ROWS):
        if len(line) == MAX_LINE_BYTES:
            raise _Unfit(f"a line of more than {MAX_LINE_BYTES // 2**20} MiB")
        value, suspect = _value(line)
    return _object_of(value, path, number, suspect)


def _array_rows(handle: BinaryIO, path: Path) -> Iterator[tuple[int, Callable[[], dict[str, Any]]]]:
    with _told(path, None, _ROWS):
        values, suspect = _value(handle.read())
    for number, value in enumerate(values, start=1):
        yield number, partial(_object_of, value, path, number, suspect)


def _object_of(value: Any, path: Path, row: int, suspect: bool) -> dict[str, Any]:
    if suspect:
        with _told(path, row, _ROWS):
            _require_plain(value)
    if not isinstance(value, dict):
        raise InputError("not a JSON object", file=path, row=row, seen=value, remedy=_ROWS)
    return value


def _value(text: str | bytes) -> tuple[Any, bool]:
    """What a text says, and whether it may hold what grammar lets through: deep nesting, no characters."""
    if len(text) > MAX_VALUE_BYTES:
        raise _Unfit(_TOO_LONG.format(MAX_VALUE_BYTES))
    if isinstance(text, bytes):
        text = text.removeprefix(_BOM).decode("utf-8")  # in the place of the bytes, so that they can go
    nested = text.count("[") + text.count("{")
    if nested > MAX_NESTED and _nested_outside_texts(text) > MAX_NESTED:
        raise _Unfit(f"more than {MAX_NESTED:,} lists and objects in one value")
    return _DECODER.decode(text), nested > MAX_DEPTH or "\\u" in text


def _nested_outside_texts(text: str) -> int:
    """How many lists and objects a value has; brackets inside texts, as of code, are none."""
    count, inside = 0, False
    for token in _TOKEN.finditer(text):
        if token[0] == '"':
            inside = not inside
        elif not inside and token[0] in "[{":
            count += 1
    return count


class _Unfit(Exception):
    """JSON by its grammar that is no value for us."""

    def __init__(self, problem: str, field: str | None = None, *seen: Any) -> None:
        self.problem, self.field, self.seen = problem, field, seen


@contextmanager
def _told(file: str | Path | None, row: int | None, remedy: str) -> Iterator[None]:
    """What is wrong with the JSON parsed inside, as an `InputError`."""
    try:
        yield
    except UnicodeDecodeError as error:
        problem = f"byte {error.start + 1}{' of the line' if row else ''} is not UTF-8"
        bad = error.object[error.start : error.start + 4]
        raise InputError(problem, file=file, row=row, seen=bad, remedy="Save the file as UTF-8.") from error
    except json.JSONDecodeError as error:
        problem = f"not JSON ({error.msg}, column {error.colno})"
        line = row or (error.lineno if "\n" in error.doc else None)
        around = error.doc.strip() if row else error.doc.split("\n")[error.lineno - 1]
        raise InputError(problem, file=file, row=line, seen=around, remedy=remedy) from error
    except RecursionError as error:
        raise InputError(_TOO_DEEP, file=file, row=row, remedy=remedy) from error
    except _Unfit as unfit:
        seen = {"seen": unfit.seen[0]} if unfit.seen else {}
        raise InputError(
            unfit.problem, file=file, row=row, field=unfit.field, remedy=remedy, **seen
        ) from None


_TOO_LONG = "one JSON value of more than {:,} bytes"
_TOO_DEEP = f"more than {MAX_DEPTH} lists and objects inside one another"
_TOKEN = re.compile(r'\\.|["\[{]', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        ((twice, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise _Unfit("the key stands twice in one object", twice)
    return value


def _whole(digits: str) -> int:
    if len(digits) > _MAX_BITS or int(digits).bit_length() > _MAX_BITS:
        raise _Unfit(f"a whole number of {len(digits)} digits, more than {_MAX_BITS} bits")
    return int(digits)


def _real(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise _Unfit("a number too large to be held", None, digits)
    return value


def _constant(name: str) -> float:
    raise _Unfit(f"{name}, which is not JSON; a missing number is null")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_whole, parse_float=_real, parse_constant=_constant
)


def _require_plain(value: Any, depth: int = 0, place: str = "") -> None:
    if depth > MAX_DEPTH:
        raise _Unfit(_TOO_DEEP)
    if isinstance(value, str) and _SURROGATE.search(value):
        raise _Unfit("half of a surrogate pair, which is not a character", place[1:] or None, value)
    if isinstance(value, dict):
        for name, inner in value.items():
            _require_plain(name, depth, place)
            _require_plain(inner, depth + 1, f"{place}.{name}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            _require_plain(inner, depth + 1, f"{place}.{number}")
