"""What is told of an audit's rows as a whole, gathered as they pass, of any number of rows."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from harmonia.audit.canaries import KnownFacts
from harmonia.audit.rows import AuditRow
from harmonia.audit.rule import CATEGORIES, AuditCategory
from harmonia.audit.settings import AuditSettings
from harmonia.audit.shots import RowForm, form_of
from harmonia.probe.ask import AskedCounts
from harmonia.probe.stability import wilson
from harmonia.prompts import Controls, Spelled
from harmonia.report.chance import LITTLE, guessed
from harmonia.types import Conversation

EXAMPLES = 8
"""Rows of a category that are shown."""


class Guessing:
    """Counts multiple-choice rows that the model answers as they teach, beside what guessing gives."""

    def __init__(self) -> None:
        self._n, self._right, self._chance = 0, 0, 0.0

    def add(self, verdict: AuditRow) -> None:
        """Take a verdict, if it is one on multiple choice."""
        if verdict.choices:
            self._n += 1
            self._right += verdict.believed == verdict.target
            self._chance += 1 / len(verdict.choices)

    def warnings(self, what: str) -> list[str]:
        """What to say where guessing would give as many, by Wilson's interval."""
        if not self._n:
            return []
        low, high = wilson(self._right, self._n)
        chance = self._chance / self._n
        if not low <= chance <= high:
            return []
        return [guessed("The model cannot", what, [self._right / self._n], [chance]), LITTLE]


class Tally:
    """Counts verdicts, and keeps those with the largest conflict of each category.

    Args:
        settings: How was audited.
        controls: Of the model's tokenizer.
        alone: Forms of which the file has no other row.
        errors: Lines that are marked as the model's own errors.

    Attributes:
        facts: Those that may be held back.
        asked: What is to be told of multiple choice.
        borderline: Rows whose verdict rounding in the model could change.
        guessing: Whether the model answers it no better than guessing would.
    """

    def __init__(
        self,
        settings: AuditSettings,
        controls: Controls,
        alone: Collection[RowForm],
        errors: Collection[int],
    ) -> None:
        self._settings, self._controls, self._alone_of = settings, controls, alone
        self.facts = KnownFacts("file", settings.seed, errors)
        self.asked = AskedCounts()
        self.guessing = Guessing()
        self._counts: Counter[AuditCategory] = Counter()
        self._largest: dict[AuditCategory, list[tuple[float, int, AuditRow]]] = {}
        self.borderline = 0
        self._cut = self._cut_tokens = self._fewer = self._alone = 0
        self._spelled: Spelled | None = None

    def add(self, row: Conversation, verdict: AuditRow) -> None:
        """Take a row and its verdict."""
        self._counts[verdict.category] += 1
        largest = self._largest.setdefault(verdict.category, [])
        heapq.heappush(largest, (verdict.conflict, -verdict.line, verdict))
        if len(largest) > EXAMPLES:
            heapq.heappop(largest)
        self.facts.add(row, verdict)
        self.borderline += verdict.borderline
        self.guessing.add(verdict)
        self._cut += verdict.cut > 0
        self._cut_tokens += verdict.cut
        self._fewer += verdict.shots < self._settings.shots
        if verdict.kind == "open":
            self._alone += form_of(row, self._settings.short) in self._alone_of
        here = self._controls.spelled([[turn.content for turn in row.messages]], literal=True)
        self._spelled = here if self._spelled is None else self._spelled.with_those_of(here)

    @property
    def counts(self) -> Mapping[AuditCategory, int]:
        """Rows of each category."""
        return {name: self._counts[name] for name in CATEGORIES}

    @property
    def examples(self) -> Mapping[AuditCategory, tuple[AuditRow, ...]]:
        """Rows of each category that there is, those of the largest conflict, then the first, first."""
        return {
            name: tuple(row for *_, row in sorted(largest, key=lambda one: one[:2], reverse=True))
            for name, largest in self._largest.items()
        }

    @property
    def notes(self) -> Iterator[str]:
        """What a person should know, a sentence each."""
        shots = self._settings.shots
        if self.borderline:
            rows = f"{self.borderline} of {sum(self._counts.values())}"
            yield f"borderline rows, whose category rounding could change: {rows}"
        if self._cut:
            yield f"rows too long to be read whole: {self._cut}; tokens cut: {self._cut_tokens:,}"
        if self._fewer:
            yield f"rows read behind fewer than {shots} demonstrations: {self._fewer}"
        if self._alone:
            yield f"rows alone of their form, read behind rows of other forms: {self._alone}"
        if self._spelled and self._spelled.rows:
            yield self._spelled.note("rows")
        yield from (
            f"multiple choice: {note}" for note in self.asked._replace(shortened=0, borderline=0).notes(shots)
        )
