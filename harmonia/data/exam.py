"""Exam JSONL: one question a line, plain or in the raw form of the study's release.

Source: the data release of "Learning or Self-aligning? Rethinking Instruction
Fine-tuning" (Ren et al., 2024), which holds Xiezhi in English and MedMCQA; and any
file of one's own in this form.

Columns: `id`, `question`, `choices` (list), `answer` (index from 0, or a letter) and
`explanation` (may be missing or null). Other fields (`gen_exp`, `probs`, `pred`,
`output`, ...) are ignored. A row without `question`, `choices` or `answer` is read
from its field `raw`: `question`, `options` (one a line) and `answer`, there the text
of the right option.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harmonia.data.json_rows import read_json_rows
from harmonia.data.naming import SPLITS, place_of
from harmonia.data.records import MISSING, BadRow, FileRows, Layout, RawRow
from harmonia.data.rows import check_rows

if TYPE_CHECKING:
    from harmonia.data.source import ItemSource

__all__ = ["read"]

_PLAIN = Layout(forms=("index", "letter"))
_RAW = Layout(question="raw.question", choices="raw.options", answer="raw.answer", forms=("text",))
_ASKED = ("question", "choices", "answer")


def read(path: Path, source: ItemSource) -> Iterator[FileRows]:
    """Read an exam file.

    Args:
        path: The JSONL file.
        source: Its declaration; `domain` and `split` name what the path does not.

    Yields:
        The rows of the file.

    Raises:
        InputError: The file is not there, or is of another split.
    """
    folder = path.absolute().parent.name
    split = path.stem if path.stem in SPLITS else ""
    domain = folder if source.domain is None else source.domain
    raws = (
        row if isinstance(row, BadRow) else _raw_row(row[0], row[1], domain) for row in read_json_rows(path)
    )
    yield check_rows(raws, place=place_of(path, path, source, split))


def _raw_row(line: int, fields: dict[str, Any], domain: str) -> RawRow:
    raw = fields.get("raw", MISSING)
    if all(name in fields for name in _ASKED) or not isinstance(raw, dict):
        asked = {name: fields.get(name, MISSING) for name in _ASKED}
        layout = _PLAIN
    else:
        options = raw.get("options", MISSING)
        asked = {
            "question": raw.get("question", MISSING),
            "choices": options.split("\n") if isinstance(options, str) else options,
            "answer": raw.get("answer", MISSING),
        }
        layout = _RAW
    return RawRow(
        row=line,
        domain=domain,
        id=fields.get("id", MISSING),
        explanation=fields.get("explanation", MISSING),
        layout=layout,
        **asked,
    )
