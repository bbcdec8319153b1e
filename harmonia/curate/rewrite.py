"""Self-distilled answers: the model rewrites a row's answer with it in sight, and the row teaches that.

After SDFT (Yang et al. 2024, arXiv 2402.13669). A rewritten answer must keep the fact: all words of
a short answer, the names and numbers of a longer one, without case and punctuation. Where no
try does, the row keeps its answer, and is counted. Multiple-choice rows keep theirs.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from harmonia.audit.content import answers_of, facts_of, keys_of
from harmonia.curate.audited import JudgedRow
from harmonia.curate.settings import RewritingSettings
from harmonia.journal import Progress
from harmonia.models import Continuation, Generator
from harmonia.types import Conversation
from harmonia.writers.checks import form_problem
from harmonia.writers.text_files import Written
from harmonia.writers.tries import WritingTask, write_checked

FACT_LOST = "does not keep the fact"


def rewritten(
    model: Generator,
    rows: Iterable[tuple[JudgedRow, Conversation]],
    settings: RewritingSettings,
    short: int,
    *,
    seed: int,
    journal: Path | None = None,
    progress: Progress | None = None,
) -> list[Written]:
    """Rewritten answers; a text's target is its place among the row's messages.

    Args:
        model: Who rewrites.
        rows: The rows; multiple choice is passed over.
        settings: How.
        short: Most words of a short answer.
        seed: Seed of the draws.
        journal: A folder for what is done, which the caller removes when the result is safe.
        progress: Told how many answers are done.
    """
    lines, paragraphs = list[WritingTask](), list[WritingTask]()
    for judged, row in rows:
        for place, answer in answers_of(row) if judged.kind == "open" else ():
            (paragraphs if "\n" in answer.strip() else lines).append(
                WritingTask(
                    id=row.id,
                    target=place,
                    prompt=_prompt(row, place, settings),
                    problem=partial(fact_problem, facts=facts_of(answer, short)),
                )
            )
    whole = len(lines) + len(paragraphs)
    found: list[Written] = []
    # An answer ends where one like it does: at the end of the line, or of the paragraph's last.
    for name, tasks, stop in (("lines", lines, ("\n",)), ("paragraphs", paragraphs, ("\n\n\n",))):
        found += write_checked(
            model,
            tasks,
            settings,
            seed=seed,
            stage="curate/rewriting",
            stop=stop,
            journal=journal and journal / f"{name}.jsonl",
            progress=partial(_told, progress, len(found), whole),
        )
    return found


def _told(progress: Progress | None, before: int, whole: int, done: int, _: int) -> None:
    if progress:
        progress(before + done, whole)


def _prompt(row: Conversation, place: int, settings: RewritingSettings) -> str:
    before = "\n\n".join(turn.content for turn in row.messages[:place])
    head, _, rest = settings.wording.partition("{instruction}")
    middle, _, tail = rest.partition("{answer}")
    return f"{head}{before}{middle}{row.messages[place].content}{tail}"


def fact_problem(written: Continuation, facts: frozenset[str]) -> str | None:
    """What is wrong with an answer that must keep some words; None if nothing."""
    return form_problem(written, sentence=False) or (
        None if facts <= set(keys_of(written.text)) else FACT_LOST
    )
