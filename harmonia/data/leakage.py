"""Leakage: test questions that also stand in a training set or among the demonstrations.

Two items overlap by the first of these that holds:

    exact       same question and same right option, character for character
    normalised  the same after NFKC, without case, punctuation and white space, but for marks
                that make another number
    prefix      same right option, and the one question is how the other begins
    near        same right option, and the questions differ by slips (`near.py`)
    other_gold  same question, normalised, half of the options too; another one is right
    ngram       a run of n words that both questions hold

A question alone is not enough: "Which of the following is true?" asks something else under other
options. Runs are taken from the question alone, since lists of options repeat among questions
that ask different things. A run that more than ten questions hold is a form of words, no copy.
Characters of scripts without spaces between words count as words (`words.py`).

Source of the 13 words, and of the ten: Brown et al. 2020 (GPT-3), appendix C.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field

from harmonia.data.words import normalised
from harmonia.parsing import Settings
from harmonia.types import Item

Role = Literal["train", "shots", "suite"]
Kind = Literal["exact", "normalised", "prefix", "near", "other_gold", "ngram"]

_COMMON = 10
_COMPARED = {("train", "shots"), ("train", "suite"), ("shots", "suite")}


class LeakageSettings(Settings):
    """Whether test questions are looked for among what a model is shown, and what follows.

    Attributes:
        check: Look for them.
        ngram: Words in a row that two questions must share to overlap.
        exclude: `scores` leaves the test items found out of every score; `training` leaves
            their copies out of the training sets; `none` lists them only.
    """

    check: bool = True
    ngram: int = Field(default=13, ge=5)
    exclude: Literal["none", "scores", "training"] = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Items that one domain of an experiment uses in one way.

    Attributes:
        role: `train` for the candidates of training, `shots` for demonstrations, `suite`
            for a test.
        name: `train`, `shots`, or the name of the suite.
    """

    domain: str
    role: Role
    name: str
    items: Sequence[Item]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """An item that stands in two pools.

    Attributes:
        kind: How it was found.
        left_domain: Domain of the training set or the demonstrations.
        left_role: `train` or `shots`.
        left: Name of that pool.
        left_id: The item there.
        right_domain: Domain of the suite or the demonstrations.
        right_role: `suite` or `shots`.
        right: Name of that pool.
        right_id: The item there.
        text: The question on the right; for `ngram` the first run of words in common.
    """

    kind: Kind
    left_domain: str
    left_role: Role
    left: str
    left_id: str
    right_domain: str
    right_role: Role
    right: str
    right_id: str
    text: str


