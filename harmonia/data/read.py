"""Reading items: the whole of the first arrow of the flow.

ItemSource -> tables -> layout -> drafts -> form of the answers -> items -> repeats -> limit
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harmonia.data.answers import AnswerCell, AnswerForm, find_form, require_numbering
from harmonia.data.cells import RowPlace, cell, first_of, none_of
from harmonia.data.columns import Layout, find_layout
from harmonia.data.items import Draft, draft_of, item_of
from harmonia.data.other_options import OWN_ORDER, speak_of_others
from harmonia.data.source import ItemSource
from harmonia.data.tables import DataTable, open_tables, require_subjects
from harmonia.errors import InputError
from harmonia.files import write_json_lines
from harmonia.hashing import sample
from harmonia.types import Item


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadResult:
    """What a declaration gave.

    Attributes:
        items: The items, in the order of the files.
        skipped: The rows left out as bad.
        repeated: Ids of the items that share a question, a tuple for each such
            question, counted before any was dropped and before the limit. Questions
            are compared without regard to case and white space, and without the
            options.
        copies: Rows left out because their id, question, options and answer had been
            read before.
        notes: What should be known of the reading, a sentence each.
    """

    items: tuple[Item, ...]
    skipped: tuple[InputError, ...]
    repeated: tuple[tuple[str, ...], ...]
    copies: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """One table on its way to items: its rows, their texts checked."""

    table: DataTable
    layout: Layout
    rows: list[Draft | InputError]

    @property
    def asked(self) -> list[AnswerCell]:
        return [row.asked for row in self.rows if isinstance(row, Draft)]


def read_items(source: ItemSource, root: Path | None = None) -> ReadResult:
    """Read the items of a declaration.

    A relative path starts from `root`; None is the current folder.

    Raises:
        InputError: Nothing can be read, a file has no good row, or the form of the answers
            cannot be told. Or a row is bad and the declaration does not skip bad rows.
    """
    path = Path(source.path).expanduser() if root is None else root / Path(source.path).expanduser()
    return items_of(open_tables(path, source), source)


def items_of(tables: Sequence[DataTable], source: ItemSource) -> ReadResult:
    """The items of tables that are read already, whose rows are taken out; as for `read_items`."""
    readings = _readings(tables, source)
    forms, shown = _forms(readings, told=source.columns.answer_form is not None)
    found = _Found()
    empty = [reading for reading in readings if not found.add(reading, forms[reading.layout])]
    if found.bad and source.on_bad_row == "fail":
        raise first_of(found.bad, can_skip=True)
    for reading in empty:
        raise none_of([row for row in found.bad if row.file == reading.table.file])
    everything = [item for item, _ in found.items.values()]
    repeated = _repeated(everything)
    items: Sequence[Item] = everything
    if source.drop_repeated:
        later = {name for group in repeated for name in group[1:]}
        items = [item for item in items if item.id not in later]
    if source.limit is not None:
        items = sample(source.seed, "limit", items, [item.id for item in items], source.limit)
    return ReadResult(
        items=tuple(items),
        skipped=tuple(found.bad),
        repeated=repeated,
        copies=found.copies,
        notes=_notes(readings, found, shown, sum(len(ids) - 1 for ids in repeated)),
    )


def write_skipped(result: ReadResult, path: Path) -> None:
    """Write the rows left out, one JSON object a line: file, row, field, problem, seen, remedy."""
    write_json_lines(path, (error.parts() for error in result.skipped))


def _notes(readings: Sequence[_Reading], found: _Found, shown: bool, repeated: int) -> tuple[str, ...]:
    unnamed = any(reading.layout.id is None for reading in readings)
    unsaid = not all(item.domain for item, _ in found.items.values())
    fixed = sum(speak_of_others(item.choices) for item, _ in found.items.values())
    left = set[str]()
    for one in readings:
        left |= set(one.table.columns) - {
            part for name in one.layout.names for part in (name, name.split(".")[0])
        }
    said = {
        f"bad rows left out: {len(found.bad)}": found.bad,
        f"columns not read: {', '.join(sorted(left))}": left,
        "no column of ids: items are called by their content": unnamed,
        "no domain is said, so prompts name none (`domain`)": unsaid,
        "read as counted from 0, which no answer shows (`columns.answer_form`)": not shown,
        f"rows that stand more than once, kept once: {found.copies}": found.copies,
        f"items that nobody reorders, with {OWN_ORDER}: {fixed}": fixed,
        f"rows with fewer options than there are columns: {found.short}": found.short,
        f"questions repeated under another id: {repeated}": repeated,
    }
    return tuple(note for note, holds in said.items() if holds)


def _readings(tables: Sequence[DataTable], source: ItemSource) -> list[_Reading]:
    """The tables' rows about the subjects asked for, their texts checked."""
    readings = []
    there: set[str] = set()
    for table in tables:
        if not table.rows:
            raise InputError("the file has no rows", file=table.file, remedy="Give a file with rows.")
        wrong = [row for _, row in table.rows if isinstance(row, InputError)]
        if len(wrong) == len(table.rows):
            raise none_of(wrong)
        reading = _Reading(table=table, layout=find_layout(table, source), rows=[])
        table.rows.reverse()
        while table.rows:
            number, row = table.rows.pop()
            place = RowPlace(file=table.file, row=number)
            try:
                if isinstance(row, InputError):
                    raise row
                subject = _subject(row, reading, place, source)
                there.add(subject)
                if source.chosen is None or subject in source.chosen:
                    domain = source.domain or subject
                    # Files of subjects number their rows anew; a column of ids does not.
                    prefix = (table.subject or "") if reading.layout.id else subject
                    reading.rows.append(draft_of(row, reading.layout, place, domain=domain, prefix=prefix))
            except InputError as error:
                reading.rows.append(error)
        # A shard may hold none of the subjects asked for.
        if reading.rows:
            readings.append(reading)
    if source.chosen is not None and there:
        if there == {""}:
            problem = "subjects are chosen, and no column or file name tells the subject"
            remedy = "Leave them out, or name the subject's column (`columns.subject`)."
            raise InputError(problem, file=tables[0].file, field="subjects", remedy=remedy)
        require_subjects(source.chosen, there, tables[0].file)
    return readings


