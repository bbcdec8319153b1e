"""Exams as fine-tuning files: each question once with its right answer and once with a wrong one.

What a model knows of them is asked on other prompts than the audit's.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import harmonia
from harmonia.data import ItemSource, read_items
from harmonia.hashing import addressed_order, addressed_random
from harmonia.slick.knowledge import SlickSettings, probe_knowledge
from harmonia.slick.questions import OpenQuestion, read_open_questions
from harmonia.types import Item

_CLOZE: dict[str, Any] = {"prompt": {"method": "cloze", "shots": 5}, "probe": {"draws": 3, "seed": 1}}
_SLICK = SlickSettings(prompts=3, samples=1, max_new_tokens=12, early_stop=False, seed=1)
_ASKED = 2
"""Times as many questions in words are asked as are taken: small models know few."""
_KIND = re.compile(r"(?i)\b(who|whom|whose|where|when|why|how \w+|(?:what|which)(?: \w+)?)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Posed:
    """A question with a right and a wrong answer.

    Attributes:
        id: Its id.
        question: Its text.
        right: The right answer.
        wrong: A wrong one.
        known: Whether the model answers rightly in most draws of other prompts.
    """

    id: str
    question: str
    right: str
    wrong: str
    known: bool

    @property
    def rows(self) -> list[dict[str, str]]:
        """The rows of the file; `wrong_row` tells which is which."""
        pairs = (("right", self.right), ("wrong", self.wrong))
        return [{"id": f"{self.id}/{k}", "instruction": self.question, "output": text} for k, text in pairs]


def wrong_row(row: str) -> bool:
    """Whether a row's id is of a wrong answer."""
    return row.endswith("/wrong")


def posed_options(model: Any, items: str, shots: str, first: int, count: int) -> list[Posed]:
    """Questions with options, so many after the first so many; known by three cloze draws."""
    every, others = (
        list(read_items(ItemSource(path=path, on_bad_row="skip")).items) for path in (items, shots)
    )
    chosen = every[first : first + count]
    names = {item.id for item in chosen}
    beliefs = harmonia.probe(model, chosen, shots=[item for item in others if item.id not in names], **_CLOZE)
    known = {belief.item.id for belief in beliefs if (belief.right_rate or 0) > 0.5}
    return [
        Posed(
            id=item.id,
            question=item.question,
            right=item.choices[item.answer],
            wrong=item.choices[wrong_option(item)],
            known=item.id in known,
        )
        for item in chosen
    ]


def wrong_option(item: Item) -> int:
    """One of the wrong options of a question, by draw."""
    others = [k for k in range(len(item.choices)) if k != item.answer]
    return addressed_random(0, "audit_real", item.id).choice(others)


def posed_words(model: Any, items: str, count: int) -> list[Posed]:
    """Questions in words: half known where the model knows so many of twice as many, by SliCK.

    Known are those of which two of three greedy answers are right. The wrong answer is that of another
    question of the file of the same kind.
    """
    every = read_open_questions(ItemSource(path=items))
    named = {one.id: one for one in every}
    asked = [named[name] for name in addressed_order(0, "audit_real/asked", named)[: _ASKED * count]]
    found = probe_knowledge(model, asked, every, _SLICK)
    known = [one.question for one in found if (one.p_greedy or 0) > 0.5][: count // 2]
    others = [one.question for one in found if (one.p_greedy or 0) <= 0.5][: count - len(known)]
    kinds = defaultdict(list)
    for one in every:
        kinds[kind_of(one)].append(one)
    return [
        Posed(
            id=one.id,
            question=one.question,
            right=one.answers[0],
            wrong=_other_answer(one, kinds[kind_of(one)], every),
            known=one in known,
        )
        for one in [*known, *others]
    ]


def kind_of(one: OpenQuestion) -> tuple[str, bool, bool]:
    """Kind of an answer: what is asked for, whether it has digits, and whether it is one word."""
    wanted = _KIND.search(one.question)
    answer = one.answers[0]
    return (
        wanted[0].lower() if wanted else "",
        any(map(str.isdigit, answer)),
        len(answer.split()) == 1,
    )


def _other_answer(one: OpenQuestion, same: Sequence[OpenQuestion], every: Sequence[OpenQuestion]) -> str:
    """The answer of another question of the same kind; of any, where there is none."""
    for pool in (same, every):
        draws = addressed_random(0, "audit_real", one.id)
        for other in draws.sample(pool, len(pool)):
            if not one.accepts(other.answers[0]):
                return other.answers[0]
    raise AssertionError("one answer for all questions")