@dataclass(slots=True, eq=False)
class _Text:
    """A question with its right option, and where it stands: a text is compared once."""

    question: str
    answer: str
    places: list[tuple[Pool, Item]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.words = normalised(self.question)
        self.whole = (self.words, normalised(self.answer))

    words: str = field(init=False)
    whole: tuple[str, str] = field(init=False)

    def runs(self, n: int) -> Iterator[str]:
        words = self.words.split(" ")
        return (" ".join(words[start : start + n]) for start in range(len(words) - n + 1))


def find_overlaps(pools: Sequence[Pool], *, ngram: int = 13) -> list[Overlap]:
    """Find the items of training sets and demonstrations that other pools hold too.

    Training sets are compared with demonstrations and suites, demonstrations with suites,
    each with those of every domain.

    Returns:
        One overlap for each pair of items, by the strongest kind; in the pools' order.
    """
    left = _texts([pool for pool in pools if pool.role != "suite"])
    right = _texts([pool for pool in pools if pool.role != "train"])
    found: dict[tuple[int, int], tuple[_Text, _Text, Kind, str]] = {}
    for one, other, kind in (*_same_questions(left, right), *_near(left, right)):
        found[id(one), id(other)] = one, other, kind, other.question
    for one, other, run in _shared_runs(left, right, ngram):
        found.setdefault((id(one), id(other)), (one, other, "ngram", run))
    overlaps = [overlap for pair in found.values() for overlap in _between(*pair)]
    order = {(pool.domain, pool.role, pool.name): place for place, pool in enumerate(pools)}
    return sorted(
        overlaps,
        key=lambda o: (
            order[o.left_domain, o.left_role, o.left],
            order[o.right_domain, o.right_role, o.right],
            o.left_id,
            o.right_id,
        ),
    )


def leaked_test_items(overlaps: Sequence[Overlap]) -> dict[tuple[str, str], frozenset[str]]:
    """Ids of the test items whose answer a domain's models have been shown, by (domain, suite).

    Only what the domain itself shows counts. A run of words counts if it was trained on;
    of a demonstration only the same question gives the answer away.
    """
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for overlap in overlaps:
        within = overlap.right_role == "suite" and overlap.left_domain == overlap.right_domain
        if within and (overlap.left_role == "train" or overlap.kind != "ngram"):
            found[overlap.right_domain, overlap.right].add(overlap.right_id)
    return {place: frozenset(ids) for place, ids in found.items()}


def leaked_training_items(overlaps: Sequence[Overlap]) -> dict[str, frozenset[str]]:
    """Ids of the training candidates that a suite of their own domain asks, by domain."""
    found: dict[str, set[str]] = defaultdict(set)
    for overlap in overlaps:
        sides = (overlap.left_role, overlap.right_role)
        if sides == ("train", "suite") and overlap.left_domain == overlap.right_domain:
            found[overlap.left_domain].add(overlap.left_id)
    return {domain: frozenset(ids) for domain, ids in found.items()}


def _texts(pools: Sequence[Pool]) -> list[_Text]:
    texts: dict[tuple[str, str], _Text] = {}
    for pool in pools:
        for item in pool.items:
            key = (item.question, item.choices[item.answer])
            text = texts.get(key)
            if text is None:
                text = texts[key] = _Text(*key)
            text.places.append((pool, item))
    return list(texts.values())


def _same_questions(left: list[_Text], right: list[_Text]) -> Iterator[tuple[_Text, _Text, Kind]]:
    """Pairs of texts with the same question, normalised, and what they have in common beside it."""
    by_words: dict[str, list[_Text]] = defaultdict(list)
    for text in left:
        by_words[text.words].append(text)
    for other in right:
        for one in by_words.get(other.words, ()):
            if one.whole == other.whole:
                same = (one.question, one.answer) == (other.question, other.answer)
                yield one, other, "exact" if same else "normalised"
            elif _share_options(one, other, 0.5):
                yield one, other, "other_gold"


def _share_options(one: _Text, other: _Text, share: float) -> bool:
    """Whether an item of the one has this share of the options of an item of the other."""
    ones, others = (
        {frozenset(map(normalised, item.choices)) for _, item in text.places} for text in (one, other)
    )
    return any(len(a & b) >= share * min(len(a), len(b)) for a in ones for b in others)


def _near(left: list[_Text], right: list[_Text]) -> Iterator[tuple[_Text, _Text, Kind]]:
    """Pairs of texts with the same right option whose questions differ by slips."""
    from harmonia.data.near import near_pairs  # loads slowly, and most commands compare nothing

    for place, wanted in near_pairs([text.whole for text in left], [text.whole for text in right]):
        one, other = left[place], right[wanted]
        words, others = Counter(one.words.split()), Counter(other.words.split())
        # Names may be a letter apart; then the options are hardly the same.
        if words <= others or others <= words or _share_options(one, other, 1.0):
            short, long = sorted((one.words, other.words), key=len)
            yield one, other, "prefix" if f"{long} ".startswith(f"{short} ") else "near"


def _shared_runs(left: list[_Text], right: list[_Text], n: int) -> Iterator[tuple[_Text, _Text, str]]:
    """Pairs of texts with a run of words in common, the forms of words left out."""
    # Hashes of the runs that are asked, instead of all runs, keep the index small; the run itself is
    # compared below.
    asked = {hash(run) for text in right for run in text.runs(n)}
    holders: dict[int, list[_Text]] = defaultdict(list)
    for text in left:
        for run in set(text.runs(n)):
            if hash(run) in asked:
                holders[hash(run)].append(text)
    askers: dict[str, list[_Text]] = defaultdict(list)
    for text in right:
        for run in dict.fromkeys(text.runs(n)):
            if hash(run) in holders:
                askers[run].append(text)
    for run, others in askers.items():
        ones = [text for text in holders[hash(run)] if f" {run} " in f" {text.words} "]
        if _questions(ones) <= _COMMON and _questions(others) <= _COMMON:
            yield from ((one, other, run) for one in ones for other in others)


def _questions(texts: list[_Text]) -> int:
    return len({text.words for text in texts})


def _between(one: _Text, other: _Text, kind: Kind, shared: str) -> Iterator[Overlap]:
    for left, left_item in one.places:
        for right, right_item in other.places:
            if (left.role, right.role) in _COMPARED:
                yield Overlap(
                    kind=kind,
                    left_domain=left.domain,
                    left_role=left.role,
                    left=left.name,
                    left_id=left_item.id,
                    right_domain=right.domain,
                    right_role=right.role,
                    right=right.name,
                    right_id=right_item.id,
                    text=shared,
                )
