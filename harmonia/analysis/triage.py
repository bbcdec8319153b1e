"""Beliefs that contradict the gold -> those where the gold itself deserves a look.

A confident wrong answer is what a group of INCOMPATIBLE items is made of. Some of these
items are mislabelled instead; a person can tell, and this says where to look first.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field

from harmonia.errors import InputError
from harmonia.parsing import Settings
from harmonia.probe.item_columns import TOGETHER
from harmonia.probe.level import level_of
from harmonia.prompts import LETTERS
from harmonia.prompts.letters import letter_mentions, stated_letters
from harmonia.remade import Remade, picked
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


_FOUND = pa.schema(
    {
        "reasons": pa.int64(),  # how many
        "gold": pa.float64(),
        "domain": pa.string(),
        "id": pa.string(),
        "file": pa.int64(),  # file and row of the belief, from 0
        "row": pa.int64(),
        "files": pa.int64(),  # that ask the item
        "votes": pa.int64(),  # of them, those that believe the option
        "least": pa.float64(),  # probability that a conflicting belief gives the gold
    }
)
_ORDER = [("reasons", "descending"), *((name, "ascending") for name in ("gold", "domain", "id"))]


class _Doubts(Remade[Doubt]):
    """Doubts whose beliefs lie in their files, in the order of `_ORDER`.

    Args:
        files: The beliefs of each file.
        found: A row for each doubt, columns `_FOUND`.
    """

    def __init__(self, files: Sequence[Sequence[Belief]], found: pa.Table, settings: TriageSettings) -> None:
        self._files, self._found, self._settings = files, found.sort_by(_ORDER), settings

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[Doubt]:
        for start in range(0, len(self), TOGETHER):
            yield from self._made(self._found.slice(start, TOGETHER).to_pylist())

    def at(self, row: int) -> Doubt:
        return next(self._made(self._found.slice(row, 1).to_pylist()))

    def _made(self, some: Sequence[Mapping[str, Any]]) -> Iterator[Doubt]:
        held: dict[tuple[int, int], Belief] = {}
        for file, beliefs in enumerate(self._files):
            rows = [one["row"] for one in some if one["file"] == file]
            held |= zip(((file, row) for row in rows), picked(beliefs, rows), strict=True)
        for one in some:
            belief = held[one["file"], one["row"]]
            named, reasons = _reasons(belief, one, self._settings)
            yield Doubt(belief=belief, named=named, reasons=reasons)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Asked:
    """What decides of the beliefs of all files, one after the other.

    Attributes:
        file_B: The file of each.
        row_B: Its place there.
        key_B: A number for the item: equal ids of two domains are two items.
        same_B: A number for what of it is the same in all files (`_SAME`).
        pred_B: The option believed.
        gold_B: The gold's probability.
        against_B: Whether it conflicts with the gold.
    """

    file_B: NDArray[np.int64]
    row_B: NDArray[np.int64]
    key_B: NDArray[np.int64]
    same_B: NDArray[np.int64]
    pred_B: NDArray[np.int64]
    gold_B: NDArray[np.float64]
    against_B: NDArray[np.int64]

    @classmethod
    def of(cls, files: Sequence[Sequence[Belief]], threshold: float) -> _Asked:
        numbers, gold = [array("q") for _ in range(4)], array("d")
        for beliefs in files:
            for belief in beliefs:
                item = belief.item
                against = level_of(belief, threshold) == "conflicting"
                same = hash(tuple(getattr(item, field) for field in _SAME))
                values = hash((item.domain, item.id)), same, belief.pred, against
                for column, value in zip(numbers, values, strict=True):
                    column.append(value)
                gold.append(_gold_prob(belief))
        key_B, same_B, pred_B, against_B = (np.frombuffer(column, dtype=np.int64) for column in numbers)
        sizes = [len(beliefs) for beliefs in files]
        return cls(
            file_B=np.repeat(np.arange(len(sizes)), sizes),
            row_B=np.concatenate([np.arange(size) for size in sizes]),
            key_B=key_B,
            same_B=same_B,
            pred_B=pred_B,
            gold_B=np.frombuffer(gold),
            against_B=against_B,
        )


def triage(asked: Mapping[str, Sequence[Belief]], settings: TriageSettings) -> Sequence[Doubt]:
    """Find the conflicting items whose gold is doubtful.

    An item conflicts where some belief is wrong and confident; of beliefs with a
    stability category, where that is `conflicting`. It is doubtful if its explanation
    names another option than the gold (`named_option`), if several files hold the same
    conflicting belief, or if the gold is denied with extreme confidence.

    `asked` are the beliefs of each file (model, method, form) by its name. Files may hold different items.
    Of each belief some numbers are kept; the doubts' beliefs are taken from `asked` again.

    Returns:
        Doubts with most reasons first, then by the gold's probability.

    Raises:
        InputError: Two files hold the same id with another question, other options or
            another gold.
    """
    files = list(asked.values())
    found = _Asked.of(files, settings.threshold)
    _, first_K, key_B = np.unique(found.key_B, return_index=True, return_inverse=True)
    unlike_B = found.same_B != found.same_B[first_K[key_B]]
    if unlike_B.any():
        _refuse(asked, found, int(unlike_B.argmax()), int(first_K[key_B[unlike_B.argmax()]]))
    picks = _picks(found, key_B)
    doubts = (
        pa.Table.from_pylist(list(_doubtful(files, picks.slice(start, TOGETHER), settings)), _FOUND)
        for start in range(0, len(picks), TOGETHER)
    )
    return _Doubts(files, pa.concat_tables((_FOUND.empty_table(), *doubts)), settings)


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


def write_review(path: Path, doubts: Iterable[Doubt]) -> None:
    """Write doubts for a person to go through, in one step, as CSV, JSONL or Parquet by the name's ending."""
    REVIEW.write(path, map(_row, doubts))


