"""The knowledge that a question needs, to be written into its prompt.

It is a writer's passage, or the item's own explanation without its answer. A head that
states it ("Ans. is 'b' i.e.,"), labels before an option's text ("D. steel") and letters in
brackets go. Then every sentence goes that still names a letter. With `letter_and_text` the
right option's text becomes a blank, and a sentence that only said what the answer is goes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from harmonia.journal import Progress
from harmonia.models import Generator
from harmonia.prompts.exam import letters
from harmonia.prompts.letters import letter_mentions
from harmonia.types import Item
from harmonia.writers.checks import context_problem, passage_problem
from harmonia.writers.demonstrations import passage_prompt
from harmonia.writers.settings import ContextSettings
from harmonia.writers.text_files import Written
from harmonia.writers.tries import WritingTask, write_checked

BLANK = "_____"

_SENTENCES = re.compile(r"(?<=[.!?])(?=\s)|(?<=[.!?][\"'”’])(?=\s)|(?<=[。！？\n])")
_HEAD = re.compile(r"(?i)\W*(?:(?:correct\s+)?ans(?:wer)?\W*(?:\bis\b\W*)?(?:option\W*)?)?")
_THAT_IS = r"i\.\s?e\b[.,]*\s*"
_CLOSED = rf"(?:[\"'”’`)\]]*\s*[.):：、,-]+\s*(?:{_THAT_IS})?|[\"'”’`)\]]+\s*(?:{_THAT_IS})?|\s+{_THAT_IS})"
_WORD = re.compile(r"[A-Za-z]+|[^\W\d_]")
_ONLY_ANSWERS = frozenset(
    _WORD.findall(
        "therefore thus so hence in conclusion the correct right best answer option choice ans is should "
        "would must be to this question 因此所以故正确答案应该是为选"
    )
)


def write_contexts(
    writer: Generator | None,
    items: Sequence[Item],
    settings: ContextSettings,
    *,
    seed: int = 0,
    journal: Path | None = None,
    progress: Progress | None = None,
) -> list[Written]:
    """A context for each item, checked not to name the answer's letter.

    Without a writer it is `settings.writer` `explanation`. The caller removes the journal when the result is
    safe.

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
        WritingTask(
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
    count = len(item.choices)
    text = _without_head(item.explanation.strip(), count)
    for letter, choice in zip(letters(item), item.choices, strict=True):
        own = f"[{letter}{letter.lower()}]"
        text = re.sub(rf"(?<![A-Za-z0-9])[\"'“‘`(\[]?{own}{_CLOSED}(?=[\"'“]?{_loose(choice)})", "", text)
        text = re.sub(rf"(?<!\s)\s*[(（](?:(?i:option|choice)|选项)?\s*{own}[)）]", "", text)
    sentences = [part for part in _unnamed(text, count) if not _only_answers(part)]
    if remove_text:
        # Behind it a capital begins another word: many explanations lost their blanks.
        answer = rf"(?<!\w){_loose(item.choices[item.answer])}(?![^\WA-Z])"
        sentences = [re.sub(answer, BLANK, part) for part in sentences]
        sentences = [part for part in sentences if not _only_answers(part)]
    return "".join(sentences).strip()


def _without_head(text: str, count: int) -> str:
    """The text without an opening that does nothing but state a letter."""
    first = next(iter(letter_mentions(text, count)), None)
    if first is None or not first.stated or not _HEAD.fullmatch(text, 0, first.at):
        return text
    rest = re.compile(_CLOSED).match(text, first.at + 1)
    return text[rest.end() if rest else first.at + 1 :]


def _unnamed(text: str, count: int) -> list[str]:
    """The sentences of a text that name no letter; a naming may reach over several."""
    named = iter([*letter_mentions(text, count), None])
    one = next(named)
    kept, start = [], 0
    for part in _SENTENCES.split(text):
        end = start + len(part)
        while one and one.at < start:
            one = next(named)
        if one is None or one.start >= end:
            kept.append(part)
        start = end
    return kept


def _only_answers(sentence: str) -> bool:
    words = {word.lower() for word in _WORD.findall(sentence)}
    return words <= _ONLY_ANSWERS and (bool(words) or BLANK in sentence)


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
