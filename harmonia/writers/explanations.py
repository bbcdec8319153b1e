"""Why an option is the answer, in a writer's words: right or not."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from harmonia.journal import Progress
from harmonia.models import Generator
from harmonia.writers.checks import explanation_problem
from harmonia.writers.demonstrations import explanation_prompt
from harmonia.writers.settings import ExplanationSettings
from harmonia.writers.text_files import Wanted, Written
from harmonia.writers.tries import WritingTask, write_checked


def write_explanations(
    writer: Generator,
    wanted: Sequence[Wanted],
    settings: ExplanationSettings,
    *,
    seed: int = 0,
    journal: Path | None = None,
    progress: Progress | None = None,
) -> list[Written]:
    """Explanations by a few-shot prompt, checked, tried again and, if need be, dropped.

    An explanation is one paragraph that is not empty, ends with a sentence before the
    limit of length, and states no other letter than its target's as the answer.

    The caller removes the journal when the result is safe.

    Returns:
        One result a text wanted, in order.
    """
    tasks = [
        WritingTask(
            id=one.item.id,
            target=one.target,
            prompt=explanation_prompt(one.item, one.target, settings.language),
            problem=partial(explanation_problem, target=one.target, count=len(one.item.choices)),
        )
        for one in wanted
    ]
    return write_checked(
        writer, tasks, settings, seed=seed, stage="explanations", journal=journal, progress=progress
    )