def _picks(found: _Asked, key_B: NDArray[np.int64]) -> pa.Table:
    """The belief that speaks for each conflicting item, numbered by `key_B`: columns of `_FOUND`."""
    # The conflicting beliefs of each item beside one another, the surest first.
    against_A = np.flatnonzero(found.against_B)
    against_A = against_A[np.lexsort((against_A, found.gold_B[against_A], key_B[against_A]))]
    item_A = key_B[against_A]
    option_A = item_A * (found.pred_B.max(initial=0) + 1) + found.pred_B[against_A]
    _, option_A, votes_O = np.unique(option_A, return_inverse=True, return_counts=True)
    votes_A = votes_O[option_A]
    # The option with most votes, among equals the surest belief's.
    ranked_A = np.lexsort((np.arange(len(item_A)), -votes_A, item_A))
    starts = np.flatnonzero(np.diff(item_A, prepend=-1))
    chosen_A = against_A[ranked_A[starts]]
    columns = {
        "file": found.file_B[chosen_A],
        "row": found.row_B[chosen_A],
        "files": np.bincount(key_B)[item_A[starts]],
        "votes": votes_A[ranked_A[starts]],
        "least": found.gold_B[against_A[starts]],
    }
    return pa.table(columns).sort_by([("file", "ascending"), ("row", "ascending")])


def _doubtful(
    files: Sequence[Sequence[Belief]], picks: pa.Table, settings: TriageSettings
) -> Iterator[dict[str, Any]]:
    """Rows of `_FOUND`: of the picked beliefs, those with a reason to doubt."""
    chosen = picks.to_pylist()
    for file, beliefs in enumerate(files):
        some = [pick for pick in chosen if pick["file"] == file]
        for belief, pick in zip(picked(beliefs, [pick["row"] for pick in some]), some, strict=True):
            _, reasons = _reasons(belief, pick, settings)
            if reasons:
                domain, name = belief.item.domain, belief.item.id
                yield pick | {
                    "reasons": len(reasons),
                    "gold": _gold_prob(belief),
                    "domain": domain,
                    "id": name,
                }


def _reasons(
    belief: Belief, pick: Mapping[str, Any], settings: TriageSettings
) -> tuple[int | None, dict[Reason, str]]:
    """The option that the item's explanation states, and why its gold is doubtful, if anything says so."""
    item, named = belief.item, named_option(belief.item)
    reasons: dict[Reason, str] = {}
    if named is not None and named != item.answer:
        reasons["explanation"] = f"states {LETTERS[named]}"
    if pick["votes"] >= settings.agreeing:
        reasons["agreement"] = f"{pick['votes']} of {pick['files']} files believe {LETTERS[belief.pred]}"
    if pick["least"] < settings.gold_below:
        reasons["denial"] = f"the gold is given probability {pick['least']:.2g}"
    return named, reasons


def _gold_prob(belief: Belief) -> float:
    return belief.probs[belief.item.answer]


_SAME = ("question", "choices", "answer")


def _refuse(asked: Mapping[str, Sequence[Belief]], found: _Asked, unlike: int, first: int) -> None:
    """Say that a belief's item is not the one of an earlier belief; both by their number of all beliefs."""
    names = list(asked)
    name, known = (names[found.file_B[one]] for one in (unlike, first))
    item, other = (asked[names[found.file_B[one]]][int(found.row_B[one])].item for one in (unlike, first))
    field = next(field for field in _SAME if getattr(item, field) != getattr(other, field))
    problem = f"item {item.id} is not the one of this id in {known}"
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
