"""Slips, shingles and the bound on what MinHash misses, against the plainest way of doing each."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from harmonia.data import near
from harmonia.data.near import THRESHOLD, differ_by_slips, jaccard, near_pairs, shingles, within

WORDS = [
    "unit",
    "force",
    "charge",
    "metal",
    "which",
    "what",
    "emperor",
    "treaty",
    "of",
    "the",
    "in",
    "is",
    "a",
]


def alignment(one: str, other: str) -> int:
    """Optimal string alignment distance by the table of the textbooks."""
    cost = [[max(i, j) for j in range(len(other) + 1)] for i in range(len(one) + 1)]
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            cost[i][j] = min(
                cost[i - 1][j] + 1,
                cost[i][j - 1] + 1,
                cost[i - 1][j - 1] + (one[i - 1] != other[j - 1]),
            )
            if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
                cost[i][j] = min(cost[i][j], cost[i - 2][j - 2] + 1)
    return cost[-1][-1]


def test_edits_against_the_table():
    rng = random.Random(1)
    texts = ["".join(rng.choices("abc", k=rng.randrange(7))) for _ in range(90)]
    reached = set()
    for one in texts:
        for other in texts:
            distance = alignment(one, other)
            reached.add(distance)
            for edits in range(4):
                assert within(one, other, edits) is (distance <= edits), (one, other, edits)
    assert {0, 1, 2, 3, 4} <= reached


def test_shingles_are_those_of_scikit_learn():
    text = pytest.importorskip("sklearn.feature_extraction.text", reason="scikit-learn is not installed")
    analyse = text.CountVectorizer(analyzer="char_wb", ngram_range=(3, 3)).build_analyzer()
    for words in ("what is the unit of a force", "x", "\u4e2d \u56fd law", "a a a"):
        # Theirs begins a shingle at a space that ends a word of one or two characters, too.
        assert shingles(words) == {shingle for shingle in analyse(words) if len(shingle) == 3}


def test_jaccard_by_hand():
    assert jaccard({"a", "b", "c"}, {"b", "c", "d"}) == 0.5


def made(rng: random.Random) -> list[tuple[str, str]]:
    """Questions, half of them a copy of another with words left out, moved or misspelt."""
    texts = [" ".join(rng.choices(WORDS, k=rng.randrange(4, 14))) for _ in range(120)]
    for words in texts[:]:
        copy = words.split()
        del copy[rng.randrange(len(copy))]
        rng.shuffle(copy)
        if rng.random() < 0.5:
            at = rng.randrange(len(copy))
            copy[at] = copy[at][:-1] + rng.choice("zqjxkw") * rng.choice((1, 2))
        texts.append(" ".join(copy))
    return [(words, rng.choice("xy")) for words in texts]


@pytest.mark.slow
def test_pairs_are_those_of_all_comparisons(monkeypatch):
    """Nothing is found that is none, and of those at the threshold or above the bound is kept."""
    rng = random.Random(2)
    left, right = made(rng), made(rng)
    right += [(words, gold) for words, gold in left if rng.random() < 0.5]
    right += [(" ".join(reversed(words.split()[1:])), gold) for words, gold in left]
    held = Counter(word for words in {words for words, _ in left + right} for word in set(words.split()))
    common = frozenset(word for word, times in held.items() if times > 1)
    wanted = {
        (i, j): jaccard(shingles(one), shingles(other))
        for i, (one, gold) in enumerate(left)
        for j, (other, their_gold) in enumerate(right)
        if gold == their_gold and one != other and differ_by_slips(one, other, common)
    }
    above = {pair for pair, similarity in wanted.items() if similarity >= THRESHOLD}
    found = list(near_pairs(left, right))
    assert len(found) == len(set(found)) > 200 and set(found) <= above
    missed = sum((1 - wanted[pair] ** 3) ** 42 for pair in above)
    assert len(above) - len(found) <= missed + 3 * missed**0.5 + 1
    monkeypatch.setattr(near, "_TOGETHER", 1)  # an index for each right answer
    assert found == list(near_pairs(left, right))


def test_a_word_that_others_hold_is_no_slip():
    asked = [("what is the hobby of bakan", "x"), ("what is the job of bakan", "y")]
    other = [("what is the hobby of bajan", "x")]
    assert list(near_pairs(asked, other)) == [(0, 0)]
    assert list(near_pairs(asked, [*other, ("what is the job of bajan", "z")])) == []
