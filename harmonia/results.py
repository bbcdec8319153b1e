"""What the functions of the API give: sequences and mappings of values, with DataFrames at the edge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, overload

from harmonia.analysis.accuracy import accuracy_of
from harmonia.analysis.consistency import Consistency
from harmonia.analysis.outcomes import ItemOutcome, outcomes
from harmonia.audit import AUDIT_ROWS, Audited, AuditRow
from harmonia.columns import Column, Table, columns_of
from harmonia.compare import CompareSettings, Found
from harmonia.compare.folder import require_place, write_comparison
from harmonia.compare.lead import lead_of
from harmonia.compare.tables import ASKED, FACTS
from harmonia.errors import InputError
from harmonia.groups import BuiltGroups, GroupsSummary, summary_of, write_group
from harmonia.groups.confounds import CONFOUNDS, differences
from harmonia.groups.folder import SUMMARY, folder_files, write_groups
from harmonia.groups.group_files import group_record
from harmonia.outputs import fresh_directory, require_file_place, require_folder_place
from harmonia.probe import BELIEFS, write_beliefs
from harmonia.probe.level import LEVELS, level_of
from harmonia.prompts import PromptSettings
from harmonia.types import Belief, Category, GroupRow, Item

OUTCOMES = Table(name="outcomes", row=ItemOutcome, key=("id",))
"""What became of each item; `Comparison.table`."""

THRESHOLD = 0.5
"""Confidence above which a belief of one draw is sure, where nobody says otherwise."""


@dataclass(frozen=True, kw_only=True)
class Level:
    """What a table of beliefs says beside a belief file.

    Attributes:
        level: How the item stands to the belief; of one draw, sure is a confidence above .5.
    """

    level: Category


_DTYPES = {str: "string", int: "Int64", float: "float64", bool: "bool"}
_OF_BELIEF = tuple(column for column in columns_of(Belief) if column.name != "item")
BELIEF_COLUMNS = (*columns_of(Item), *_OF_BELIEF, *columns_of(Level))
"""Columns of `Beliefs.table`."""

GROUP_COLUMNS = columns_of(GroupRow)
"""Columns of `TrainingSet.table`."""


@dataclass(frozen=True, eq=False, repr=False)
class Beliefs(Sequence[Belief]):
    """What a model believes of some items, in their order.

    Attributes:
        beliefs: One an item.
        about: How they were made; what a belief file's metadata say.
        notes: What a person should know of the reading and of the asking, a sentence each.
        skipped: Rows of the items that were left out as bad.
        prompt: How they were asked; None where a file does not say.
    """

    beliefs: tuple[Belief, ...]
    about: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    skipped: tuple[InputError, ...] = ()
    prompt: PromptSettings | None = None

    @overload
    def __getitem__(self, index: int) -> Belief: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Belief, ...]: ...
    def __getitem__(self, index: int | slice) -> Belief | tuple[Belief, ...]:
        return self.beliefs[index]

    def __len__(self) -> int:
        return len(self.beliefs)

    def __repr__(self) -> str:
        if not self.beliefs:
            return "no beliefs"
        first, found = self.beliefs[0], accuracy_of(self.beliefs)
        levels = Counter(level_of(belief, THRESHOLD) for belief in self.beliefs)
        counts = ", ".join(f"{levels[level]} {level}" for level in LEVELS)
        right = f"{found.accuracy:.3f} [{found.accuracy_low:.3f}, {found.accuracy_high:.3f}] right"
        return f"{len(self)} beliefs, asked {first.form} by {first.method}: {right}; {counts}"

    def table(self) -> Any:
        """A DataFrame, one row an item: the columns of a belief file, and `level`."""
        cells = _cells(columns_of(Item), [belief.item for belief in self.beliefs])
        cells |= _cells(_OF_BELIEF, self.beliefs)
        cells["level"] = [level_of(belief, THRESHOLD) for belief in self.beliefs]
        return _frame(BELIEF_COLUMNS, cells)

    def save(self, path: str | Path) -> Path:
        """Write a belief file: Parquet, JSONL or CSV, as its name ends.

        Raises:
            InputError: The ending is none of these, or a file of others would be overwritten.
        """
        place = Path(path)
        BELIEFS.require_place(place)
        write_beliefs(place, self.beliefs, self.about)
        return place


@dataclass(frozen=True, eq=False, repr=False)
class TrainingSet(Sequence[GroupRow]):
    """A training set.

    Attributes:
        name: Its name.
        rows: Its rows, general instructions among them.
        prompt: How its questions are worded, and how a model trained on it is asked.
    """

    name: str
    rows: Sequence[GroupRow]
    prompt: PromptSettings

    @overload
    def __getitem__(self, index: int) -> GroupRow: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[GroupRow]: ...
    def __getitem__(self, index: int | slice) -> GroupRow | Sequence[GroupRow]:
        return self.rows[index]

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"{self.name}: {len(self)} rows"

    def table(self) -> Any:
        """A DataFrame, one row a row of the training set, with the columns of its file."""
        cells = _cells(GROUP_COLUMNS, self.rows)
        cells["messages"] = [group_record(row)["messages"] for row in self.rows]
        return _frame(GROUP_COLUMNS, cells)

    def save(self, path: str | Path) -> Path:
        """Write the training set as JSONL, for `harmonia train` or any trainer that reads `messages`.

        Raises:
            InputError: There is such a file, and it is not empty.
        """
        place = Path(path)
        require_file_place(place, field="path", ours=lambda _: False)
        write_group(place, self.rows)
        return place


@dataclass(frozen=True, eq=False, repr=False)
class Groups(Mapping[str, TrainingSet]):
    """The training sets of some beliefs, by name.

    Attributes:
        built: The sets, and how they came about.
        beliefs: What they were built from.
        threshold: Confidence above which a belief counted.
        prompt: How questions are worded.
        notes: What a person should know of the building, a sentence each.
    """

    built: BuiltGroups
    beliefs: Sequence[Belief]
    threshold: float
    prompt: PromptSettings
    notes: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> TrainingSet:
        return TrainingSet(name, self.built.rows[name], self.prompt)

    def __iter__(self) -> Iterator[str]:
        return iter(self.built.rows)

    def __len__(self) -> int:
        return len(self.built.rows)

    def __repr__(self) -> str:
        return "\n".join(map(repr, self.values()))

    @property
    def domain(self) -> str:
        """What tables call the domain: that of the first belief."""
        return self.beliefs[0].item.domain

    @property
    def summary(self) -> GroupsSummary:
        """How many beliefs there were, and what became of them."""
        return summary_of(self.built, self.beliefs, self.threshold)

    def table(self) -> Any:
        """A DataFrame, one row a training set: what differs between them besides who is right."""
        rows, _ = differences(self.domain, self.built.rows, self.beliefs)
        return _frame(CONFOUNDS.columns, _cells(CONFOUNDS.columns, rows))

    def save(self, folder: str | Path) -> Path:
        """Write each set as NAME.jsonl, with the tables and the summary of `harmonia groups`.

        Raises:
            InputError: A file of others would be overwritten.
        """
        place = Path(folder)
        require_folder_place(place, names=folder_files(list(self)), holds=SUMMARY, field="folder")
        with fresh_directory(place, keep=True) as partial:
            write_groups(partial, self.built, self.beliefs, domain=self.domain, threshold=self.threshold)
        return place


@dataclass(frozen=True, kw_only=True, repr=False)
class Comparison:
    """Two models' answers to the same items.

    Attributes:
        consistency: How much changed; 95 % intervals over the items, which are paired.
        outcomes: What became of each item.
        p: Two-sided, of no change in accuracy: McNemar's exact test.
    """

    consistency: Consistency
    outcomes: tuple[ItemOutcome, ...]
    p: float

    @classmethod
    def of(cls, before: Sequence[Belief], after: Sequence[Belief], *, seed: int = 0) -> Comparison:
        """Compare beliefs of the same items.

        Raises:
            InputError: The two do not hold the same items with the same question, options and answer.
        """
        from harmonia.analysis import Answers, consistency_of, mcnemar

        consistency = consistency_of(before, after, seed=seed)
        *_, p = mcnemar(Answers.of(before).correct_I, Answers.of(after).correct_I)
        return cls(consistency=consistency, outcomes=outcomes(before, after), p=p)

    @cached_property
    def kept(self) -> tuple[str, ...]:
        """Ids of the items right before and after."""
        return self._ids("kept")

    @cached_property
    def lost(self) -> tuple[str, ...]:
        """Ids of the items right before, wrong after."""
        return self._ids("lost")

    @cached_property
    def gained(self) -> tuple[str, ...]:
        """Ids of the items wrong before, right after."""
        return self._ids("gained")

    def __repr__(self) -> str:
        one = self.consistency
        lines = [
            f"{one.n} items: {one.accuracy_before:.3f} right before, {one.accuracy_after:.3f} after",
            f"change {_estimate(one, 'accuracy_change', '+.3f')}, McNemar p {self.p:.2g}",
            f"{one.kept} kept, {one.lost} lost, {one.gained} gained, {one.never} never right",
            f"rank agreement {_estimate(one, 'rank_agreement')}; KL {_estimate(one, 'kl')} nats",
        ]
        known = one.known_kept + one.known_lost
        if known:
            lines.append(f"of {known} known before, {one.known_lost} lost")
        return "\n".join(lines)

    def table(self) -> Any:
        """A DataFrame, one row an item: level before, outcome, answers, how far they moved."""
        return _frame(OUTCOMES.columns, _cells(OUTCOMES.columns, self.outcomes))

    def _ids(self, outcome: str) -> tuple[str, ...]:
        return tuple(one.id for one in self.outcomes if one.outcome == outcome)


@dataclass(frozen=True, eq=False, repr=False)
class ModelComparison:
    """What lies between two models that were asked the same.

    Attributes:
        found: The tables, and what a person should know of the asking.
        settings: How they were asked.
    """

    found: Found
    settings: CompareSettings

    def __repr__(self) -> str:
        return "\n".join(lead_of(self.found))

    def table(self) -> Any:
        """A DataFrame, one row a question and readout: what became of it."""
        return _frame(ASKED.columns, _cells(ASKED.columns, self.found.outcomes))

    def facts(self) -> Any:
        """A DataFrame, one row a fact in words: what became of it."""
        return _frame(FACTS.columns, _cells(FACTS.columns, self.found.facts))

    def save(self, folder: str | Path) -> Path:
        """Write the folder of `harmonia compare`: tables, summary and page.

        Raises:
            InputError: A file of others would be overwritten.
        """
        place = Path(folder)
        require_place(place, field="folder")
        write_comparison(place, self.found, self.settings)
        return place


@dataclass(frozen=True, eq=False, repr=False)
class Verdicts(Sequence[AuditRow]):
    """The verdicts on the rows of a fine-tuning file, in its order.

    Attributes:
        found: The rows, how many the file has, and what is wrong with those left out.
    """

    found: Audited

    @overload
    def __getitem__(self, index: int) -> AuditRow: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[AuditRow, ...]: ...
    def __getitem__(self, index: int | slice) -> AuditRow | tuple[AuditRow, ...]:
        return tuple(self.found.rows)[index]

    def __len__(self) -> int:
        return len(self.found.rows)

    def __repr__(self) -> str:
        shares = [f"{rows} {category}" for category, rows in self.found.counts.items() if rows]
        return f"{len(self)} of {self.found.of} rows: {', '.join(shares)}"

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of the audit, a sentence each."""
        return (*self.found.warnings, *self.found.notes)

    def table(self) -> Any:
        """A DataFrame, one row an audited row, with the columns of `rows.parquet`."""
        return _frame(AUDIT_ROWS.columns, _cells(AUDIT_ROWS.columns, self.found.rows))


def _estimate(found: Consistency, name: str, how: str = ".3f") -> str:
    value, low, high = (getattr(found, f"{name}{end}") for end in ("", "_low", "_high"))
    return f"{value:{how}} [{low:{how}}, {high:{how}}]"


def _frame(columns: Sequence[Column], cells: Mapping[str, Sequence[Any]]) -> Any:
    """A DataFrame with the type of each column; lists are lists."""
    import pandas as pd

    return pd.DataFrame(
        {
            one.name: pd.Series(
                [list(cell) if isinstance(cell, tuple) else cell for cell in cells[one.name]],
                dtype="object" if one.many else _DTYPES[one.kind],
            )
            for one in columns
        }
    )


def _cells(columns: Sequence[Column], rows: Sequence[Any]) -> dict[str, list[Any]]:
    return {one.name: [getattr(row, one.name) for row in rows] for one in columns}
