"""How many beliefs of each sort to take, so that right and wrong ones are alike in what is matched.

Cardinality matching (Zubizarreta, Paredes and Rosenbaum 2014): the largest selection that is balanced,
found as an integer program by HiGHS. Balance holds for each criterion by itself (fine balance): as many
right as wrong beliefs of each letter, of each bin of confidence, of each bin of length. `believed` is a
circulation of letters: a wrong belief leads from its right letter to the one believed, and as many lead
to a letter as from it. With letters and one more criterion the program is a network flow.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import product
from statistics import quantiles
from typing import NamedTuple

from harmonia.errors import HarmoniaError
from harmonia.groups.settings import Match
from harmonia.hashing import draw
from harmonia.types import Belief

_PARTS = 4
"""Parts of a cell, by which shares are evened out."""

_CLOSE = 1e-3
"""How far from the evenest selection is close enough, relative to its cost."""


class Cell(NamedTuple):
    """A sort of beliefs, alike in all that is matched; what is not matched is -1.

    Attributes:
        wrong: Whether they are wrong.
        letter: Index of the right option.
        believed: Index of the option believed, of wrong ones.
        confidence: Number of its bin.
        length: Number of the question's bin.
    """

    wrong: bool
    letter: int = -1
    believed: int = -1
    confidence: int = -1
    length: int = -1


class Traits(NamedTuple):
    """What of a belief can be matched; `row` is its place among those that it was taken from."""

    id: str
    correct: bool
    answer: int
    pred: int
    confidence: float
    length: int
    row: int

    @classmethod
    def of(cls, belief: Belief, row: int = 0) -> Traits:
        """Those of a belief; the length is that of the question, in characters."""
        item = belief.item
        return cls(
            item.id, belief.correct, item.answer, belief.pred, belief.confidence, len(item.question), row
        )


def cells_of(found: Sequence[Traits], match: Match, bins: int) -> list[Cell]:
    """The cell of each belief.

    Confidence and length fall into quantile bins of all the beliefs.
    """
    columns: dict[str, Sequence[int]] = {}
    if "letter" in match:
        columns["letter"] = [one.answer for one in found]
    if "believed" in match:
        columns["believed"] = [-1 if one.correct else one.pred for one in found]
    if "confidence" in match:
        columns["confidence"] = _binned([one.confidence for one in found], bins)
    if "length" in match:
        columns["length"] = _binned([one.length for one in found], bins)
    if not columns:
        # One object each, however many beliefs there are.
        cells = {wrong: Cell(wrong=wrong) for wrong in (True, False)}
        return [cells[not one.correct] for one in found]
    return [
        Cell(wrong=not one.correct, **{name: column[place] for name, column in columns.items()})
        for place, one in enumerate(found)
    ]


def _binned(values: Sequence[float], bins: int) -> list[int]:
    edges = quantiles(values, n=bins, method="inclusive") if len(values) > 1 else []
    return [bisect_right(edges, value) for value in values]


class _Part(NamedTuple):
    """Beliefs of a cell that cost the same."""

    cell: Cell
    size: int
    cost: float


def largest(cells: Sequence[Cell], most: int | None, seed: int) -> Counter[Cell]:
    """How many beliefs to take of each cell, so that as many as can be are taken and all is balanced.

    Of the largest selections it is one whose shares of the cells are nearly as even as can be; what is
    still open is decided by address. The order of the cells given decides nothing.

    Args:
        cells: The cell of each belief.
        most: Most wrong beliefs to take; None for any number.
        seed: Seed of what is open.

    Raises:
        HarmoniaError: The solver gave up.
    """
    found = Counter(cells)
    limit = min(most or len(cells), sum(cell.wrong for cell in cells))
    if found.keys() <= {Cell(wrong=False), Cell(wrong=True)}:
        return Counter(dict.fromkeys(found, min(limit, *found.values())))
    parts = [
        # A cell's first beliefs cost less than its last: others are used before it is used up.
        _Part(cell, size, part + draw(seed, "groups/match", f"{tuple(cell)} {part}") / 2**64)
        for cell, part in product(sorted(found), range(_PARTS))
        if (size := found[cell] * (part + 1) // _PARTS - found[cell] * part // _PARTS)
    ]
    many = _solve([one._replace(cost=-one.cell.wrong) for one in parts], 0, limit, 0.0)
    rows = sum(count for cell, count in many.items() if cell.wrong)
    return _solve(parts, rows, rows, _CLOSE)


def _solve(parts: Sequence[_Part], least: int, most: int, gap: float) -> Counter[Cell]:
    """The cheapest balanced selection of so many wrong beliefs, within a relative gap."""
    import numpy as np
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import coo_array

    names: dict[tuple[str, int], int] = {}
    terms = [
        (weight, names.setdefault(name, len(names)), place)
        for place, part in enumerate(parts)
        for name, weight in _terms(part.cell)
    ]
    weights, rows, columns = zip(*terms, strict=True)
    balance = coo_array((weights, (rows, columns)), shape=(len(names), len(parts)))
    wrong = np.array([[part.cell.wrong for part in parts]], dtype=float)
    found = milp(
        [part.cost for part in parts],
        integrality=np.ones(len(parts)),
        bounds=Bounds(0, [part.size for part in parts]),
        constraints=[LinearConstraint(balance.tocsr(), 0, 0), LinearConstraint(wrong, least, most)],
        options={"mip_rel_gap": gap},
    )
    if not found.success:
        raise HarmoniaError(f"matching found no balanced selection: {found.message}")
    taken: Counter[Cell] = Counter()
    for part, count in zip(parts, found.x, strict=True):
        taken[part.cell] += round(count)
    return taken


def _terms(cell: Cell) -> Iterator[tuple[tuple[str, int], int]]:
    """What a belief of a cell adds to each of the sums that are to be 0."""
    side = -1 if cell.wrong else 1
    yield ("rows", 0), side
    for name in ("letter", "confidence", "length"):
        if (value := getattr(cell, name)) >= 0:
            yield (name, value), side
    if cell.believed >= 0:
        yield ("circulation", cell.letter), 1
        yield ("circulation", cell.believed), -1


def total_variation(one: Sequence[float], other: Sequence[float]) -> float:
    """Half the sum of absolute differences of two distributions, 0 to 1."""
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / 2


def kolmogorov_smirnov(one: Sequence[float], other: Sequence[float]) -> float:
    """Largest difference of the shares of two samples that lie at or below a value, 0 to 1."""
    ours, others = sorted(one), sorted(other)
    return max(
        abs(bisect_right(ours, value) / len(ours) - bisect_right(others, value) / len(others))
        for value in {*ours, *others}
    )
