"""JSON Lines whose broken lines can be named and left out one by one.

`harmonia.files.read_json_lines` stops at the first broken line, as it should for
files that harmonia wrote itself. Files of users are read here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harmonia.data.records import BadRow, bad_row
from harmonia.errors import InputError
from harmonia.files import require_file

__all__ = ["read_json_rows"]

_BOM = b"\xef\xbb\xbf"


def read_json_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]] | BadRow]:
    """Yield (line from 1, object) for each line that is not blank, or what is wrong with it.

    Args:
        path: A JSON Lines file; a byte order mark at its start is taken off.

    Yields:
        A pair for a line that holds a JSON object, a `BadRow` for any other.

    Raises:
        InputError: `path` is not a file.
    """
    with require_file(path, what="the JSONL file").open("rb") as handle:
        # A binary file breaks at "\n" alone; JSON texts may hold the other line ends of Unicode.
        for line, data in enumerate(handle, start=1):
            content = data.removeprefix(_BOM) if line == 1 else data
            if not content.strip():
                continue
            try:
                yield line, _object(content, path, line)
            except InputError as error:
                yield bad_row(error)


def _object(content: bytes, path: Path, line: int) -> dict[str, Any]:
    remedy = "Write one JSON object a line."
    try:
        value = json.loads(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        seen = content[error.start : error.start + 4]
        problem = f"byte {error.start + 1} of the line is not UTF-8"
        raise InputError(problem, file=path, row=line, seen=seen, remedy="Save the file as UTF-8.") from error
    except json.JSONDecodeError as error:
        problem = f"not JSON ({error.msg}, column {error.colno})"
        raise InputError(problem, file=path, row=line, seen=error.doc.strip(), remedy=remedy) from error
    except (ValueError, RecursionError) as error:
        # A number of thousands of digits, or thousands of brackets: JSON, but none that Python reads.
        raise InputError(f"not readable JSON ({error})", file=path, row=line, remedy=remedy) from error
    if not isinstance(value, dict):
        raise InputError("not a JSON object", file=path, row=line, seen=value, remedy=remedy)
    return value
