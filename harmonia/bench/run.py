"""All measures, one after the other."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

from harmonia.bench.auditing import measure_auditing
from harmonia.bench.memory import measure_memory
from harmonia.bench.metrics import measure_metrics
from harmonia.bench.scoring import measure_scoring
from harmonia.bench.settings import BenchSettings
from harmonia.bench.subject import Subject, load_subject
from harmonia.bench.training import measure_training
from harmonia.bench.turns import OURS, Timing, Work, in_turn
from harmonia.bench.workers import measure_workers
from harmonia.errors import HarmoniaError
from harmonia.pipeline.machine import git_commit, machine, versions
from harmonia.prompts import Form, PromptSettings
from harmonia.types import Item

Watch = Callable[[str], None]
"""Told what is measured next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What a benchmark found.

    Attributes:
        skipped: Measures that there are not, and why.
    """

    settings: BenchSettings
    dtype: str
    parameters: int
    machine: dict[str, Any]
    versions: dict[str, str]
    commit: str | None
    measures: tuple[Timing, ...]
    skipped: dict[str, str]
    wall_s: float

    def document(self) -> dict[str, Any]:
        """For machines."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        own = {"settings": self.settings.model_dump(), "measures": [one.row() for one in self.measures]}
        return {"model": self.settings.name, **values, **own}


def run_bench(settings: BenchSettings, watch: Watch | None = None) -> Bench:
    """Measure everything.

    Raises:
        InputError: The model or a file cannot be read.
    """
    started = time.perf_counter()
    subject = load_subject(settings, count=max(settings.questions, settings.rows))
    measures: list[Timing] = []
    skipped: dict[str, str] = {}
    for name, measure in _themes(settings, subject):
        if watch:
            watch(name)
        try:
            measures.append(measure())
        except HarmoniaError as error:
            skipped[name] = str(error)
    model = subject.loaded.model
    return Bench(
        settings=settings,
        dtype=subject.loaded.settings.dtype,
        parameters=sum(weight.numel() for weight in model.parameters()),
        machine=machine(subject.loaded.device),
        versions=versions(),
        commit=git_commit(),
        measures=tuple(measures),
        skipped=skipped,
        wall_s=time.perf_counter() - started,
    )


def _themes(settings: BenchSettings, subject: Subject) -> Iterator[tuple[str, Callable[[], Timing]]]:
    """Everything that is measured, by name."""
    few, repeats = settings.baseline_questions, settings.repeats
    letter, cloze = subject.prompt("letter"), subject.prompt("cloze")
    probe, chat = Form(chat=False, shots=letter.shots), Form(chat=True, shots=0)
    asked = subject.items[: settings.questions]
    ways: tuple[tuple[str, Sequence[Item], PromptSettings, Form, int], ...] = (
        ("letter probe, 5-shot", asked, letter, probe, few),
        # A question costs the baselines a pass per option.
        ("cloze probe, 5-shot", asked, cloze, probe, -(-few // 2)),
        ("zero-shot evaluation in the chat template", subject.evaluated, letter, chat, few),
    )
    for name, items, words, form, count in ways:
        yield (
            name,
            partial(
                measure_scoring,
                *(name, subject, items, words, form),
                baseline_questions=count,
                repeats=repeats,
                harness=(words, form) == (letter, probe),
            ),
        )
    yield "audit, first pass", partial(_auditing, settings, subject)
    yield "training", partial(_training, settings, subject)
    yield "rank agreement and KL", partial(measure_metrics, repeats=repeats)
    if settings.memory_items:
        yield "peak memory", partial(measure_memory, settings)
    if settings.worker_draws:
        yield "workers on Ray", partial(measure_workers, settings.worker_draws)
    yield "harmonia --help", partial(_help, repeats)


def _help(repeats: int) -> Timing:
    """How long a user waits for the first answer of the command line."""
    command = [sys.executable, "-m", "harmonia.cli.main", "--help"]
    work = Work.of(lambda: subprocess.run(command, capture_output=True, check=True))
    found, _ = in_turn({OURS: work}, repeats)
    return Timing(what="harmonia --help", unit="s", ours=found[OURS])


def _auditing(settings: BenchSettings, subject: Subject) -> Timing:
    _require_general(subject)
    return measure_auditing(
        subject,
        rows=settings.audit_rows,
        # A row costs the baseline a pass for each draw and more.
        baseline_rows=-(-settings.baseline_questions // 2),
        repeats=settings.repeats,
    )


def _training(settings: BenchSettings, subject: Subject) -> Timing:
    _require_general(subject)
    return measure_training(subject, rows=settings.rows, repeats=settings.repeats)


def _require_general(subject: Subject) -> None:
    if not subject.general:
        raise HarmoniaError("no general instructions were given (general)")
