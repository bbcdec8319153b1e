"""The one mapping of columns: which column of a table is the question, the options, the answer.

The user's names come first, and what he does not name has the names of a form known here,
told by its columns. So a data set of the hub is the same whether it comes as Parquet, JSON
or CSV. To add one, add its columns to `KNOWN`.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from typing import Any

from harmonia.data.cells import MISSING, cell
from harmonia.data.source import ColumnMapping, ItemSource
from harmonia.data.tables import DataTable
from harmonia.errors import InputError

_LETTERS = string.ascii_uppercase
_NUMBERS = range(len(_LETTERS))
_NEEDED = {"question": "question", "choices": "options", "answer": "answer"}
"""What a table must tell, in words."""


def _columns(
    question: str, choices: str | tuple[str, ...], answer: str, id: str | None = "id", **others: Any
) -> ColumnMapping:
    return ColumnMapping(id=id, question=question, choices=choices, answer=answer, **others)


_LABELLED = {"labels": "choices.label", "answer_form": "label"}
_EXAM = {name: name for name in ("answer", "explanation", "subject", "cluster")}
_OPTIONS = tuple(f"op{letter.lower()}" for letter in _LETTERS)
_SCIQ = ("correct_answer", *(f"distractor{k}" for k in _NUMBERS[1:]))

KNOWN: Mapping[str, ColumnMapping] = {
    # openlifescienceai/medmcqa: on the hub 0 to 3, in the original JSON 1 to 4.
    "medmcqa": _columns(
        "question", _OPTIONS, "cop", answer_form="index", explanation="exp", subject="subject_name"
    ),
    # allenai/sciq: the right option has a column of its own; unshuffled it would be the same letter always.
    "sciq": _columns(
        "question", _SCIQ, "correct_answer", None, answer_form="text", explanation="support", shuffle="sciq"
    ),
    # allenai/openbookqa
    "openbookqa": _columns("question_stem", "choices.text", "answerKey", explanation="fact1", **_LABELLED),
    # allenai/ai2_arc, tau/commonsense_qa: labelled A to E in most rows of ARC, 1 to 5 in the others.
    "arc": _columns("question", "choices.text", "answerKey", **_LABELLED),
    # Our own form, and cais/mmlu.
    "exam": _columns("question", "choices", **_EXAM),
    # The records of Ren et al. (2024): Xiezhi's own fields below `raw`.
    "raw": _columns(
        "raw.question", "raw.options", "raw.answer", answer_form="text", explanation="explanation"
    ),
    # MMLU as CSV (Hendrycks et al. 2021), with a header or without.
    "mmlu": _columns("question", tuple(f"choice{k}" for k in _NUMBERS), **_EXAM),
    # C-Eval (Huang et al. 2023), CMMLU (Li et al. 2023), and any sheet with lettered options.
    "ceval": _columns("question", tuple(_LETTERS), **_EXAM),
}
"""The columns of known data sets and forms. Of numbered options as many are read as are there."""


class Layout(ColumnMapping):
    """What the columns of one table mean, by their names there; None where there is none.

    Without `answer_form` all rows must tell it.
    """

    question: str
    choices: str | tuple[str, ...]
    answer: str


def find_layout(table: DataTable, source: ItemSource) -> Layout:
    """Tell what the columns of a table mean.

    Raises:
        InputError: No reader has that name, a column that the user names is not there, or
            nothing tells which columns are question, options and answer.
    """
    told = source.columns
    if source.reader not in ("auto", *KNOWN):
        remedy = f"Leave it out, or name one of {', '.join(KNOWN)}."
        raise InputError("no such reader", field="reader", seen=source.reader, remedy=remedy)
    for name in told.names:
        if _find(name, table) is None:
            problem = f"no such column; here are {', '.join(table.columns)}"
            remedy = "Correct the name under `columns`."
            raise InputError(problem, file=table.file, field=name, remedy=remedy)
    least = list(_NEEDED)
    for known in KNOWN.values() if source.reader == "auto" else [KNOWN[source.reader]]:
        parts = _merged(told, known, table)
        missing = [part for part in _NEEDED if not parts[part]]
        if not missing and parts["answer_form"] == "label" and not parts["labels"]:
            problem, remedy = "answer_form: label needs labels", "Name their column (columns.labels=...)."
            raise InputError(problem, file=table.file, field="columns.labels", remedy=remedy)
        if not missing:
            return Layout(**parts)
        least = min(least, missing, key=len)
    raise _unknown(least, table)


def _merged(told: ColumnMapping, known: ColumnMapping, table: DataTable) -> dict[str, Any]:
    """The user's names before the known ones, as they stand in the table."""
    parts: dict[str, Any] = {}
    for part in ("question", "answer", "labels", "id", "explanation", "subject", "cluster"):
        parts[part] = _find(getattr(told, part) or getattr(known, part), table)
    choices = told.choices or known.choices
    if not isinstance(choices, tuple):
        parts["choices"] = _find(choices, table)
    elif told.choices:
        parts["choices"] = tuple(_find(name, table) for name in choices)
    else:
        parts["choices"] = _numbered(choices, table)
    # What is known of a column is not known of another.
    form = known.answer_form if told.answer is None else None
    shuffle = known.shuffle if told.choices is None else None
    form = None if form == "label" and not parts["labels"] else form
    return parts | {"answer_form": told.answer_form or form, "shuffle": told.shuffle or shuffle}


def _find(name: str | None, table: DataTable) -> str | None:
    """A column by its name, in whatever case if only one fits; a field of an object if some row has it."""
    if name is None or name in table.columns:
        return name
    alike = [column for column in table.columns if column.casefold() == name.casefold()]
    if len(alike) == 1:
        return alike[0]
    some = (row for _, row in table.rows[:100] if not isinstance(row, InputError))
    return name if "." in name and any(cell(row, name) is not MISSING for row in some) else None


def _numbered(names: Sequence[str], table: DataTable) -> tuple[str, ...]:
    """The leading run of a family of columns; none if a later one stands behind a gap."""
    found = [_find(name, table) for name in names]
    run = [name for name in found[: found.index(None)] if name] if None in found else []
    return tuple(run) if len(run) >= 2 and not any(found[len(run) :]) else ()


def _unknown(missing: Sequence[str], table: DataTable) -> InputError:
    named = " ".join(f"columns.{part}=..." for part in missing)
    withheld = " If the answers are withheld, take another split." if missing == ["answer"] else ""
    return InputError(
        f"no column tells the {' and the '.join(_NEEDED[part] for part in missing)}",
        file=table.file,
        field="columns",
        seen=list(table.columns),
        remedy=f"Say which does: {named} (YAML: `columns:`).{withheld}",
    )
