"""Self-refined preferences: pairs of a tuned model's own answers, with reasoning and without.

After Ranaldi and Freitas (2024, arXiv 2405.00402). The model is asked each row twice in the chat template
that it was tuned in, once with the cue to think step by step. The answer with reasoning is preferred where
it comes to the row's answer; the prompt of the pair is the row's own, without the cue.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from harmonia.audit.content import facts_of
from harmonia.curate.audited import JudgedRow
from harmonia.curate.change import CuratedRow
from harmonia.curate.rewrite import fact_problem
from harmonia.curate.settings import REFINE, RefiningSettings
from harmonia.errors import InputError
from harmonia.journal import Progress
from harmonia.prompts import PromptSettings, Template, build_template
from harmonia.types import Conversation, Message
from harmonia.writers import dropped
from harmonia.writers.tries import WritingTask, write_checked

SAME = "both answers are the same"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refined:
    """Pairs, in the rows' order, and rows that gave none, by reason."""

    pairs: tuple[CuratedRow, ...]
    unpaired: Mapping[str, int]


def refined(
    model: Any,
    rows: Iterable[tuple[JudgedRow, Conversation]],
    settings: RefiningSettings,
    short: int,
    *,
    seed: int,
    journal: Path | None = None,
    progress: Progress | None = None,
) -> Refined:
    """Ask a tuned model for both answers to each row.

    Args:
        model: Who answers.
        rows: The rows; each is asked at the answer that its verdict is about.
        settings: How.
        short: Most words of a short answer.
        seed: Seed of the draws.
        journal: A folder for what is done.
        progress: Told how many answers are done, of each kind.

    Raises:
        InputError: The model has no tokenizer, or cannot be asked in this chat template.
    """
    if not hasattr(model, "tokenizer"):
        remedy = "Give a model folder (--model)."
        raise InputError("its chat template is not known here", field="model", remedy=remedy)
    template = build_template(PromptSettings(chat=settings.chat), model.tokenizer)
    every = list(rows)

    both = [
        write_checked(
            model,
            tasks,
            settings,
            seed=seed,
            stage=f"curate/refining/{name}",
            stop=(),
            journal=journal and journal / f"{name}.jsonl",
            progress=progress,
        )
        for name, tasks in (
            ("reasoned", _tasks(template, every, settings.cue, short)),
            ("plain", _tasks(template, every)),
        )
    ]
    unpaired = Counter({f"with reasoning: {why}": count for why, count in dropped(both[0]).items()})
    pairs = []
    for (judged, row), reasoned, plain in zip(every, *both, strict=True):
        if reasoned.text is None:
            continue
        if plain.text is None or plain.text == reasoned.text:
            unpaired[f"without reasoning: {plain.reason}" if plain.reason else SAME] += 1
            continue
        pairs.append(_pair(judged, row, reasoned.text, plain.text))
    return Refined(pairs=tuple(pairs), unpaired=unpaired)


def _tasks(
    template: Template, rows: Sequence[tuple[JudgedRow, Conversation]], cue: str = "", short: int = 0
) -> list[WritingTask]:
    """What is asked; behind a cue the answer must come to the row's, whose short ones have so many words."""
    return [
        WritingTask(
            id=row.id,
            target=judged.turn,
            prompt=template.opening(_cued(row.messages[: judged.turn], cue))[0],
            problem=partial(
                fact_problem, facts=facts_of(row.messages[judged.turn].content, short) if cue else frozenset()
            ),
            guarded=True,
        )
        for judged, row in rows
    ]


def _pair(judged: JudgedRow, row: Conversation, chosen: str, rejected: str) -> CuratedRow:
    turns = (*row.messages[: judged.turn], Message(role="assistant", content=chosen))
    return CuratedRow(
        row=replace(row, messages=turns),
        category=judged.category,
        conflict=judged.conflict,
        policy=REFINE,
        changed="pair",
        rejected=rejected,
    )


def _cued(messages: tuple[Message, ...], cue: str) -> tuple[Message, ...]:
    """Turns whose last one has the cue on a line of its own."""
    last = messages[-1]
    return (*messages[:-1], replace(last, content=f"{last.content}\n{cue}")) if cue else messages
