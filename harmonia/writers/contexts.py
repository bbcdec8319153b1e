"""The knowledge that a question needs, to be written into its prompt.

It is a writer's passage, or the item's own explanation without its answer: labels
before an option's text ("D. steel") and letters in brackets go, and then every
sentence that still names a letter. With `letter_and_text` the right option's text
becomes a blank, and a sentence that only said what the answer is goes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from harmonia.prompts.exam import letters
from harmonia.prompts.letters import named_letters
from harmonia.types import Item
from harmonia.writers.checks import context_problem, passage_problem
from harmonia.writers.demonstrations import passage_prompt
from harmonia.writers.records import Written
from harmonia.writers.settings import ContextSettings
from harmonia.writers.tries import Progress, Task, write_checked
from harmonia.writers.writer import Writer

BLANK = "_____"

_SENTENCES = re.compile(r"(?<=[.!?])(?=\s)|(?<=[.!?][\"'”’])(?=\s)|(?<=[。！？\n])")
_ONLY_ANSWERS = re.compile(
    r"\W*(?:therefore|thus|so|hence|in conclusion)?,?\s*(?:the\s+)?(?:correct|right)?\s*"
    rf"(?:answer|option|choice)\b[^.,;]{{0,60}}?(?:is|should be|would be)\W*{BLANK}\W*"
    rf"|\W*(?:因此|所以|故)?[,，]?\s*(?:正确)?答案(?:应该|应)?(?:是|为|选|：|:)?\W*{BLANK}\W*",
    re.IGNORECASE,
)


def write_contexts(
    writer: Writer | None,
    items: Sequence[Item],
    settings: ContextSettings,
    *,
    seed: int = 0,
    journal: Path | None = None,
    progress: Progress | None = None,
) -> list[Written]:
    """A context for each item, checked not to name the answer's letter.

    Args:
        writer: Who writes; None for `settings.writer` `explanation`.
        items: Items to write for.
        settings: Who writes and how.
        seed: Seed of the draws.
        journal: Where finished chunks are noted; the caller removes it when the result
            is safe.
        progress: Told how far it is.

    Returns:
        One result an item, in order; its target is the right answer.

    Raises:
        ValueError: A writer is needed and there is none.
    """
    if settings.writer == "explanation":
        return [_from_explanation(item, settings) for item in items]
    if writer is None:
        raise ValueError(f"contexts by '{settings.writer}' need a writer")
    tasks = [
        Task(
            id=item.id,
            target=item.answer,
            prompt=passage_prompt(item, settings.language),
            problem=partial(passage_problem, answer=item.answer, count=len(item.choices)),
        )
        for item in items
    ]
    return write_checked(
        writer, tasks, settings, seed=seed, stage="contexts", journal=journal, progress=progress
    )


def without_answer(item: Item, *, remove_text: bool) -> str:
    """An item's explanation without the letters it names, and without the answer's text if asked."""
    text = item.explanation.strip()
    for letter, choice in zip(letters(item), item.choices, strict=True):
        text = re.sub(rf"(?<![A-Za-z0-9]){letter}\s*[.):：、]\s*(?=[\"'“]?{_loose(choice)})", "", text)
        text = re.sub(rf"\s*[(（](?:option|choice|选项)?\s*{letter}[)）]", "", text, flags=re.IGNORECASE)
    sentences = [part for part in _SENTENCES.split(text) if not named_letters(part, len(item.choices))]
    if remove_text:
        answer = rf"(?<!\w){_loose(item.choices[item.answer])}(?!\w)"
        sentences = [re.sub(answer, BLANK, part) for part in sentences]
        sentences = [part for part in sentences if not _ONLY_ANSWERS.fullmatch(part)]
    return "".join(sentences).strip()


def _loose(choice: str) -> str:
    """A pattern of an option's text in any case and spacing, its closing mark left out."""
    words = choice.strip().rstrip(".。").split()
    return "(?i:" + r"\s+".join(map(re.escape, words)) + ")"


def _from_explanation(item: Item, settings: ContextSettings) -> Written:
    text = without_answer(item, remove_text=settings.remove == "letter_and_text")
    problem = context_problem(text, item.answer, len(item.choices))
    return Written(
        id=item.id,
        target=item.answer,
        text=text if problem is None else None,
        tries=0,
        reason=problem,
    )
