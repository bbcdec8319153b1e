"""Well-known data sets of the Hugging Face hub, and what their columns mean.

Each entry names the data set's card. A data set is known again by its exact columns,
so that a table that only looks like one of them is not misread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harmonia.data.columns import ColumnMapping, read_tables
from harmonia.data.records import FileRows
from harmonia.data.tables import open_tables
from harmonia.errors import InputError

if TYPE_CHECKING:
    from harmonia.data.source import ItemSource

__all__ = ["KNOWN", "KnownDataset", "read_known", "reader_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownDataset:
    """A data set of the hub.

    Attributes:
        card: Its id there.
        columns: All columns that it has.
        mapping: What those mean that are read.
    """

    card: str
    columns: frozenset[str]
    mapping: ColumnMapping


def _labelled(question: str, explanation: str | None = None, unanswered: str | None = None) -> ColumnMapping:
    return ColumnMapping(
        id="id",
        question=question,
        choices="choices.text",
        labels="choices.label",
        answer="answerKey",
        answer_form="label",
        explanation=explanation,
        unanswered=unanswered,
    )


_OPENBOOKQA = frozenset({"id", "question_stem", "choices", "answerKey"})

KNOWN: Mapping[str, KnownDataset] = {
    # The options a to d are 0 to 3 in the hub's Parquet; -1 marks the test split, whose answers are withheld.
    "medmcqa": KnownDataset(
        card="openlifescienceai/medmcqa",
        columns=frozenset(
            {
                "id",
                "question",
                "opa",
                "opb",
                "opc",
                "opd",
                "cop",
                "choice_type",
                "exp",
                "subject_name",
                "topic_name",
            }
        ),
        mapping=ColumnMapping(
            id="id",
            question="question",
            choices=("opa", "opb", "opc", "opd"),
            answer="cop",
            answer_form="index",
            explanation="exp",
            subject="subject_name",
            unanswered=-1,
        ),
    ),
    "mmlu_hf": KnownDataset(
        card="cais/mmlu",
        columns=frozenset({"question", "subject", "choices", "answer"}),
        mapping=ColumnMapping(
            question="question", choices="choices", answer="answer", answer_form="index", subject="subject"
        ),
    ),
    # 3 to 5 options, labelled A to E in most rows and 1 to 5 in the others.
    "arc": KnownDataset(
        card="allenai/ai2_arc",
        columns=frozenset({"id", "question", "choices", "answerKey"}),
        mapping=_labelled("question"),
    ),
    "openbookqa": KnownDataset(
        card="allenai/openbookqa (main)", columns=_OPENBOOKQA, mapping=_labelled("question_stem")
    ),
    "openbookqa_additional": KnownDataset(
        card="allenai/openbookqa (additional)",
        columns=_OPENBOOKQA | {"fact1", "humanScore", "clarity", "turkIdAnonymized"},
        mapping=_labelled("question_stem", explanation="fact1"),
    ),
    # The right option has a column of its own; unshuffled it would be the same letter in every prompt.
    "sciq": KnownDataset(
        card="allenai/sciq",
        columns=frozenset(
            {"question", "distractor1", "distractor2", "distractor3", "correct_answer", "support"}
        ),
        mapping=ColumnMapping(
            question="question",
            choices=("correct_answer", "distractor1", "distractor2", "distractor3"),
            answer="correct_answer",
            answer_form="text",
            explanation="support",
            shuffle="sciq",
        ),
    ),
    # An empty answerKey marks the test split.
    "commonsenseqa": KnownDataset(
        card="tau/commonsense_qa",
        columns=frozenset({"id", "question", "question_concept", "choices", "answerKey"}),
        mapping=_labelled("question", unanswered=""),
    ),
}


def reader_of(name: str) -> Callable[[Path, ItemSource], Iterator[FileRows]]:
    """Return a reader that takes a data set for the known one of that name.

    Args:
        name: A key of `KNOWN`.

    Returns:
        The reader; the table may have more columns than the known one.
    """

    def read(path: Path, source: ItemSource) -> Iterator[FileRows]:
        yield from read_tables(open_tables(path, source), KNOWN[name].mapping, source, name)

    return read


def read_known(path: Path, source: ItemSource) -> Iterator[FileRows]:
    """Read a known data set, which one being told by its columns.

    Args:
        path: A Parquet file or a folder, or nothing that exists for a hub id.
        source: Its declaration.

    Yields:
        The rows of each table.

    Raises:
        InputError: It has the columns of none of them, or cannot be read.
    """
    tables = open_tables(path, source)
    columns = tables[0].columns
    for name, known in KNOWN.items():
        if known.columns == set(columns):
            yield from read_tables(tables, known.mapping, source, name)
            return
    raise InputError(
        "these columns are of no data set known here",
        file=tables[0].place.file,
        field="reader",
        seen=list(columns),
        remedy=f"Name what they mean under `columns`, or the data set with `reader`: {', '.join(KNOWN)}.",
    )
