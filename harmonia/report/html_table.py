"""A table of the page: columns, applied to records."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from harmonia.columns import columns_of
from harmonia.numbers import count
from harmonia.report.words import ABSENT, between, decimal, decimals, p_value, percent, plain, points, reach

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Record = TypeVar("Record")
Row = TypeVar("Row", bound="DataclassInstance")

_WRITTEN: dict[str, Callable[[Any], str]] = {
    **{"share": percent, "count": count, "nats": decimal, "correlation": decimal, "p-value": p_value},
    "difference of shares": lambda value: points(100 * value),
}
_ENDS = {"share": reach, "difference of shares": between}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What stands in a cell: a text, and small print under it."""

    text: str
    small: tuple[str, ...] = ()


@dataclass(frozen=True)  # slots break `PageColumn[Record](...)` before Python 3.12
class PageColumn(Generic[Record]):
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


def field(
    row: type[Row], name: str, heading: str, kind: str = "number", *, above: str = ""
) -> PageColumn[Row]:
    """A column of a result table, written as its declaration says: by its unit, over its interval.

    Args:
        row: Rows of the table.
        name: The column.
        heading: What stands at its head.
        kind: See `PageColumn`, as for what follows.
        above: A heading that spans several.
    """
    columns = {column.name: column for column in columns_of(row)}
    unit = columns[name].measure.unit
    written = plain if name in ("group", "suite") else _WRITTEN.get(unit, str)

    def cell(record: Row) -> Entry | str:
        if (value := getattr(record, name)) is None:
            return ABSENT
        if f"{name}_low" not in columns:
            return written(value)
        low, high = getattr(record, f"{name}_low"), getattr(record, f"{name}_high")
        return Entry(text=written(value), small=(_ENDS.get(unit, decimals)(low, high),))

    return PageColumn(name, heading, cell, above, kind)


def fields(row: type[Row], *, above: str = "", **headings: str) -> list[PageColumn[Row]]:
    """Columns of a result table with their headings; see `field`. What is no number is text."""
    kinds = {column.name: "text" if column.kind is str else "number" for column in columns_of(row)}
    return [field(row, name, heading, kinds[name], above=above) for name, heading in headings.items()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A row; `marked` sets it off from the others, `starts` begins a section."""

    entries: tuple[Entry, ...]
    marked: bool = False
    starts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PageTable:
    """A table ready for the page: `columns` as (name, heading, kind), `spans` as (heading, width)."""

    caption: str
    columns: tuple[tuple[str, str, str], ...]
    spans: tuple[tuple[str, int], ...]
    lines: tuple[Line, ...]


def build(
    caption: str,
    columns: Iterable[PageColumn[Record]],
    records: Iterable[Record],
    *,
    marked: Callable[[Record], bool] = lambda _: False,
    section: Callable[[Record], str] = lambda _: "",
) -> PageTable:
    """Apply columns to records.

    Args:
        caption: What the table shows.
        columns: The columns, from left to right.
        records: One record per row.
        marked: Which rows to set off.
        section: What stays the same within a run of rows that belong together.
    """
    columns = tuple(columns)
    spans = tuple((above, len(list(same))) for above, same in groupby(columns, key=lambda one: one.above))
    lines: list[Line] = []
    for _, same_section in groupby(records, key=section):
        for place, record in enumerate(same_section):
            cells = (column.cell(record) for column in columns)
            entries = tuple(Entry(text=cell) if isinstance(cell, str) else cell for cell in cells)
            starts = place == 0 and bool(lines)
            lines.append(Line(entries=entries, marked=marked(record), starts=starts))
    return PageTable(
        caption=caption,
        columns=tuple((column.name, column.heading, column.kind) for column in columns),
        spans=spans if any(above for above, _ in spans) else (),
        lines=tuple(lines),
    )
