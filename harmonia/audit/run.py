"""An audit from the file to the verdicts: both passes, in chunks that a restart can take up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import harmonia
from harmonia.audit.canaries import canaries_of, error_lines
from harmonia.audit.choices import ChoiceRow, ask_choices, choice_of, exam_rows
from harmonia.audit.content import FileForm
from harmonia.audit.first import CHUNK, FirstPass, FirstReading
from harmonia.audit.own import CHUNK as ASKED_TOGETHER
from harmonia.audit.own import OwnAnswers, SecondPass
from harmonia.audit.rows import AuditRow
from harmonia.audit.rule import in_doubt
from harmonia.audit.settings import AuditSettings
from harmonia.audit.shots import Shown, form_of
from harmonia.audit.verdict import decisive_turn, signals_of, verdict_of
from harmonia.data import read_conversations
from harmonia.data.conversations import Conversations
from harmonia.errors import InputError
from harmonia.hashing import file_sha256, result_settings, sample, sha256_json
from harmonia.journal import Chunks, Progress
from harmonia.models import Generator, Scorer
from harmonia.prompts import Controls, Encoder
from harmonia.types import Conversation, Item

VERSION = 1
"""Raised where the same input gives other verdicts."""

WHAT = "the fine-tuning file"


class Answerer(Scorer, Generator, Protocol):
    """Who is audited against: it scores and writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """The verdicts on a file.

    Attributes:
        rows: One a row, in the file's order.
        of: Rows of the file, bad ones left out.
        bad: What is wrong with the rows left out.
        notes: What a person should know, a sentence each.
        about: How they were made; what the metadata of `rows.parquet` say.
        canaries: Known facts of the file, and of the exam where one was asked, to be held back.
    """

    rows: tuple[AuditRow, ...]
    of: int
    bad: tuple[InputError, ...]
    notes: tuple[str, ...]
    about: Mapping[str, Any]
    canaries: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedFile:
    """A fine-tuning file as it was read.

    Attributes:
        path: Where it is.
        sha256: Its hash.
        read: Its rows, and what is wrong with those left out.
        errors: Lines that are marked as the model's own errors.
    """

    path: Path
    sha256: str
    read: Conversations
    errors: frozenset[int] = frozenset()

    @property
    def rows(self) -> tuple[Conversation, ...]:
        """The good rows."""
        return self.read.rows


def read_rows(path: Path, settings: AuditSettings) -> AuditedFile:
    """Read a fine-tuning file.

    Raises:
        InputError: It cannot be read, has no good row, or has a bad row that is not to be left out.
    """
    read = read_conversations(path, on_bad_row=settings.on_bad_row, what=WHAT)
    errors = frozenset(error_lines(path, what=WHAT))
    return AuditedFile(path=path, sha256=file_sha256(path), read=read, errors=errors)


