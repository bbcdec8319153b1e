"""C-Eval and CMMLU CSV files: Chinese exams by subject.

Source: "C-Eval: A Multi-Level Multi-Discipline Chinese Evaluation Suite for Foundation
Models" (Huang et al., 2023) and "CMMLU: Measuring massive multitask language
understanding in Chinese" (Li et al., 2023).

Columns: C-Eval `id,question,A,B,C,D,answer` and, in its dev split, `explanation`; its
test split comes without answers. CMMLU `,Question,A,B,C,D,Answer`, where the first
column has no name and numbers the rows. Answers are letters.

Both number their rows anew in each subject, so items are called `SUBJECT/ID`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from harmonia.data.csv_rows import CsvRow, peek_cells, read_csv_rows, read_header, with_width
from harmonia.data.naming import place_of, subject_and_split
from harmonia.data.records import MISSING, BadRow, FileRows, Layout, RawRow
from harmonia.data.rows import check_rows
from harmonia.errors import InputError

if TYPE_CHECKING:
    from harmonia.data.source import ItemSource

__all__ = ["is_ceval", "read"]

_IDS = ("id", "")
_CHOICES = ("a", "b", "c", "d")
_ANSWER = "answer"


def is_ceval(header: tuple[str, ...]) -> bool:
    """Say whether a header, in small letters, is that of C-Eval or CMMLU."""
    return header[0] in _IDS and {"question", *_CHOICES} <= set(header)


def read(path: Path, source: ItemSource) -> Iterator[FileRows]:
    """Read the file of one subject.

    Args:
        path: The CSV file, `SUBJECT_SPLIT.csv` or `SPLIT/SUBJECT.csv`.
        source: Its declaration.

    Yields:
        The rows of the file.

    Raises:
        InputError: The file is not there, cannot be read as CSV, lacks a column, has
            no answers, or is of another split.
    """
    rows = read_csv_rows(path)
    header = read_header(path)
    if header is None or not is_ceval(header):
        raise InputError(
            "not the header of C-Eval (`id,question,A,B,C,D,answer`) or CMMLU (`,Question,A,B,C,D,Answer`)",
            file=path,
            row=1,
            seen=list(peek_cells(path)),
            remedy="Use `reader: mmlu` for MMLU files.",
        )
    subject, split = subject_and_split(path)
    layout = Layout(id=header[0] or "(first column)", choices=_CHOICES, forms=("letter",))
    data = rows[1:]
    _require_answers(header, data, path)
    raws = (_raw_row(row, header, subject, source.domain or subject, layout, path) for row in data)
    yield check_rows(raws, place=place_of(path, path, source, split))


def _require_answers(header: tuple[str, ...], data: list[CsvRow | BadRow], path: Path) -> None:
    whole = [row.cells for row in data if isinstance(row, CsvRow) and len(row.cells) == len(header)]
    if _ANSWER in header and (not whole or any(cells[header.index(_ANSWER)].strip() for cells in whole)):
        return
    raise InputError(
        "the file has no answers; C-Eval withholds those of its test split",
        file=path,
        field=_ANSWER,
        remedy="Take the split `val` (or `dev`).",
    )


def _raw_row(
    row: CsvRow | BadRow, header: tuple[str, ...], subject: str, domain: str, layout: Layout, path: Path
) -> RawRow | BadRow:
    checked = row if isinstance(row, BadRow) else with_width(row, len(header), path)
    if isinstance(checked, BadRow):
        return checked
    cells = dict(zip(header, checked.cells, strict=True))
    number = cells[header[0]].strip()
    return RawRow(
        row=checked.line,
        domain=domain,
        # A blank number stays blank, so that the check of all rows names it.
        id=f"{subject}/{number}" if number else number,
        question=cells["question"],
        choices=[cells[choice] for choice in _CHOICES],
        answer=cells[_ANSWER],
        explanation=cells.get("explanation", MISSING),
        layout=layout,
    )
