"""The declaration of where items come from: settings alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from harmonia.data.answers import AnswerForm
from harmonia.data.subjects import DOMAINS, subjects_outside
from harmonia.parsing import Settings

DATA_ROOT = "HARMONIA_DATA_ROOT"
"""Environment variable with the folder that relative data paths start from."""


def data_root(given: str | None) -> Path:
    """Where relative data paths start: what settings give, else the environment, else the current folder."""
    return Path(given or os.environ.get(DATA_ROOT) or ".").expanduser()


class ColumnMapping(Settings):
    """What the columns of a file mean, whatever its format; what is not named keeps its usual names.

    `outer.inner` names a field of a nested column. Names are found in capital or small
    letters.

    Attributes:
        question: Column of the question.
        choices: A column with the list of options (`choices`, `choices.text`), or
            one column for each option.
        answer: Column that says which option is right.
        answer_form: How it says so: `index` from 0, `index1` from 1, `letter`, `label`
            (looked up in `labels`), or `text` of the right option; found from all rows
            if not told.
        labels: Column with the list of the options' labels.
        id: Column of the id.
        explanation: Column of the explanation.
        subject: Column that says what a question is about; the item's domain where the
            source names none.
        cluster: Column that says what a question has in common with others: a passage, an
            entity, a subject. Intervals draw these together.
        shuffle: Orders the options of each item by a draw addressed by this name and
            the item's id; for files that keep the right option in one place.
    """

    question: str | None = None
    choices: str | Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    answer: str | None = None
    answer_form: AnswerForm | None = None
    labels: str | None = None
    id: str | None = None
    explanation: str | None = None
    subject: str | None = None
    cluster: str | None = None
    shuffle: str | None = Field(default=None, min_length=1)

    @property
    def names(self) -> tuple[str, ...]:
        """All columns that it names."""
        options = (self.choices,) if isinstance(self.choices, str) else self.choices or ()
        others = (
            *(self.question, self.answer, self.labels, self.id),
            *(self.explanation, self.subject, self.cluster),
        )
        return (*options, *(name for name in others if name is not None))


class ItemSource(Settings):
    """The declaration of where items come from.

    Attributes:
        path: A file (CSV, JSON, JSON Lines, Parquet), a folder of such files, a folder of
            `save_to_disk`, or the id of a data set on the Hugging Face hub.
        reader: Whose columns a file has: a key of `harmonia.data.KNOWN`; `auto` tells
            by the columns themselves.
        domain: What the questions are about, as prompts say it; None takes it from the
            data: a column of subjects, or the name of an MMLU, C-Eval or CMMLU file.
            Where those do not say, prompts do not either.
        subjects: Only these subjects.
        subjects_of: Only the MMLU subjects of this domain.
        subjects_outside: Only the MMLU subjects that are not of this domain.
        split: The split to read.
        config: The configuration of a Hugging Face data set.
        columns: What the columns mean, where their names do not tell.
        on_bad_row: Whether a bad row ends the reading or is left out.
        drop_repeated: Whether to keep only the first of the items with the same
            question.
        limit: How many items to keep, drawn at random by address; None keeps all.
        seed: Seed of that draw.
    """

    path: str = Field(min_length=1)
    reader: str = "auto"
    domain: str | None = Field(default=None, min_length=1)
    subjects: tuple[str, ...] | None = Field(default=None, min_length=1)
    subjects_of: str | None = None
    subjects_outside: str | None = None
    split: str | None = Field(default=None, min_length=1)
    config: str | None = Field(default=None, min_length=1)
    columns: ColumnMapping = ColumnMapping()
    on_bad_row: Literal["fail", "skip"] = "fail"
    drop_repeated: bool = False
    limit: int | None = Field(default=None, ge=1, strict=True)
    seed: int = Field(default=0, strict=True)

    @model_validator(mode="after")
    def _check(self) -> ItemSource:
        names = ("subjects", "subjects_of", "subjects_outside")
        given = [name for name in names if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} exclude each other: give one of them")
        for name, domain in (("subjects_of", self.subjects_of), ("subjects_outside", self.subjects_outside)):
            if domain is not None and domain not in DOMAINS:
                raise ValueError(f"{name}: no domain '{domain}'; there are {', '.join(DOMAINS)}")
        return self

    @property
    def chosen(self) -> frozenset[str] | None:
        """The subjects asked for, or None for all there are."""
        if self.subjects is not None:
            return frozenset(self.subjects)
        if self.subjects_of is not None:
            return frozenset(DOMAINS[self.subjects_of])
        if self.subjects_outside is not None:
            return frozenset(subjects_outside(self.subjects_outside))
        return None


class Suite(Settings):
    """One suite of a domain.

    Attributes:
        items: The questions.
        shots: Demonstrations for the `icl<k>` forms; None where only `chat0` and
            `icl0` are asked.
    """

    items: ItemSource
    shots: ItemSource | None = None