def _subject(row: Mapping[str, Any], reading: _Reading, place: RowPlace, source: ItemSource) -> str:
    """What the file says that a row is about; empty where it says nothing."""
    column = reading.layout.subject
    if column is None:
        return reading.table.subject or ""
    value = cell(row, column)
    if source.domain is not None and not isinstance(value, str):
        return ""
    return place.text(value, column).strip()


def _forms(readings: Sequence[_Reading], *, told: bool) -> tuple[dict[Layout, AnswerForm], bool]:
    """How the answers of each layout are written, and whether all numbers show where they count from."""
    alike: dict[Layout, list[_Reading]] = {}
    for reading in readings:
        alike.setdefault(reading.layout, []).append(reading)
    forms: dict[Layout, AnswerForm] = {}
    shown = True
    for layout, members in alike.items():
        asked = [one for reading in members for one in reading.asked]
        form = layout.answer_form or find_form(asked, layout.answer)
        # One file among many may count otherwise; what a file of few rows does not show, all together may.
        for rows in [*(reading.asked for reading in members), asked]:
            shows = require_numbering(rows, form, layout.answer, told=told)
        shown &= shows or told
        forms[layout] = form
    return forms, shown


class _Found:
    """The items found so far by id, with their places; what is bad, and what was counted."""

    def __init__(self) -> None:
        self.items: dict[str, tuple[Item, RowPlace]] = {}
        self.bad: list[InputError] = []
        self.copies = 0
        self.short = 0

    def add(self, reading: _Reading, form: AnswerForm) -> int:
        """Add a table's rows and return how many are good."""
        table, before, count = reading.table, len(self.bad), len(reading.rows)
        reading.rows.reverse()
        while reading.rows:
            row = reading.rows.pop()  # it is needed no more
            try:
                if isinstance(row, InputError):
                    raise row
                item = item_of(row, reading.layout, form, source=table.source, split=table.split)
                self._keep(item, row, reading.layout)
            except InputError as error:
                self.bad.append(error)
        return count - (len(self.bad) - before)

    def _keep(self, item: Item, row: Draft, layout: Layout) -> None:
        other, first = self.items.setdefault(item.id, (item, row.asked.place))
        if first is row.asked.place:
            self.short += row.short
        elif _content(other) == _content(item):
            self.copies += 1
        else:
            where = f"row {first.row}" + (f" of {first.file}" if first.file != row.asked.place.file else "")
            problem = f"this id was used before with another content, in {where}"
            raise row.asked.place.wrong(layout.id or "id", problem, item.id, "Give each row its own.")


def _content(item: Item) -> tuple[str, ...]:
    return (item.domain, item.question, item.choices[item.answer], *item.choices)


def _repeated(items: Sequence[Item]) -> tuple[tuple[str, ...], ...]:
    def plain(item: Item) -> str:
        return " ".join(item.question.casefold().split())

    count = Counter(hash(plain(item)) for item in items)
    groups: dict[str, list[str]] = {}
    for item in items:
        if count[hash(text := plain(item))] > 1:
            groups.setdefault(text, []).append(item.id)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)
