"""MMLU CSV files, with a header or without.

Source: "Measuring Massive Multitask Language Understanding" (Hendrycks et al., 2021);
its own archive has no header and letter answers, converted copies have a header
`question,choice0,...,answer` and index answers.

Columns: with a header by name, in whatever order: `question`, `choice0`, `choice1`, ...
or `A`, `B`, ..., `answer`, and `explanation` if there is one. Without: question,
options, answer. An answer is a letter or an index from 0.

Items are called `SUBJECT/NUMBER`, NUMBER being the data row from 0: a bad row above
does not shift it.
"""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harmonia.data.csv_rows import CsvRow, read_csv_rows, read_header, with_width
from harmonia.data.naming import place_of, subject_and_split
from harmonia.data.records import MISSING, BadRow, FileRows, Layout, RawRow
from harmonia.data.rows import check_rows
from harmonia.errors import InputError

if TYPE_CHECKING:
    from harmonia.data.source import ItemSource

__all__ = ["read"]


def read(path: Path, source: ItemSource) -> Iterator[FileRows]:
    """Read the file of one subject.

    Args:
        path: The CSV file, `SUBJECT_SPLIT.csv`.
        source: Its declaration.

    Yields:
        The rows of the file.

    Raises:
        InputError: The file is not there, cannot be read as CSV, lacks a column, or
            is of another split.
    """
    rows = read_csv_rows(path)
    header = read_header(path)
    names = _numbered(rows) if header is None else header
    subject, split = subject_and_split(path)
    layout = Layout(choices=_choice_names(names, path), forms=("digits", "letter"))
    for name in (layout.question, layout.answer):
        if name not in names:
            remedy = "Name the columns `question`, `choice0`, ..., `answer`."
            raise InputError("no such column", file=path, row=1, field=name, seen=list(names), remedy=remedy)
    data = rows if header is None else rows[1:]
    raws = (
        _raw_row(row, names, f"{subject}/{number}", source.domain or subject, layout, path)
        for number, row in enumerate(data)
    )
    yield check_rows(raws, place=place_of(path, path, source, split))


def _numbered(rows: Sequence[CsvRow | BadRow]) -> tuple[str, ...]:
    # The width that most rows have, so that one broken first row does not condemn the others.
    widths = Counter(len(row.cells) for row in rows if isinstance(row, CsvRow))
    width = widths.most_common(1)[0][0]
    return ("question", *(f"choice{k}" for k in range(width - 2)), "answer")


def _choice_names(names: tuple[str, ...], path: Path) -> tuple[str, ...]:
    for family in ([f"choice{k}" for k in range(len(names))], list(string.ascii_lowercase)):
        found = [name for name in family if name in names]
        if len(found) >= 2 and found == family[: len(found)]:
            return tuple(found)
    raise InputError(
        "no option columns `choice0`, `choice1`, ... or `A`, `B`, ... without a gap",
        file=path,
        row=1,
        seen=list(names),
        remedy="Name the columns so, or have no header: question, options, answer.",
    )


def _raw_row(
    row: CsvRow | BadRow, names: tuple[str, ...], name: str, domain: str, layout: Layout, path: Path
) -> RawRow | BadRow:
    checked = row if isinstance(row, BadRow) else with_width(row, len(names), path)
    if isinstance(checked, BadRow):
        return checked
    cells = dict(zip(names, checked.cells, strict=True))
    return RawRow(
        row=checked.line,
        domain=domain,
        id=name,
        question=cells[layout.question],
        choices=[cells[choice] for choice in layout.choices],
        answer=cells[layout.answer],
        explanation=cells.get("explanation", MISSING),
        layout=layout,
    )
