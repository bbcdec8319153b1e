"""Beliefs that contradict the gold -> those where the gold itself deserves a look.

A confident wrong answer is what a group of INCOMPATIBLE items is made of. Some of these
items are mislabelled instead; a person can tell, and this says where to look first.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from harmonia.errors import InputError
from harmonia.parsing import Settings
from harmonia.probe.level import level_of
from harmonia.prompts import LETTERS
from harmonia.prompts.letters import letter_mentions, stated_letters
from harmonia.table_file import TableFile
from harmonia.types import Belief, Item

Reason = Literal["explanation", "agreement", "denial"]

_EXCERPT = 240  # characters of an explanation shown
_BETWEEN = r"[.:)\]\"'”’*]*,?\s*(?:i\.\s?e\.?,?\s*)?[\"'“(*]*"  # a letter and its option's text


class TriageSettings(Settings):
    """What makes a label doubtful.

    Attributes:
        threshold: Confidence that a wrong belief must exceed to conflict with the gold,
            where its file has no stability categories.
        gold_below: The gold is denied with extreme confidence where its probability is
            below this.
        agreeing: So many belief files whose conflicting beliefs name the same option
            contradict the gold.
    """

    threshold: float = Field(default=0.5, ge=0, le=1)
    gold_below: float = Field(default=0.01, ge=0, le=1)
    agreeing: int = Field(default=2, ge=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """An item whose gold deserves a look.

    Attributes:
        belief: A conflicting belief: of those in the option that most files believe, the
            one that gives the gold the least probability.
        named: Index of the option that the item's explanation states; None if none.
        reasons: Why it is here, by kind, never empty.
    """

    belief: Belief
    named: int | None
    reasons: Mapping[Reason, str]


def triage(asked: Mapping[str, Iterable[Belief]], settings: TriageSettings) -> tuple[Doubt, ...]:
    """Find the conflicting items whose gold is doubtful.

    An item conflicts where some belief is wrong and confident; of beliefs with a
    stability category, where that is `conflicting`. It is doubtful if its explanation
    names another option than the gold (`named_option`), if several files hold the same
    conflicting belief, or if the gold is denied with extreme confidence.

    `asked` are the beliefs of each file (model, method, form) by its name. Files may hold different items.
    They are gone through once; those that conflict are kept.

    Returns:
        Doubts with most reasons first, then by the gold's probability.

    Raises:
        InputError: Two files hold the same id with another question, other options or
            another gold.
    """
    # Equal ids of two domains are two items.
    conflicts: dict[tuple[str, str], list[Belief]] = defaultdict(list)
    asked_of: Counter[tuple[str, str]] = Counter()
    first: dict[tuple[str, str], tuple[str, tuple[int, ...]]] = {}
    for name, beliefs in asked.items():
        for belief in beliefs:
            key = belief.item.domain, belief.item.id
            same = _hashes(belief.item)
            _require_same(first.setdefault(key, (name, same)), same, belief.item, name)
            asked_of[key] += 1
            if level_of(belief, settings.threshold) == "conflicting":
                conflicts[key].append(belief)
    doubts = (_doubt(conflicting, asked_of[key], settings) for key, conflicting in conflicts.items())
    return tuple(
        sorted(
            (doubt for doubt in doubts if doubt.reasons),
            key=lambda doubt: (
                -len(doubt.reasons),
                _gold_prob(doubt.belief),
                doubt.belief.item.domain,
                doubt.belief.item.id,
            ),
        )
    )


def named_option(item: Item) -> int | None:
    """Index of the option that an item's explanation states as the answer.

    It is the first letter stated, as in "the correct answer is actually B" or "option B is
    correct"; `prompts/letters.py` has all patterns. "The answer is not B", "option B is
    wrong" and "A." at the head of a list state none. Where the letter is at once followed by
    the text of another option ("C. " and the text of B), it is a slip and the text counts.
    """
    stated = stated_letters(item.explanation, len(item.choices))
    if not stated:
        return None
    letter = LETTERS.index(stated[0])
    spelled = [index for index in range(len(item.choices)) if _spells(item, letter, index)]
    return letter if letter in spelled or not spelled else spelled[0]


REVIEW = TableFile(
    what="the review",
    columns={
        **dict.fromkeys(("id", "domain", "question", "choices", "gold", "believed"), str),
        **dict.fromkeys(("confidence", "gold_probability"), float),
        **dict.fromkeys(("named", "reasons", "explanation"), str),
    },
    ending=".csv",
)


def write_review(path: Path, doubts: Sequence[Doubt]) -> None:
    """Write doubts for a person to go through, in one step, as CSV, JSONL or Parquet by the name's ending."""
    REVIEW.write(path, map(_row, doubts))


