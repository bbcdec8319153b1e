"""Questions that are copies of one another but for slips of the pen, order or a part left out.

Candidates come from MinHash with banding (Broder 1997; Leskovec et al., *Mining of Massive
Datasets*, chapter 3), each is then judged exactly. So no pair is found by luck. One whose shingles
have Jaccard similarity J is missed with probability (1 - J^3)^42: 6.2 %
at the threshold of .4, .4 % at .5, under .004 % from .6 on. The permutations are fixed: the
same questions always give the same pairs.
"""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence
from sys import intern
from zlib import crc32

from datasketch import MinHash, MinHashLSH

from harmonia.data.words import stands_alone

THRESHOLD = 0.4
"""Jaccard similarity of the shingles from which on two questions are compared word by word."""

_BANDS, _ROWS = 42, 3
_SHINGLE = 3
_SLIPS = 2
_TOGETHER = 2000
"""Questions on the right in one index, which takes 19 kB of each."""


def near_pairs(
    left: Sequence[tuple[str, str]], right: Sequence[tuple[str, str]]
) -> Iterator[tuple[int, int]]:
    """Pairs of questions of the same right answer that differ by slips (`differ_by_slips`).

    Args:
        left: Question and right answer, both normalised (`words.py`).
        right: The same.

    Yields:
        Place on the left, place on the right; ordered by the right.
    """
    pairs: list[tuple[int, int]] = []
    for lefts, rights in _together(left, right):
        # What is trained on is often much more than what is asked: the index is of the right.
        index = MinHashLSH(num_perm=_BANDS * _ROWS, params=(_BANDS, _ROWS))
        known = {}
        for other, wanted, signature in _signed(right, rights):
            known[other] = wanted
            index.insert(other, signature, check_duplication=False)
        for one, found, signature in _signed(left, lefts):
            for other in index.query(signature):
                (theirs, gold), (words, wanted_gold) = left[one], right[other]
                if gold == wanted_gold and theirs != words and jaccard(found, known[other]) >= THRESHOLD:
                    pairs.append((other, one))
        vars(index).clear()  # it holds a method of its own, so it would stay until the next collection
    # Of a million questions the words are gigabytes: those of the pairs are counted alone.
    asked = {word for other, one in pairs for word in (*left[one][0].split(), *right[other][0].split())}
    texts = {words for words, _ in (*left, *right)} if asked else ()
    held = Counter(word for words in texts for word in asked.intersection(words.split()))
    common = frozenset(word for word, times in held.items() if times > 1)
    for other, one in sorted(pairs):
        if differ_by_slips(left[one][0], right[other][0], common):
            yield one, other


def shingles(words: str) -> set[str]:
    """Runs of three characters within each word, a space on both its sides; order leaves no trace."""
    padded = {f" {word} " for word in words.split()}
    return {
        intern(word[start : start + _SHINGLE]) for word in padded for start in range(len(word) - _SHINGLE + 1)
    }


def jaccard(one: set[str], other: set[str]) -> float:
    """Share of the members of either that both have, 0 to 1."""
    common = len(one & other)
    return common / (len(one) + len(other) - common)


def differ_by_slips(one: str, other: str, common: frozenset[str] = frozenset()) -> bool:
    """Whether two normalised questions differ in nothing that makes another question.

    Their words may stand in another order. All words of the one may be in the other. Or the
    words that are not differ in two characters at most, and in a third of them at most. In
    scripts without spaces between words one character may differ. A number or a symbol never
    differs. Words in `common`, which other questions hold as well, are no slips.
    """
    ones, others = Counter(one.split()), Counter(other.split())
    left, right = list((ones - others).elements()), list((others - ones).elements())
    if any(_counts(character) for word in (*left, *right) for character in word):
        return False
    if not left or not right:
        return True
    if len(left) == len(right) == 1 and stands_alone(left[0]) and stands_alone(right[0]):
        return True
    written, read = "".join(left), "".join(right)
    slips = min(_SLIPS, max(len(written), len(read)) // 3)
    return not common.issuperset((*left, *right)) and within(written, read, slips)


def within(one: str, other: str, edits: int) -> bool:
    """Whether so many edits make one text of the other.

    An edit is a character too many, too few or another, or two neighbours in each other's place
    (optimal string alignment).
    """
    same = 0
    while same < min(len(one), len(other)) and one[same] == other[same]:
        same += 1
    one, other = one[same:], other[same:]
    if not one or not other or not edits:
        return len(one) + len(other) <= edits
    swapped = one[:2] == other[1::-1] and len(other) > 1
    return (
        within(one[1:], other[1:], edits - 1)
        or within(one[1:], other, edits - 1)
        or within(one, other[1:], edits - 1)
        or (swapped and within(one[2:], other[2:], edits - 1))
    )


def _together(
    left: Sequence[tuple[str, str]], right: Sequence[tuple[str, str]]
) -> Iterator[tuple[list[int], list[int]]]:
    """Places on the left and on the right that have right answers in common, some answers at a time."""
    asked: dict[str, list[int]] = defaultdict(list)
    for place, (_, gold) in enumerate(right):
        asked[gold].append(place)
    shown: dict[str, list[int]] = defaultdict(list)
    for place, (_, gold) in enumerate(left):
        if gold in asked:
            shown[gold].append(place)
    lefts, rights = [], []
    for gold, places in shown.items():
        lefts += places
        rights += asked[gold]
        if len(rights) >= _TOGETHER:
            yield lefts, rights
            lefts, rights = [], []
    yield lefts, rights


def _signed(
    texts: Sequence[tuple[str, str]], places: Sequence[int]
) -> Iterator[tuple[int, set[str], MinHash]]:
    """The shingles of the texts at these places, and their signatures."""
    held: deque[tuple[int, set[str]]] = deque()

    def marked() -> Iterator[list[int]]:
        for place in places:
            held.append((place, shingles(texts[place][0])))
            # Marked with the right answer: questions of different answers have no shingle in common.
            mark = crc32(texts[place][1].encode())
            yield [crc32(shingle.encode(), mark) for shingle in held[-1][1]]

    for signature in MinHash.generator(marked(), num_perm=_BANDS * _ROWS, hashfunc=int):
        yield *held.popleft(), signature


def _counts(character: str) -> bool:
    """Whether it is a number, also one in Chinese characters, or a symbol."""
    return character.isnumeric() or unicodedata.category(character)[0] not in "LM"
