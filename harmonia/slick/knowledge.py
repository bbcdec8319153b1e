"""SliCK: how well a model knows the answer to a question in words (Gekhman et al. 2024).

Each question is put behind several random few-shot prompts; each gives one greedy answer
and several sampled ones. An answer is right if it equals an accepted one after
normalisation. The category follows:

    HighlyKnown   every greedy answer is right
    MaybeKnown    some greedy answers are right
    WeaklyKnown   no greedy answer is right, some sampled one is
    Unknown       no answer is right

Once a greedy answer was right and another wrong, or a sampled one right, nothing that
could still be asked changes the category, and with `early_stop` nothing is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from harmonia.errors import InputError
from harmonia.hashing import addressed_random
from harmonia.journal import Chunks, Progress
from harmonia.models import Continuation, GenerationSettings, Generator, guarded
from harmonia.parsing import Settings
from harmonia.slick.questions import OpenQuestion

Category = Literal["HighlyKnown", "MaybeKnown", "WeaklyKnown", "Unknown"]
CATEGORIES: tuple[Category, ...] = ("HighlyKnown", "MaybeKnown", "WeaklyKnown", "Unknown")

CHUNK = 256
"""Questions asked together."""

_STAGE = "slick"


class SlickSettings(Settings):
    """How a question in words is asked.

    Attributes:
        prompts: Few-shot prompts of a question.
        shots: Demonstrations in each.
        samples: Sampled answers to each, beside the greedy one.
        temperature: Temperature of the sampled ones.
        max_new_tokens: Most tokens of an answer; it ends with its line anyway.
        question: A question as the prompt has it, down to where the answer begins.
        demonstrations: `shared` draws the demonstrations of the n-th prompt once a
            domain, so that they are read once for all its questions; `per_item` draws
            them for each question.
        early_stop: Ask no more than the category needs. Shares of right answers are
            then not estimated, except where all was asked.
        seed: Seed of demonstrations and samples.
    """

    prompts: int = Field(default=10, ge=1)
    shots: int = Field(default=4, ge=0)
    samples: int = Field(default=16, ge=1)
    temperature: float = Field(default=0.5, gt=0)
    max_new_tokens: int = Field(default=32, ge=1)
    question: str = "Q: {question}\nA:"
    demonstrations: Literal["shared", "per_item"] = "shared"
    early_stop: bool = True
    seed: int = 0

    @field_validator("question")
    @classmethod
    def _holds_the_question(cls, value: str) -> str:
        if value.count("{question}") != 1 or value != value.rstrip():
            raise ValueError("it holds {question} once and does not end in white space")
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """What a model knows of one question.

    Attributes:
        question: The question.
        category: How well the answer is known.
        greedy_right: Right ones among the greedy answers asked for.
        greedy_asked: Greedy answers asked for.
        sampled_right: Right ones among the sampled answers asked for.
        sampled_asked: Sampled answers asked for.
        p_greedy: P(correct) at temperature 0; None where not all prompts were asked.
        p_sampled: P(correct) of the samples; None where not all were drawn.
        answers: The greedy answers, one a prompt asked.
    """

    question: OpenQuestion
    category: Category
    greedy_right: int
    greedy_asked: int
    sampled_right: int
    sampled_asked: int
    p_greedy: float | None
    p_sampled: float | None
    answers: tuple[str, ...]


def probe_knowledge(
    model: Generator,
    questions: Sequence[OpenQuestion],
    pool: Sequence[OpenQuestion],
    settings: SlickSettings,
    *,
    journal: Path | None = None,
    progress: Progress | None = None,
) -> tuple[Knowledge, ...]:
    """Sort questions into SliCK's categories.

    The pool to demonstrate with may be `questions` themselves, since none is demonstrated to itself. Finished
    chunks are noted in the journal, to be taken up after an interruption; the caller removes it when the
    result is safe.

    Returns:
        One result a question, in order.

    Raises:
        InputError: Too few demonstrations, or a prompt too long for the model.
    """
    prompts = _Prompts(pool, settings, partial(guarded, model))
    tallies = Chunks(journal, progress).results(
        lambda _, chunk: _ask(model, chunk, prompts, settings), questions, CHUNK, _Tally
    )
    return tuple(_knowledge(one, tally, settings) for one, tally in zip(questions, tallies, strict=True))


def category_of(*, greedy_right: int, prompts: int, sampled_right: int) -> Category:
    """The category of a question of which `prompts` greedy answers were asked."""
    if greedy_right == prompts:
        return "HighlyKnown"
    if greedy_right:
        return "MaybeKnown"
    return "WeaklyKnown" if sampled_right else "Unknown"


@dataclass(slots=True)
class _Tally:
    """Right and asked-for answers so far."""

    greedy: list[str]
    greedy_right: int = 0
    sampled_right: int = 0
    sampled_asked: int = 0

    @property
    def needs_greedy(self) -> bool:
        """All right or all wrong so far: the next greedy answer may still decide."""
        return self.greedy_right in (0, len(self.greedy))

    @property
    def needs_samples(self) -> bool:
        return not self.greedy_right and not self.sampled_right


class _Prompts:
    """Draws demonstrations, of the question's own domain where the pool has several, and writes prompts."""

    def __init__(
        self, pool: Sequence[OpenQuestion], settings: SlickSettings, guard: Callable[[str], str]
    ) -> None:
        self._guard = guard
        self._settings = settings
        self._of_domain: dict[str, list[OpenQuestion]] = {}
        several = len({shot.domain for shot in pool}) > 1
        for shot in sorted(pool, key=lambda shot: shot.id):
            self._of_domain.setdefault(shot.domain if several else "", []).append(shot)
        self._several = several
        self._same = Counter((shot.domain if several else "", shot.question) for shot in pool)

    def draw(self, question: OpenQuestion, number: int) -> tuple[OpenQuestion, ...]:
        """The demonstrations of a question's n-th prompt, never the question itself."""
        wanted, domain = self._settings.shots, question.domain if self._several else ""
        pool = self._of_domain.get(domain, [])
        fitting = len(pool) - self._same[domain, question.question]
        if fitting < wanted:
            raise InputError(
                f"{wanted} demonstrations are needed, {fitting} fit question {question.id} "
                f"of domain '{question.domain}'",
                field="shots",
                remedy="Give more demonstrations of this domain (--shots-from), or ask with fewer (--shots).",
            )
        item = "" if self._settings.demonstrations == "shared" else f"/{question.id}"
        draws = addressed_random(self._settings.seed, f"{_STAGE}/shots", f"{domain}/{number}{item}")
        chosen: dict[str, OpenQuestion] = {}
        while len(chosen) < wanted:
            shot = draws.choice(pool)
            if shot.question != question.question:
                chosen[shot.id] = shot
        return tuple(chosen.values())

    def write(self, question: OpenQuestion, shots: Sequence[OpenQuestion]) -> str:
        """A prompt whose control tokens are those of the wording alone."""
        solved = [f"{self._asked(shot)} {self._guard(shot.answers[0])}" for shot in shots]
        return "\n\n".join([*solved, self._asked(question)])

    def _asked(self, one: OpenQuestion) -> str:
        return self._settings.question.replace("{question}", self._guard(one.question))


