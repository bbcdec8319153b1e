"""Sample, check, try again: each try at an address of its own, in chunks that a restart can take up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harmonia.journal import Chunks, Progress
from harmonia.models import Continuation, GenerationSettings, Generator, guarded
from harmonia.writers.demonstrations import STOP
from harmonia.writers.settings import SamplingSettings
from harmonia.writers.text_files import Written

CHUNK = 64
"""Texts written together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WritingTask:
    """A text to write: its prompt, and what is wrong with a try (None if nothing).

    Data in a prompt that is `guarded` already gives no control tokens, its frame may.
    """

    id: str
    target: int
    prompt: str
    problem: Callable[[Continuation], str | None]
    guarded: bool = False


def write_checked(
    writer: Generator,
    tasks: Sequence[WritingTask],
    settings: SamplingSettings,
    *,
    seed: int,
    stage: str,
    stop: tuple[str, ...] = STOP,
    journal: Path | None = None,
    progress: Progress | None = None,
) -> list[Written]:
    """One result a task, in order; `stop` are texts that end a text."""
    return Chunks(journal, progress).results(
        lambda _, chunk: _write(writer, chunk, settings, seed, stage, stop), tasks, CHUNK, Written
    )


def _guarded(writer: Generator, task: WritingTask) -> str:
    return task.prompt if task.guarded else guarded(writer, task.prompt)


def _write(
    writer: Generator,
    tasks: Sequence[WritingTask],
    settings: SamplingSettings,
    seed: int,
    stage: str,
    stop: tuple[str, ...],
) -> list[Written]:
    how = GenerationSettings(
        temperature=settings.temperature,
        top_p=settings.top_p,
        max_new_tokens=settings.max_new_tokens,
        stop=stop,
    )
    results: dict[int, Written] = {}
    left = list(range(len(tasks)))
    for number in range(1, settings.tries + 1):
        texts = writer.generate(
            [_guarded(writer, tasks[place]) for place in left],
            how,
            addresses=[f"{tasks[place].id}/{tasks[place].target}/{number}" for place in left],
            seed=seed,
            stage=stage,
        )
        for place, (text,) in zip(left, texts, strict=True):
            task, problem = tasks[place], tasks[place].problem(text)
            results[place] = Written(
                id=task.id,
                target=task.target,
                text=text.text.strip() if problem is None else None,
                tries=number,
                reason=problem,
            )
        left = [place for place in left if results[place].text is None]
        if not left:
            break
    return [results[place] for place in range(len(tasks))]
