"""A table is a list of column declarations, applied to records."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Generic, TypeVar

__all__ = ["Column", "Entry", "Line", "Table", "build"]

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What stands in a cell: a text, and small print under it."""

    text: str
    small: tuple[str, ...] = ()


@dataclass(frozen=True)  # slots break `Column[Record](...)` before Python 3.12
class Column(Generic[Record]):
    """One column.

    Attributes:
        name: Name in the HTML, to find it by.
        heading: What stands at its head.
        cell: What stands in its cells.
        above: A heading that spans it and its neighbours with the same one.
        kind: `head` names the row, `number` is set flush right, `text` flush left,
            `long` may break over lines, `prose` is long and wide, `code` in a fixed width.
    """

    name: str
    heading: str
    cell: Callable[[Record], Entry | str]
    above: str = ""
    kind: str = "number"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A row; `marked` sets it off from the others, `starts` begins a section."""

    entries: tuple[Entry, ...]
    marked: bool = False
    starts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table ready for the page: `columns` as (name, heading, kind), `spans` as (heading, width)."""

    caption: str
    columns: tuple[tuple[str, str, str], ...]
    spans: tuple[tuple[str, int], ...]
    lines: tuple[Line, ...]


def build(
    caption: str,
    columns: Iterable[Column[Record]],
    records: Iterable[Record],
    *,
    marked: Callable[[Record], bool] = lambda _: False,
    section: Callable[[Record], str] = lambda _: "",
) -> Table:
    """Apply column declarations to records.

    Args:
        caption: What the table shows.
        columns: The columns, from left to right.
        records: One record per row.
        marked: Which rows to set off.
        section: What stays the same within a run of rows that belong together.
    """
    columns = tuple(columns)
    spans = tuple(
        (above, len(list(same))) for above, same in groupby(columns, key=lambda column: column.above)
    )
    lines: list[Line] = []
    for _, same_section in groupby(records, key=section):
        for place, record in enumerate(same_section):
            entries = tuple(_entry(column.cell(record)) for column in columns)
            starts = place == 0 and bool(lines)
            lines.append(Line(entries=entries, marked=marked(record), starts=starts))
    return Table(
        caption=caption,
        columns=tuple((column.name, column.heading, column.kind) for column in columns),
        spans=spans if any(above for above, _ in spans) else (),
        lines=tuple(lines),
    )


def _entry(value: Entry | str) -> Entry:
    return Entry(text=value) if isinstance(value, str) else value
