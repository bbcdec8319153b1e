"""The largest balanced selection: against all selections there are, networkx, and a case by hand."""

from __future__ import annotations

import random
from collections import Counter
from itertools import product

import networkx as nx
import numpy as np
import pytest
from beliefs import make_belief
from scipy import optimize, stats

from harmonia.errors import HarmoniaError
from harmonia.groups import GroupSettings, select
from harmonia.groups.balance import Cell, Traits, cells_of, kolmogorov_smirnov, largest, total_variation

CRITERIA = ("letter", "believed", "confidence", "length")


def random_beliefs(draws: random.Random, right: int, wrong: int, letters: int = 3) -> list:
    beliefs = []
    for k in range(right + wrong):
        answer = draws.randrange(letters)
        pred = answer if k < right else draws.choice([one for one in range(letters) if one != answer])
        beliefs.append(
            make_belief(
                f"q{k}",
                answer=answer,
                pred=pred,
                confidence=draws.uniform(0.5, 1) if k < right else draws.triangular(0.5, 1, 0.5),
                question="?" * draws.randint(1, 30),
            )
        )
    return beliefs


def sums(cells: list[Cell], match: tuple[str, ...]) -> tuple[bool, int]:
    """Whether a selection is balanced, by counting it; and its wrong beliefs."""
    right = [cell for cell in cells if not cell.wrong]
    wrong = [cell for cell in cells if cell.wrong]
    same = len(right) == len(wrong)
    for name in set(match) - {"believed"}:
        same &= Counter(getattr(c, name) for c in right) == Counter(getattr(c, name) for c in wrong)
    if "believed" in match:
        same &= Counter(c.letter for c in wrong) == Counter(c.believed for c in wrong)
    return same, len(wrong)


@pytest.mark.parametrize(
    "match",
    [
        *(("letter",), ("confidence",), ("letter", "believed"), ("confidence", "length")),
        *(("letter", "confidence", "length"), CRITERIA),
    ],
    ids="+".join,
)
def test_no_selection_of_all_is_larger(match: tuple[str, ...]) -> None:
    """All 2^12 selections of 6 right and 6 wrong beliefs, counted."""
    sizes = set()
    for seed in range(5):
        cells = cells_of([Traits.of(one) for one in random_beliefs(random.Random(seed), 6, 6)], match, 3)
        best = 0
        for taken in product((False, True), repeat=len(cells)):
            balanced, size = sums([c for c, one in zip(cells, taken, strict=True) if one], match)
            best = max(best, size) if balanced else best
        found = largest(cells, None, seed)
        assert all(0 <= count <= Counter(cells)[cell] for cell, count in found.items())
        assert sums(list(found.elements()), match) == (True, best)
        sizes.add(best)
    assert max(sizes) > 1


def test_a_circulation_is_as_large_as_networkx_finds() -> None:
    for seed in range(6):
        draws = random.Random(seed)
        beliefs = random_beliefs(draws, 90, 120, letters=5)
        flow = nx.DiGraph()
        for (gold, seen), count in Counter((b.item.answer, b.pred) for b in beliefs[90:]).items():
            flow.add_edge(("out", gold), ("in", seen), capacity=count, weight=-1)
        for letter, count in Counter(b.item.answer for b in beliefs[:90]).items():
            flow.add_edge(("in", letter), ("out", letter), capacity=count, weight=0)
        best = -nx.cost_of_flow(flow, nx.min_cost_flow(flow))
        found = largest(cells_of([Traits.of(one) for one in beliefs], ("letter", "believed"), 2), None, seed)
        assert sum(count for cell, count in found.items() if cell.wrong) == best > 10


def test_a_circulation_worked_by_hand() -> None:
    """A seen as B twice, B as A, B as C, C as A: both circles close, and use every belief."""
    seen = [(0, 1), (0, 1), (1, 0), (1, 2), (2, 0)]
    beliefs = [make_belief(f"w{k}", answer=gold, pred=pred) for k, (gold, pred) in enumerate(seen)]
    enough = [make_belief(f"r{k}", answer=k % 3, pred=k % 3) for k in range(9)]
    chosen = select([*beliefs, *enough], GroupSettings(), ("letter", "believed"))
    assert {belief.item.id for belief in chosen.wrong} == {"w0", "w1", "w2", "w3", "w4"}
    assert chosen.imbalance["letter"] == chosen.imbalance["believed"] == 0
    # No right belief of C: the circle through C is open, that of A and B stays.
    two = [belief for belief in enough if belief.item.answer != 2]
    fewer = select([*beliefs, *two], GroupSettings(), ("letter", "believed"))
    assert Counter((b.item.answer, b.pred) for b in fewer.wrong) == {(0, 1): 1, (1, 0): 1}


def test_shares_are_even_where_the_size_leaves_a_choice() -> None:
    """Any 100 of each bin would do; taken are half of each letter of it, not one letter before the other."""
    cells = [
        Cell(wrong=wrong, letter=k % 4, confidence=k // 100) for wrong in (False, True) for k in range(400)
    ]
    found = largest(cells, 200, 0)
    assert sum(found.values()) == 400
    assert all(8 <= count <= 17 for count in found.values()) and len(found) == 32


def test_order_decides_nothing_and_the_seed_decides_what_is_open() -> None:
    beliefs = random_beliefs(random.Random(1), 150, 150, letters=4)
    shuffled = random.Random(2).sample(beliefs, len(beliefs))

    def ids(beliefs, seed: int) -> set[str]:
        chosen = select(beliefs, GroupSettings(seed=seed, size=40, match_bins=5), CRITERIA)
        assert len(chosen.right) == len(chosen.wrong) == 40
        return {belief.item.id for belief in (*chosen.right, *chosen.wrong)}

    assert ids(beliefs, 0) == ids(shuffled, 0) != ids(beliefs, 1)


def test_all_four_criteria_hold_at_once() -> None:
    beliefs = random_beliefs(random.Random(3), 700, 500, letters=4)
    before = select(beliefs, GroupSettings()).imbalance
    after = select(beliefs, GroupSettings(), CRITERIA).imbalance
    assert after["letter"] == after["believed"] == 0
    # Twenty bins of equal shares: within one, distributions may differ by what it holds.
    assert before["confidence"] > 0.2 and max(after["confidence"], after["length"]) < 0.06


def test_distances_against_scipy() -> None:
    draws = np.random.default_rng(0)
    for sizes in ((5, 5), (40, 61)):
        one, other = (np.round(draws.normal(size=size), 1).tolist() for size in sizes)
        assert kolmogorov_smirnov(one, other) == pytest.approx(stats.ks_2samp(one, other).statistic)
    assert total_variation((0.5, 0.5, 0), (0.25, 0.25, 0.5)) == 0.5


def test_a_solver_that_gives_up_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*given: object, **options: object) -> optimize.OptimizeResult:
        return optimize.OptimizeResult(success=False, message="Time limit reached.", x=None)

    monkeypatch.setattr(optimize, "milp", stopped)
    with pytest.raises(HarmoniaError, match="no balanced selection: Time limit reached"):
        select(random_beliefs(random.Random(0), 9, 9), GroupSettings(), ("letter",))


@pytest.mark.slow
def test_ten_thousands_of_beliefs() -> None:
    """All criteria, 10,000 of each kind: the solver ends, and nothing is left unbalanced."""
    beliefs = random_beliefs(random.Random(4), 10_000, 10_000, letters=4)
    after = select(beliefs, GroupSettings(), CRITERIA)
    assert after.imbalance["letter"] == after.imbalance["believed"] == 0
    assert after.imbalance["confidence"] < 0.03 and len(after.wrong) > 5_000
