"""An audit from the file to the verdicts: both passes, in chunks that a restart can take up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

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
from harmonia.types import Conversation

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
    """

    rows: tuple[AuditRow, ...]
    of: int
    bad: tuple[InputError, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedFile:
    """A fine-tuning file as it was read.

    Attributes:
        path: Where it is.
        sha256: Its hash.
        read: Its rows, and what is wrong with those left out.
    """

    path: Path
    sha256: str
    read: Conversations

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
    return AuditedFile(path=path, sha256=file_sha256(path), read=read)


class Audit:
    """An audit of a file, before it is begun.

    Args:
        model: Who is asked.
        file: The file, as it was read.
        settings: How.
    """

    def __init__(self, model: Answerer, file: AuditedFile, settings: AuditSettings) -> None:
        self.model, self.file, self.settings = model, file, settings
        every = file.rows
        size = min(settings.sample or len(every), len(every))
        self.rows = tuple(sample(settings.seed, "audit/sample", every, [row.id for row in every], size))
        self.form = FileForm(every, settings.common)
        controls = Controls(model.tokenizer)
        encoder = Encoder(model.tokenizer)
        self.shown = Shown(every, settings, controls.guard, encoder, model.max_tokens)
        self.first = FirstPass(model, self.shown, self.form, settings)
        self.second = SecondPass(model, self.shown, self.form, settings)

    @property
    def open_rows(self) -> tuple[Conversation, ...]:
        """The rows that are read word by word."""
        return self.rows

    @property
    def address(self) -> str:
        """Hash of all that decides the verdicts."""
        return sha256_json([VERSION, self.model.identity, self.file.sha256, result_settings(self.settings)])

    def run(self, journal: Path | None = None, progress: Progress | None = None) -> Audited:
        """Read and ask all rows.

        Args:
            journal: A folder for what is done, to be taken up after an interruption; the caller
                removes it when the result is safe.
            progress: Told how many rows are done; rows in doubt count twice.
        """
        rows, rule = self.rows, self.settings.rule

        def told(before: int, more: int) -> Progress | None:
            return progress and (lambda done, _: progress(before + done, before + more))

        def place(name: str) -> Path | None:
            return journal and journal / f"{name}.jsonl"

        read = Chunks(place("first"), told(0, len(rows))).results(
            lambda _, chunk: self.first.read(chunk), rows, CHUNK, FirstReading
        )
        doubted = [
            (row, decisive_turn(found))
            for row, found in zip(rows, read, strict=True)
            if self.settings.samples and in_doubt(signals_of(found), rule)
        ]
        own = Chunks(place("own"), told(len(rows), len(doubted))).results(
            lambda _, chunk: self.second.ask(chunk), doubted, ASKED_TOGETHER, OwnAnswers
        )
        answers = {row.id: one for (row, _), one in zip(doubted, own, strict=True)}
        verdicts = tuple(
            verdict_of(row, found, answers.get(row.id), rule) for row, found in zip(rows, read, strict=True)
        )
        return Audited(
            rows=verdicts, of=len(self.file.rows), bad=self.file.read.bad, notes=tuple(self._notes(verdicts))
        )

    def _notes(self, rows: Sequence[AuditRow]) -> list[str]:
        notes = list(self.file.read.notes)
        if cut := [row.cut for row in rows if row.cut]:
            notes.append(f"rows too long to be read whole: {len(cut)}; tokens cut: {sum(cut):,}")
        if fewer := sum(row.shots < self.settings.shots for row in rows):
            notes.append(f"rows read behind fewer than {self.settings.shots} demonstrations: {fewer}")
        if alone := sum(form_of(row, self.settings.short) in self.shown.alone for row in self.rows):
            notes.append(f"rows alone of their form, read behind rows of other forms: {alone}")
        texts = ([turn.content for turn in row.messages] for row in self.rows)
        spelled = Controls(self.model.tokenizer).spelled(texts, literal=True)
        if spelled.rows:
            notes.append(spelled.note("rows"))
        return [*notes, *self.model.slower_scoring]