def _doubt(conflicting: Sequence[Belief], asked: int, settings: TriageSettings) -> Doubt:
    surest_first = sorted(conflicting, key=_gold_prob)
    votes = Counter(one.pred for one in surest_first)
    believed, count = votes.most_common(1)[0]  # among equals the first counted, the surest
    belief = next(one for one in surest_first if one.pred == believed)
    named = named_option(belief.item)
    reasons: dict[Reason, str] = {}
    if named is not None and named != belief.item.answer:
        reasons["explanation"] = f"states {LETTERS[named]}"
    if count >= settings.agreeing:
        reasons["agreement"] = f"{count} of {asked} files believe {LETTERS[believed]}"
    if (least := _gold_prob(surest_first[0])) < settings.gold_below:
        reasons["denial"] = f"the gold is given probability {least:.2g}"
    return Doubt(belief=belief, named=named, reasons=reasons)


def _gold_prob(belief: Belief) -> float:
    return belief.probs[belief.item.answer]


_SAME = ("question", "choices", "answer")


def _hashes(item: Item) -> tuple[int, ...]:
    """What of an item is the same in all files; texts of a million items take more memory."""
    return tuple(hash(getattr(item, field)) for field in _SAME)


def _require_same(first: tuple[str, tuple[int, ...]], same: tuple[int, ...], item: Item, name: str) -> None:
    file, known = first
    for field, one, other in zip(_SAME, known, same, strict=True):
        if one != other:
            problem = f"item {item.id} is not the one of this id in {file}"
            remedy = "Give beliefs about the same items, with their options in the same order."
            raise InputError(problem, file=name, field=field, seen=getattr(item, field), remedy=remedy)


def _spells(item: Item, letter: int, index: int) -> bool:
    """Whether the text of option `index` stands right after a mention of `letter`."""
    text = re.compile(rf"{_BETWEEN}(?i:{re.escape(item.choices[index].strip())})(?!\w)")
    return any(
        text.match(item.explanation, one.at + 1)
        for one in letter_mentions(item.explanation, len(item.choices))
        if one.letter == LETTERS[letter]
    )


def _row(doubt: Doubt) -> dict[str, Any]:
    belief, item = doubt.belief, doubt.belief.item
    return {
        "id": item.id,
        "domain": item.domain,
        "question": item.question,
        "choices": "\n".join(
            f"{letter}. {text}" for letter, text in zip(LETTERS, item.choices, strict=False)
        ),
        "gold": LETTERS[item.answer],
        "believed": LETTERS[belief.pred],
        "confidence": round(belief.confidence, 4),
        "gold_probability": round(_gold_prob(belief), 6),
        "named": "" if doubt.named is None else LETTERS[doubt.named],
        "reasons": "; ".join(f"{kind}: {said}" for kind, said in doubt.reasons.items()),
        "explanation": _excerpt(item),
    }


def _excerpt(item: Item) -> str:
    """The explanation from the sentence that states a letter, else from its beginning."""
    plain = " ".join(item.explanation.split())
    stated = [one.start for one in letter_mentions(plain, len(item.choices)) if one.stated]
    starts = [0, *(match.end() for match in re.finditer(r"[.!?]\s+|。", plain))]
    rest = plain[max(start for start in starts if start <= min(stated, default=0)) :]
    return rest if len(rest) <= _EXCERPT else f"{rest[: _EXCERPT - 1]}…"
