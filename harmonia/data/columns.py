"""Questions from tables of any columns, given a mapping that says what each column is.

Reads what `harmonia.data.tables` finds: Parquet files, `save_to_disk` folders, data
sets of the hub. The mappings of well-known data sets are in `harmonia.data.mappings`;
one for a data set of one's own is the field `columns` of an `ItemSource`.

An item is called by the mapping's id column; without one `SUBJECT/NUMBER`, NUMBER
being the row among those of its subject, from 0; without a subject column `NUMBER`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, model_validator

from harmonia.data.answers import AnswerForm
from harmonia.data.records import MISSING, FileRows, Layout, RawRow
from harmonia.data.rows import check_rows
from harmonia.data.subjects import chosen_subjects, require_subjects
from harmonia.data.tables import Table, open_tables
from harmonia.errors import InputError

if TYPE_CHECKING:
    from harmonia.data.source import ItemSource

__all__ = ["ColumnMapping", "read", "read_tables"]


class ColumnMapping(BaseModel):
    """What the columns of a table mean; `outer.inner` names a field of a nested column.

    Attributes:
        question: Column of the question.
        choices: A column with the list of options (`choices`, `choices.text`), or
            one column for each option.
        answer: Column that says which option is right.
        answer_form: How it says so: `index` from 0, `index1` from 1, `letter`, `label`
            (looked up in `labels`), or `text` of the right option.
        labels: Column with the list of labels, for the form `label`.
        id: Column of the id; None if there is none.
        explanation: Column of the explanation; None if there is none.
        subject: Column that names the domain of an item; None if there is none.
        unanswered: What the answer column holds where the answer is withheld.
        shuffle: Orders the options of each item by a draw addressed by this name and
            the item's id; for tables that keep the right option in one place.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    question: str
    choices: str | tuple[str, ...]
    answer: str
    answer_form: AnswerForm
    labels: str | None = None
    id: str | None = None
    explanation: str | None = None
    subject: str | None = None
    unanswered: int | str | None = None
    shuffle: str | None = None

    @model_validator(mode="after")
    def _check(self) -> ColumnMapping:
        if (self.answer_form == "label") != (self.labels is not None):
            raise ValueError("`labels` names the column for `answer_form: label`: give both or neither")
        return self

    def columns(self) -> tuple[str, ...]:
        """Return all columns that the mapping names."""
        choices = (self.choices,) if isinstance(self.choices, str) else self.choices
        others = (self.labels, self.id, self.explanation, self.subject)
        return (self.question, *choices, self.answer, *(name for name in others if name is not None))

    def layout(self) -> Layout:
        """Return the mapping as the check of all rows wants it."""
        return Layout(
            id=self.id or "id",
            question=self.question,
            choices=self.choices,
            answer=self.answer,
            labels=self.labels or "labels",
            explanation=self.explanation or "explanation",
            domain=self.subject or "domain",
            forms=(self.answer_form,),
            unanswered=self.unanswered,
            shuffle=self.shuffle,
        )


def read(path: Path, source: ItemSource) -> Iterator[FileRows]:
    """Read a data set by the mapping in its declaration.

    Args:
        path: A Parquet file or a folder, or nothing that exists for a hub id.
        source: The declaration, with `columns`.

    Yields:
        The rows of each table.

    Raises:
        InputError: The declaration has no mapping, a column is not there, or the data
            set cannot be read.
    """
    if source.columns is None:
        raise InputError(
            "the reader 'columns' needs a mapping",
            file=path,
            field="columns",
            remedy="Say under `columns` which column is question, choices and answer, and its answer_form.",
        )
    name = Path(source.path).name.removesuffix(".parquet")
    yield from read_tables(open_tables(path, source), source.columns, source, name)


def read_tables(
    tables: Sequence[Table], mapping: ColumnMapping, source: ItemSource, name: str
) -> Iterator[FileRows]:
    """Read tables by a mapping.

    Args:
        tables: The tables of one data set, in order.
        mapping: What their columns mean.
        source: The declaration; `domain` and the choice of subjects count.
        name: Domain of items where neither the declaration nor a column gives one.

    Yields:
        The rows of each table, those of other subjects left out.

    Raises:
        InputError: A column is not there, subjects are chosen and nothing tells them,
            or not all of them are there.
    """
    chosen = chosen_subjects(source)
    used: dict[str, tuple[str, int]] = {}
    seen: Counter[str] = Counter()
    for table in tables:
        _require_columns(table, mapping)
        if chosen is not None and mapping.subject is None and table.subject is None:
            raise InputError(
                "subjects are chosen, and no column or folder tells the subject",
                file=table.place.file,
                field="subjects",
                remedy="Leave them out, or name the subject's column in the mapping.",
            )
        domain = source.domain or table.subject or name
        rows = _raw_rows(table, mapping, domain if source.domain or mapping.subject is None else None, seen)
        kept = (raw for subject, raw in rows if chosen is None or (subject or table.subject) in chosen)
        checked = check_rows(kept, place=table.place, used=used)
        # A shard may hold none of the subjects asked for.
        if checked.rows or chosen is None:
            yield checked
    if chosen is not None and mapping.subject is not None:
        require_subjects(chosen, set(seen), tables[0].place.file)


def _require_columns(table: Table, mapping: ColumnMapping) -> None:
    for name in mapping.columns():
        if name not in table.columns and name.partition(".")[0] not in table.columns:
            raise InputError(
                "no such column",
                file=table.place.file,
                field=name,
                seen=list(table.columns),
                remedy="Correct the mapping, or take the reader of the data set it is.",
            )


def _raw_rows(
    table: Table, mapping: ColumnMapping, domain: str | None, seen: Counter[str]
) -> Iterator[tuple[str | None, RawRow]]:
    layout = mapping.layout()
    for number, row in enumerate(table.rows(), start=1):
        subject = MISSING if mapping.subject is None else _cell(row, mapping.subject)
        # Rows of other subjects count too, so that a name does not hang on what was chosen.
        group = subject if isinstance(subject, str) else table.subject or ""
        name = f"{group}/{seen[group]}" if group else str(seen[group])
        seen[group] += 1
        choices = mapping.choices
        yield (
            subject if isinstance(subject, str) else None,
            RawRow(
                row=number,
                domain=subject if domain is None else domain,
                id=name if mapping.id is None else _cell(row, mapping.id),
                question=_cell(row, mapping.question),
                choices=_cell(row, choices) if isinstance(choices, str) else [_cell(row, c) for c in choices],
                answer=_cell(row, mapping.answer),
                explanation=MISSING if mapping.explanation is None else _cell(row, mapping.explanation),
                labels=MISSING if mapping.labels is None else _cell(row, mapping.labels),
                layout=layout,
            ),
        )


def _cell(row: Mapping[str, Any], name: str) -> Any:
    if name in row:
        return row[name]
    outer, _, inner = name.partition(".")
    value = row[outer]
    return value[inner] if isinstance(value, Mapping) and inner in value else MISSING