def _ask(
    model: Generator, questions: Sequence[OpenQuestion], prompts: _Prompts, settings: SlickSettings
) -> list[_Tally]:
    tallies = [_Tally(greedy=[]) for _ in questions]
    both = list(zip(questions, tallies, strict=True))
    for number in range(settings.prompts):
        left = [(one, tally) for one, tally in both if tally.needs_greedy or not settings.early_stop]
        answers = _answers(model, [one for one, _ in left], number, prompts, settings, greedy=True)
        for (one, tally), (answer,) in zip(left, answers, strict=True):
            tally.greedy.append(answer.text.strip())
            tally.greedy_right += one.accepts(answer.text)
    for number in range(settings.prompts):
        left = [(one, tally) for one, tally in both if tally.needs_samples or not settings.early_stop]
        answers = _answers(model, [one for one, _ in left], number, prompts, settings, greedy=False)
        for (one, tally), several in zip(left, answers, strict=True):
            tally.sampled_asked += len(several)
            tally.sampled_right += sum(one.accepts(answer.text) for answer in several)
    return tallies


def _answers(
    model: Generator,
    questions: Sequence[OpenQuestion],
    number: int,
    prompts: _Prompts,
    settings: SlickSettings,
    *,
    greedy: bool,
) -> list[tuple[Continuation, ...]]:
    """Answers behind the n-th prompt; questions with the same demonstrations are asked together."""
    how = GenerationSettings(
        temperature=0.0 if greedy else settings.temperature,
        samples=1 if greedy else settings.samples,
        max_new_tokens=settings.max_new_tokens,
        stop=("\n",),
    )
    groups: dict[tuple[str, ...], list[tuple[int, str]]] = {}
    for place, one in enumerate(questions):
        shown = prompts.draw(one, number)
        together = () if settings.demonstrations == "per_item" else tuple(shot.id for shot in shown)
        groups.setdefault(together, []).append((place, prompts.write(one, shown)))
    found: dict[int, tuple[Continuation, ...]] = {}
    for members in groups.values():
        continued = model.generate(
            [prompt for _, prompt in members],
            how,
            addresses=[f"{questions[place].id}/{number}" for place, _ in members],
            seed=settings.seed,
            stage=_STAGE,
        )
        for (place, _), answers in zip(members, continued, strict=True):
            if answers[0].ended == "no room":
                raise InputError(
                    f"question {questions[place].id} with {settings.shots} demonstrations does not fit "
                    f"the model's context of {model.max_tokens} tokens",
                    field="shots",
                    seen=settings.shots,
                    remedy="Ask with fewer, or leave the question out.",
                )
            found[place] = answers
    return [found[place] for place in range(len(questions))]


def _knowledge(question: OpenQuestion, tally: _Tally, settings: SlickSettings) -> Knowledge:
    prompts, asked = settings.prompts, len(tally.greedy)
    all_sampled = tally.sampled_asked == prompts * settings.samples
    return Knowledge(
        question=question,
        category=category_of(
            greedy_right=tally.greedy_right, prompts=prompts, sampled_right=tally.sampled_right
        ),
        greedy_right=tally.greedy_right,
        greedy_asked=asked,
        sampled_right=tally.sampled_right,
        sampled_asked=tally.sampled_asked,
        p_greedy=tally.greedy_right / prompts if asked == prompts else None,
        p_sampled=tally.sampled_right / tally.sampled_asked if all_sampled else None,
        answers=tuple(tally.greedy),
    )