class Audit:
    """An audit of a file, before it is begun.

    Args:
        model: Who is asked.
        file: The file, as it was read.
        settings: How.
        exam: Questions whose right answers, where the model knows them, are canaries, too.

    Attributes:
        rows: The rows to audit.
        choices: Multiple-choice rows of the file.
        choice_rows: Those to audit.
        open_rows: The others, which are read word by word.
    """

    def __init__(
        self, model: Answerer, file: AuditedFile, settings: AuditSettings, exam: Sequence[Item] = ()
    ) -> None:
        self.exam = exam_rows(exam)
        self.model, self.file, self.settings = model, file, settings
        every = file.rows
        size = min(settings.sample or len(every), len(every))
        self.rows = tuple(sample(settings.seed, "audit/sample", every, [row.id for row in every], size))
        self.encoder = Encoder(model.tokenizer)
        every_choice = {row.id: found for row in every if (found := self._choice(row))}
        self.choices = tuple(every_choice.values())
        self.choice_rows = tuple(every_choice[row.id] for row in self.rows if row.id in every_choice)
        self.open_rows = tuple(row for row in self.rows if row.id not in every_choice)
        others = [row for row in every if row.id not in every_choice]
        self.form = FileForm(others, settings.common, settings.short)
        self._controls = Controls(model.tokenizer)
        self.shown = Shown(others, settings, self._controls.guard, self.encoder, model.max_tokens)
        self.first = FirstPass(model, self.encoder, self.shown, self.form, settings)
        self.second = SecondPass(model, self.shown, self.form, settings)

    def _choice(self, row: Conversation) -> ChoiceRow | None:
        """A row as multiple choice; one that fills half the model's context is read cut, word by word."""
        found = choice_of(row)
        if found and 2 * len(self.encoder.encode([row.messages[0].content])[0]) > self.model.max_tokens:
            return None
        return found

    @property
    def address(self) -> str:
        """Hash of all that decides the verdicts."""
        exam = [[one.item.question, one.item.choices, one.item.answer] for one in self.exam]
        return sha256_json(
            [VERSION, self.model.identity, self.file.sha256, result_settings(self.settings), exam]
        )

    @property
    def about(self) -> dict[str, Any]:
        """How the verdicts are made."""
        path = self.file.path
        return {
            "harmonia": harmonia.__version__,
            "model": self.model.identity,
            "data": {"name": path.name, "path": str(path.absolute()), "sha256": self.file.sha256},
            "settings": self.settings.model_dump(mode="json"),
        }

    def run(self, journal: Path | None = None, progress: Progress | None = None) -> Audited:
        """Read and ask all rows.

        Args:
            journal: A folder for what is done, to be taken up after an interruption; the caller
                removes it when the result is safe.
            progress: Told how many rows are done, questions of the exam first; rows in doubt count twice.
        """
        rows, rule = self.open_rows, self.settings.rule

        def chunks(name: str, before: int, here: int, whole: int) -> Chunks:
            told = progress and (lambda done, of: progress(before + here * done // of, whole))
            return Chunks(journal and journal / f"{name}.jsonl", told)

        before, apart = len(self.exam), len(self.choice_rows)
        every = before + len(self.rows)
        asked, told = ask_choices(
            self.model, self.exam, self.exam, self.settings, chunks("exam", 0, before, every)
        )
        choices, notes = ask_choices(
            self.model, self.choice_rows, self.choices, self.settings, chunks("choices", before, apart, every)
        )
        read = chunks("first", before + apart, len(rows), every).results(
            lambda _, chunk: self.first.read(chunk), rows, CHUNK, FirstReading
        )
        doubted = [
            (row, decisive_turn(row, found))
            for row, found in zip(rows, read, strict=True)
            if self.settings.samples and in_doubt(signals_of(found), rule)
        ]
        own = chunks("own", every, len(doubted), every + len(doubted)).results(
            lambda _, chunk: self.second.ask(chunk), doubted, ASKED_TOGETHER, OwnAnswers
        )
        answers = {row.id: one for (row, _), one in zip(doubted, own, strict=True)}
        verdicts = {one.id: one for one in choices} | {
            row.id: verdict_of(row, found, answers.get(row.id), rule)
            for row, found in zip(rows, read, strict=True)
        }
        ordered = tuple(verdicts[row.id] for row in self.rows)
        return Audited(
            rows=ordered,
            of=len(self.file.rows),
            bad=self.file.read.bad,
            notes=(
                *self._notes(ordered),
                *(f"multiple choice: {note}" for note in notes),
                *(f"exam: {note}" for note in told),
            ),
            canaries=(
                *canaries_of("file", ordered, self.choices, self.settings.seed, self.file.errors),
                *canaries_of("exam", asked, self.exam, self.settings.seed),
            ),
            about=self.about,
        )

    def _notes(self, rows: Sequence[AuditRow]) -> list[str]:
        notes = list(self.file.read.notes)
        if cut := [row.cut for row in rows if row.cut]:
            notes.append(f"rows too long to be read whole: {len(cut)}; tokens cut: {sum(cut):,}")
        if fewer := sum(row.shots < self.settings.shots for row in rows):
            notes.append(f"rows read behind fewer than {self.settings.shots} demonstrations: {fewer}")
        if alone := sum(form_of(row, self.settings.short) in self.shown.alone for row in self.open_rows):
            notes.append(f"rows alone of their form, read behind rows of other forms: {alone}")
        texts = ([turn.content for turn in row.messages] for row in self.rows)
        spelled = self._controls.spelled(texts, literal=True)
        if spelled.rows:
            notes.append(spelled.note("rows"))
        return [*notes, *self.model.slower_scoring]
