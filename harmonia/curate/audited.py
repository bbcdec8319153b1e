"""An audit as a set is made of it: its verdicts read anew each time, and the file that they are about."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from harmonia.audit import AUDIT_ROWS, ROWS, Audited
from harmonia.audit.canaries import error_lines
from harmonia.audit.choices import choice_of
from harmonia.audit.folder import CANARIES
from harmonia.data.conversations import ConversationFile, conversations_at
from harmonia.errors import InputError
from harmonia.files import require_file
from harmonia.hashing import file_sha256
from harmonia.parsing import noted_in, parquet_schema, read_json_lines
from harmonia.types import Conversation

_WHAT = "the fine-tuning file"


class JudgedRow(NamedTuple):
    """What a set is made by of an audited row; the columns are those of `AuditRow`."""

    id: str
    line: int
    kind: str
    category: str
    conflict: float
    instruction: str
    answer: str
    turn: int
    agreement: float | None
    own_answer: str | None
    believed: int | None
    target: int | None
    choices: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedRows:
    """The verdicts of an audit, and the file that they are about.

    Attributes:
        rows: Gives the verdicts in the file's order, each time anew.
        path: The file.
        about: How the verdicts were made.
        held_lines: Lines of facts that are held back, and of rows that ask for one in any turn.
        held_questions: Questions of all facts that are held back, as `question_key` has them.
        errors: Lines that are marked as the model's own errors.
    """

    rows: Callable[[], Iterator[JudgedRow]]
    path: Path
    about: Mapping[str, Any]
    held_lines: frozenset[int]
    held_questions: frozenset[str]
    errors: frozenset[int]

    @property
    def short(self) -> int:
        """Most words of a short answer."""
        return int(self.about["settings"]["short"])

    def conversations(self, lines: Iterable[int]) -> Iterator[Conversation]:
        """The rows of some lines, which ascend."""
        return conversations_at(self.path, lines, what=_WHAT)


def _asking(path: Path, questions: Collection[str]) -> Iterator[int]:
    """Lines of the rows of a file that ask one of some questions, in any turn."""
    for row in ConversationFile(path, what=_WHAT) if questions else ():
        if isinstance(row, Conversation):
            found = choice_of(row)
            asked = [turn.content for turn in row.messages if turn.role == "user"]
            if any(
                question_key(text) in questions
                for text in (*asked, *([found.item.question] if found else []))
            ):
                yield row.line


def question_key(text: str) -> str:
    """A question without regard to case and white space."""
    return " ".join(text.casefold().split())


def open_audit(audit: str | Path | Audited, data: str | Path | None = None) -> AuditedRows:
    """Open an audit: its folder, or what it found.

    Args:
        audit: The audit.
        data: The file that was audited, where it is not where it was.

    Raises:
        InputError: There is no audit, or the file is not the one that was audited.
    """
    if isinstance(audit, Audited):
        about = audit.about
        held: Iterable[Mapping[str, Any]] = audit.canaries
        kept = audit.rows

        def rows() -> Iterator[JudgedRow]:
            return (JudgedRow(*(getattr(row, name) for name in JudgedRow._fields)) for row in kept)

    else:
        folder = Path(audit)
        table = require_file(folder / ROWS, what="the table of an audit")
        about = noted_in(parquet_schema(table, what="the table of an audit"), table)
        facts = require_file(folder / CANARIES, what="the file of canaries")
        held = (row for _, row in read_json_lines(facts, what="the file of canaries"))

        def rows() -> Iterator[JudgedRow]:
            return (JudgedRow(**row) for row in AUDIT_ROWS.stream(folder, *JudgedRow._fields))

    path = _audited_file(about, data)
    facts_held = list(held)
    questions = frozenset(question_key(str(row.get("question", ""))) for row in facts_held) - {""}
    own = [row.get("line", 0) for row in facts_held if row.get("source") == "file"]
    return AuditedRows(
        rows=rows,
        path=path,
        about=about,
        held_lines=frozenset((*own, *_asking(path, questions))),
        held_questions=questions,
        errors=frozenset(error_lines(path, what=_WHAT)),
    )


def _audited_file(about: Mapping[str, Any], data: str | Path | None) -> Path:
    was = about.get("data")
    if not isinstance(was, Mapping) or "sha256" not in was or not {"settings", "model"} <= about.keys():
        raise InputError(
            "the audit does not say how it was made", field="audit", remedy="Audit the file again."
        )
    path = Path(data) if data is not None else Path(str(was.get("path", was.get("name", ""))))
    if data is None and not path.is_file():
        remedy = "Say where it is now: --data (in Python data=)."
        raise InputError("the audited file is not there", file=path, field="data", remedy=remedy)
    if file_sha256(require_file(path, what=_WHAT)) != was["sha256"]:
        remedy = "Give the file as it was audited, or audit it again."
        raise InputError("not the file that was audited", file=path, field="data", remedy=remedy)
    return path
