"""Differences in accuracy between two groups of the same domain, seed by seed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

from harmonia.report.records import Compared, Result
from harmonia.report.words import ratio_of

__all__ = ["CHAT", "CLAIMS", "Claim", "Difference", "difference", "interval", "sweep"]

CHAT = "chat0"
"""The form in which tuned models are compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A claim of Ren et al. (2024): one group beats another, by points per suite."""

    name: str
    left: str
    right: str
    paper: dict[str, float]


CLAIMS = (
    Claim(
        name="C1",
        left="harmonious",
        right="incompatible",
        paper={"homogeneous": 11.27, "in_domain": 14.58, "out_of_domain": 14.57},
    ),
    Claim(
        name="C2",
        left="self_aligning",
        right="incompatible",
        paper={"homogeneous": 5.25, "in_domain": 9.78, "out_of_domain": 6.97},
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How much more `left` got right than `right`, in percentage points.

    Attributes:
        pairs: ((domain, seed), points) of each domain and seed that has both.
        overlap: Whether the 95 % intervals of the two accuracies overlap, for each pair.
    """

    pairs: tuple[tuple[tuple[str, int | None], float], ...]
    overlap: tuple[bool, ...]

    @property
    def mean(self) -> float:
        """Mean over domains and seeds, in points."""
        return fmean(points for _, points in self.pairs)

    @property
    def domains(self) -> int:
        """Number of domains with a pair."""
        return len({domain for (domain, _), _ in self.pairs})

    @property
    def seeds(self) -> int:
        """Number of seeds with a pair."""
        return len({seed for (_, seed), _ in self.pairs})


def difference(
    results: Iterable[Result], left: str, right: str, *, suite: str, domain: str | None = None
) -> Difference | None:
    """Compare two groups in the chat form.

    Args:
        results: All results.
        left: The group expected to be better.
        right: The other group.
        suite: The suite.
        domain: The domain; None for all.

    Returns:
        The difference, or None if no domain and seed has both groups.
    """
    chosen = [
        row for row in results if row.suite == suite and row.form == CHAT and domain in (None, row.domain)
    ]
    lefts = {(row.domain, row.seed): row for row in chosen if row.group == left}
    rights = {(row.domain, row.seed): row for row in chosen if row.group == right}
    both = [(lefts[key], rights[key]) for key in lefts if key in rights]
    if not both:
        return None
    return Difference(
        pairs=tuple(((one.domain, one.seed), 100 * (one.accuracy - other.accuracy)) for one, other in both),
        overlap=tuple(
            one.accuracy_low <= other.accuracy_high and other.accuracy_low <= one.accuracy_high
            for one, other in both
        ),
    )


def interval(
    compared: Iterable[Compared], left: str, right: str, *, suite: str, domain: str | None = None
) -> Compared | None:
    """The same difference with its interval over questions and seeds, if it is at hand.

    Args:
        compared: Rows of `differences.csv`.
        left: The group expected to be better.
        right: The other group.
        suite: The suite.
        domain: The domain; None for all.
    """
    wanted = ("all", "all") if domain is None else ("domain", domain)
    for row in compared:
        here = (row.scope, row.domain, row.left, row.right, row.suite, row.form)
        if here == (*wanted, left, right, suite, CHAT):
            return row
    return None


def sweep(compared: Iterable[Compared], *, domain: str | None = None) -> list[tuple[float, Compared]]:
    """(share of self-aligned rows, its difference from share 0) of each mixture, in the chat form.

    Share 0 is the incompatible group and share 1 the self-aligning one: the same rows.

    Args:
        compared: Rows of `differences.csv`.
        domain: The domain; None for all.

    Returns:
        In rising order; empty where no mixture of both was compared.
    """
    wanted = ("all", "all") if domain is None else ("domain", domain)
    found = []
    for row in compared:
        ratio = 1.0 if row.left == "self_aligning" else ratio_of(row.left)
        from_none = row.right in ("incompatible", "mixed_0") and row.form == CHAT
        if ratio is not None and from_none and (row.scope, row.domain) == wanted:
            found.append((ratio, row))
    return sorted(found, key=lambda pair: pair[0]) if any(0 < ratio < 1 for ratio, _ in found) else []
