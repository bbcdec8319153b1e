"""An audit from the file to the verdicts: both passes, in chunks that a restart can take up."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import compress, islice
from pathlib import Path
from typing import Any, Protocol

import harmonia
from harmonia.audit.agree import Agreement, agreement_of
from harmonia.audit.canaries import KnownFacts, error_lines
from harmonia.audit.choices import ChoiceRow, ask_choices, choice_of, exam_rows
from harmonia.audit.content import FileForm
from harmonia.audit.first import CHUNK, FirstPass, FirstReading
from harmonia.audit.kept import BLOCK, JudgedBlock, KeptRows, Told
from harmonia.audit.own import CHUNK as ASKED_TOGETHER
from harmonia.audit.own import LONGER, OwnAnswers, SecondPass
from harmonia.audit.rows import AuditRow
from harmonia.audit.rule import AuditCategory, in_doubt
from harmonia.audit.settings import AuditSettings
from harmonia.audit.shots import Shown
from harmonia.audit.survey import CHOICE, LEFT, OPEN, survey
from harmonia.audit.tally import Guessing, Tally
from harmonia.audit.verdict import decisive_turn, signals_of, verdict_of
from harmonia.data import ConversationRows
from harmonia.errors import InputError
from harmonia.hashing import file_sha256, result_settings, sha256_json
from harmonia.journal import Chunks, Progress
from harmonia.models import Generator, Scorer
from harmonia.probe.ask import AskedCounts
from harmonia.prompts import Controls, Encoder
from harmonia.types import Conversation, Item

VERSION = 7
"""Raised where the same input gives other verdicts."""

WHAT = "the fine-tuning file"


class Answerer(Scorer, Generator, Protocol):
    """Who is audited against: it scores and writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """The verdicts on a file.

    Attributes:
        rows: One a row, in the file's order; read from the journal, where the audit has one.
        counts: Rows of each category.
        examples: Of each category that there is, rows with the largest conflict.
        of: Rows of the file, bad ones left out.
        bad: What is wrong with the rows left out.
        borderline: Rows whose verdict rounding in the model could change.
        notes: What a person should know, a sentence each.
        warnings: What to know before believing the verdicts, a sentence each.
        about: How they were made; what the metadata of `rows.parquet` say.
        canaries: Known facts of the file, and of the exam where one was asked, to be held back.
    """

    rows: Sequence[AuditRow]
    counts: Mapping[AuditCategory, int]
    examples: Mapping[AuditCategory, tuple[AuditRow, ...]]
    of: int
    borderline: int
    bad: tuple[InputError, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    about: Mapping[str, Any]
    canaries: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedFile:
    """A fine-tuning file as it was read.

    Attributes:
        path: Where it is.
        sha256: Its hash; empty for rows that are no file's.
        rows: The good rows, which may be read anew each time they are gone through.
        bad: What is wrong with those left out.
        notes: What was left aside.
        errors: Lines that are marked as the model's own errors.
    """

    path: Path
    sha256: str
    rows: Collection[Conversation]
    bad: tuple[InputError, ...] = ()
    notes: tuple[str, ...] = ()
    errors: frozenset[int] = frozenset()

    def require_unchanged(self) -> None:
        """Require that the file is the one that was read.

        Raises:
            InputError: It is another by now.
        """
        if self.sha256 and file_sha256(self.path) != self.sha256:
            remedy = "Audit it again."
            raise InputError(f"{WHAT} was changed while it was audited", file=self.path, remedy=remedy)


def read_rows(path: Path, settings: AuditSettings) -> AuditedFile:
    """Read a fine-tuning file; a few numbers are held of each row, so that it may be of any size.

    Raises:
        InputError: It cannot be read, has no good row, or has a bad row that is not to be left out.
    """
    rows = ConversationRows(path, on_bad_row=settings.on_bad_row, what=WHAT)
    errors = frozenset(error_lines(path, what=WHAT))
    return AuditedFile(
        path=path, sha256=file_sha256(path), rows=rows, bad=rows.bad, notes=rows.notes, errors=errors
    )


class Audit:
    """An audit of a file, before it is begun.

    Args:
        model: Who is asked.
        file: The file, as it was read.
        settings: How.
        exam: Questions whose right answers, where the model knows them, are canaries, too.
        ifd: Whether IFD is wanted, too.
        spoken: Rows that tell which words are form; those of the file if None.

    Attributes:
        survey: Which rows are to be audited, and how, and rows to demonstrate with.
    """

    def __init__(
        self,
        model: Answerer,
        file: AuditedFile,
        settings: AuditSettings,
        exam: Sequence[Item] = (),
        *,
        ifd: bool = True,
        spoken: Sequence[Conversation] | None = None,
    ) -> None:
        self.exam = exam_rows(exam)
        self.model, self.file, self.settings = model, file, settings
        self.encoder = Encoder(model.tokenizer)
        self.survey = survey(file.rows, self._choice, settings)
        self.form = FileForm(spoken or self.survey.spoken, settings.common, settings.short)
        self._controls = Controls(model.tokenizer)
        self.shown = Shown(self.survey.shown, settings, self._controls.guard, self.encoder, model.max_tokens)
        self.first = FirstPass(model, self.encoder, self.shown, self.form, settings, ifd=ifd)
        self.agreement = self._agreement()
        self.second = SecondPass(model, self.shown, self.form, settings, self.agreement)

    def __len__(self) -> int:
        """Rows to audit."""
        return len(self.survey.kinds) - self.survey.kinds.count(LEFT)

    @property
    def open_rows(self) -> Iterator[Conversation]:
        """Rows to audit that are read word by word."""
        return compress(self.file.rows, (kind == OPEN for kind in self.survey.kinds))

    def _choice(self, row: Conversation) -> ChoiceRow | None:
        """A row as multiple choice; one that fills half the model's context is read cut, word by word."""
        found = choice_of(row)
        if found and 2 * len(self.encoder.encode([row.messages[0].content])[0]) > self.model.max_tokens:
            return None
        return found

    def _agreement(self) -> Agreement | None:
        """How long answers of the model's own are compared, which the file's own tell."""
        how = self.settings
        rows = [row for row in self.survey.spoken if how.samples and not self.shown.form(row).short]
        answers = [(row.messages[-2].content, row.messages[-1].content) for row in rows]
        return agreement_of(how.agreement, self.model, LONGER * how.max_new_tokens, answers)

    def _told_of_agreement(self) -> Iterator[str]:
        asked = self.settings.agreement.long
        if self.agreement:
            yield self.agreement.note
        elif asked != "overlap":
            yield f"{asked}: not asked, as there is no long answer or no second pass"

    @property
    def address(self) -> str:
        """Hash of all that decides the verdicts."""
        exam = [[one.item.question, one.item.choices, one.item.answer] for one in self.exam]
        compared = self.agreement and self.agreement.identity
        settings = result_settings(self.settings)
        return sha256_json([VERSION, self.model.identity, self.file.sha256, settings, exam, compared])

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
        """Read and ask all rows, a block of them at a time.

        Args:
            journal: A folder for what is done, to be taken up after an interruption, and for the
                verdicts; the caller removes it when the result is safe.
            progress: Told how many rows are done, questions of the exam first; rows in doubt count twice.

        Raises:
            InputError: The file was changed.
        """
        before = len(self.exam)
        told = Told(progress, before + len(self))
        chunks = Chunks(journal and journal / "exam.jsonl", told.of(before))
        asked, exam = ask_choices(self.model, self.exam, self.exam, self.settings, chunks)
        known = KnownFacts("exam", self.settings.seed)
        right = Guessing()
        for one, verdict in zip(self.exam, asked, strict=True):
            known.add(one.row, verdict, one.item)
            right.add(verdict)
        tally = Tally(self.settings, self._controls, self.shown.alone, self.file.errors)
        kept = KeptRows(journal)
        rows = compress(zip(self.file.rows, self.survey.kinds, strict=True), self.survey.kinds)
        for block in iter(lambda: list(islice(rows, BLOCK)), []):
            found = kept.block(partial(self._judged, block, told))
            told.reach(before + len(kept))
            tally.asked = AskedCounts(*map(sum, zip(tally.asked, found.asked, strict=True)))
            for (row, _), verdict in zip(block, found.rows, strict=True):
                tally.add(row, verdict)
        self.file.require_unchanged()
        return Audited(
            rows=kept,
            counts=tally.counts,
            examples=tally.examples,
            of=len(self.file.rows),
            borderline=tally.borderline,
            bad=self.file.bad,
            notes=(
                *self.file.notes,
                *tally.notes,
                *self._told_of_agreement(),
                *self.model.slower_scoring,
                *(f"exam: {note}" for note in (exam.notes if exam else ())),
            ),
            warnings=(
                *right.warnings("the questions of the exam"),
                *tally.guessing.warnings("the multiple-choice rows of the file, as these teach them"),
            ),
            canaries=(*tally.facts.canaries, *known.canaries),
            about=self.about,
        )

    def _judged(
        self, block: Sequence[tuple[Conversation, int]], told: Told, journal: Path | None
    ) -> JudgedBlock:
        """Both passes over some rows; the journal is a folder for them alone."""
        rule = self.settings.rule

        def chunks(name: str, size: int) -> Chunks:
            return Chunks(journal and journal / f"{name}.jsonl", told.of(size))

        apart = [found for row, kind in block if kind == CHOICE and (found := choice_of(row))]
        choices, asked = ask_choices(
            self.model, apart, self.survey.choices, self.settings, chunks("choices", len(apart))
        )
        rows = [row for row, kind in block if kind == OPEN]
        read = chunks("first", len(rows)).results(
            lambda _, chunk: self.first.read(chunk), rows, CHUNK, FirstReading
        )
        doubted = [
            (row, decisive_turn(row, found))
            for row, found in zip(rows, read, strict=True)
            if self.settings.samples and in_doubt(signals_of(found), rule)
        ]
        told.more(len(doubted))
        own = chunks("own", len(doubted)).results(
            lambda _, chunk: self.second.ask(chunk), doubted, ASKED_TOGETHER, OwnAnswers
        )
        answers = {row.id: one for (row, _), one in zip(doubted, own, strict=True)}
        verdicts = {one.id: one for one in choices} | {
            row.id: verdict_of(row, found, answers.get(row.id), rule, self.model.rounding)
            for row, found in zip(rows, read, strict=True)
        }
        return JudgedBlock(
            rows=tuple(verdicts[row.id] for row, _ in block),
            asked=asked.counts if asked else AskedCounts(),
        )
