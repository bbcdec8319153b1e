"""What one model says to all that two are asked: the same questions, in the same words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from harmonia import __version__
from harmonia.audit import Audit, AuditedFile, AuditRow
from harmonia.audit.run import Answerer
from harmonia.compare.canaries import AskedOfBoth, QuestionSuite, conversation_of
from harmonia.compare.settings import CompareSettings
from harmonia.errors import InputError
from harmonia.hashing import sha256_json
from harmonia.journal import Chunks, Progress
from harmonia.models import Scorer
from harmonia.probe import ask
from harmonia.prompts import PromptSettings, ShotPool, build_template, parse_form
from harmonia.types import Belief, Conversation, Method


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSaid:
    """What one model says.

    Attributes:
        identity: The model's.
        form: Form in which it was asked multiple choice.
        beliefs: By suite and readout.
        facts: Verdicts on the facts in words, by id.
        rows: Verdicts on the rows of an audit, by id.
        notes: What a person should know of the asking, a sentence each.
    """

    identity: str
    form: str
    beliefs: Mapping[tuple[str, Method], tuple[Belief, ...]]
    facts: Mapping[str, AuditRow]
    rows: Mapping[str, AuditRow]
    notes: tuple[str, ...]


def said_by(
    model: Answerer,
    wanted: AskedOfBoth,
    settings: CompareSettings,
    *,
    form: str | None = None,
    journal: Path | None = None,
    progress: Progress | None = None,
) -> ModelSaid:
    """Ask a model everything.

    Args:
        model: Who is asked.
        wanted: What.
        settings: How.
        form: Form of multiple choice; None for the raw one, with demonstrations.
        journal: A folder for what is done, to be taken up after an interruption.
        progress: Told how many questions are done.

    Raises:
        InputError: The model cannot be asked so.
    """
    form = form or settings.prompt.probe_form
    rows = [conversation_of(row.id, row.line, row.instruction, row.answer) for row in wanted.rows]
    whole = len(settings.readouts) * sum(len(suite.items) for suite in wanted.suites)
    whole += 2 * (len(wanted.facts) + len(rows))  # a row in doubt counts twice
    begun = 0

    def told(size: int) -> Progress | None:
        nonlocal begun
        start, begun = begun, begun + size
        return progress and (lambda done, of: progress(start + size * done // of, whole))

    beliefs: dict[tuple[str, Method], tuple[Belief, ...]] = {}
    notes: list[str] = []
    for suite in wanted.suites:
        for method in settings.readouts:
            address = [__version__, model.identity, form, method, settings.model_dump(mode="json")]
            asked = [asdict(item) for item in (*suite.items, *(suite.shots or ()))]
            noted = journal and journal / f"{sha256_json([address, len(suite.items), asked])[:12]}.jsonl"
            chunks = Chunks(noted, told(len(suite.items)))
            found, said = _asked(model, suite, method, settings, form, chunks)
            beliefs[suite.name, method] = found
            notes += (f"{suite.name}, {method}: {note}" for note in said)
    every = (*wanted.facts, *rows)
    facts, row_verdicts = (
        _audited(model, one, every, settings, journal, told(2 * len(one)))
        for one in (wanted.facts, tuple(rows))
    )
    return ModelSaid(
        identity=model.identity,
        form=form,
        beliefs=beliefs,
        facts=facts,
        rows=row_verdicts,
        notes=tuple(notes),
    )


def _asked(
    model: Scorer,
    suite: QuestionSuite,
    method: Method,
    settings: CompareSettings,
    form: str,
    chunks: Chunks,
) -> tuple[tuple[Belief, ...], list[str]]:
    given = settings.prompt.model_dump(exclude_unset=True) | {"method": method}
    words = PromptSettings.model_validate(given)
    asked_in = parse_form(form)
    shots = suite.items if suite.shots is None else suite.shots
    if asked_in.shots and len({item.question for item in shots}) < 2:
        raise InputError(
            "there is no other question to demonstrate with",
            field="prompt.shots",
            seen=asked_in.shots,
            remedy="Give demonstrations, or set prompt.shots=0.",
        )
    found = ask(
        model,
        suite.items,
        asked_in,
        build_template(words, model.tokenizer),
        settings=settings.probe,
        pool=ShotPool.of(shots, words) if asked_in.shots else None,
        chunks=chunks,
    )
    return found.beliefs, found.notes


def _audited(
    model: Answerer,
    rows: Sequence[Conversation],
    every: Sequence[Conversation],
    settings: CompareSettings,
    journal: Path | None,
    progress: Progress | None,
) -> dict[str, AuditRow]:
    """Verdicts as the audit makes them, behind demonstrations from these rows.

    `every` is all that is asked: a few facts alone would not tell which words are a file's form.
    """
    if not rows:
        return {}
    told = [[[row.id, [asdict(turn) for turn in row.messages]] for row in some] for some in (rows, every)]
    file = AuditedFile(path=Path("rows"), sha256="", rows=tuple(rows))
    audit = Audit(model, file, settings.audit, ifd=False, spoken=every)
    noted = journal and journal / sha256_json([audit.address, told])[:12]
    return {row.id: row for row in audit.run(noted, progress).rows}
