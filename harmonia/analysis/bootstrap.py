"""Bootstrap intervals: of means over items, and of paired differences over items and seeds.

The difference of two kinds of model is estimated over *units*, one for each base model and
domain. The estimand is the mean over the units at hand, which stay fixed, of the expected
difference over new seeds and new items of the unit. Within a unit an item is drawn for all
seeds together, and items that several units ask are drawn for all of them together. So are
items that belong together (a passage, an entity, a subject). What is drawn are whole *clusters*;
an item that belongs to no other is a cluster of its own.

The percentiles alone would be wrong, for two reasons. Resampling clusters and seeds both counts
the noise of one cluster under one seed up to three times (Owen 2007, *The pigeonhole bootstrap*).
And a few seeds, or clusters, vary less among themselves than many do. So the percentiles are
stretched about the estimate to the unbiased variance of a crossed design: clusters + seeds -
interaction (Cornfield and Tukey 1956). They are stretched again to Student's t with
Satterthwaite's degrees of freedom. With many clusters next to nothing is stretched.

Let f be the clusters' shares of a unit's items, and qn the sum of f^n. If items are independent,
the squares of the clusters' totals about the mean sum up to 1 - q2 of the variance. The sum has
(1 - q2)^2 / (q2 - 2 q3 + q2^2) degrees of freedom (Bell and McCaffrey 2002). Of K clusters of one
size these are 1 - 1 / K and K - 1.

Axes: `B` resamples, `I` items, `K` clusters, `S` seeds, `M` measures, `R` runs (a seed of a
unit), `P` profiles (clusters with the same values in all runs).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components
from scipy.stats import t

from harmonia.errors import InputError
from harmonia.hashing import draw

Floats = NDArray[np.float64]

LEVEL = 0.95
"""Coverage of every interval."""

_MOST_PROFILES = 1_000
_MOST_COUNTS = 1 << 24
_TAILS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairedUnit:
    """Two kinds of model on the same items, in one domain of one base model.

    Attributes:
        items_I: A number for each item; the same one in another unit is the same item.
        clusters_I: A number for what each has in common with others, likewise. Where it is one
            and the same for all, it parts nothing, and items are drawn.
        left_S_I: The one kind's value of each item (1 for right, 0 for wrong; or nats), a
            row for each seed.
        right_S_I: The other kind's, of the same items and seeds.
    """

    items_I: NDArray[np.uint64]
    clusters_I: NDArray[np.uint64]
    left_S_I: Floats
    right_S_I: Floats

    @property
    def change_S_I(self) -> Floats:
        """Left minus right."""
        return self.left_S_I - self.right_S_I


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean difference with what it rests on.

    Attributes:
        value: The mean over units of the mean over seeds and items, left minus right.
        left: That mean of the left kind.
        right: That of the right kind.
        low: Lower end of the 95 % interval.
        high: Upper end.
        p: Two-sided, of no difference, by Student's t on the same variance; 1 where all
            items and seeds say the same, so that nothing tells how far they spread.
        items: Different items.
        clusters: Different clusters that were drawn; None where each item was drawn by itself.
        seeds: Fewest seeds of a unit.
        units: Units.
        freedom: Degrees of freedom of that t.
        item_variance: What items, or clusters of them, add to the variance of `value`.
        seed_variance: What seeds add to it; None if a unit has one seed only.
        mixed_variance: What the interaction of items and seeds adds; None likewise.
    """

    value: float
    left: float
    right: float
    low: float
    high: float
    p: float
    items: int
    clusters: int | None
    seeds: int
    units: int
    freedom: float
    item_variance: float
    seed_variance: float | None
    mixed_variance: float | None

    @property
    def variance(self) -> float:
        """Variance of `value`."""
        return self.item_variance + (self.seed_variance or 0.0) + (self.mixed_variance or 0.0)


def paired_bootstrap(
    units: Sequence[PairedUnit], *, address: str, seed: int = 0, resamples: int = 10_000
) -> Estimate:
    """Estimate a mean paired difference over items and seeds.

    The address says what is compared; with the seed it decides the resamples.

    Raises:
        InputError: There is no unit, or one without an item or a seed.
    """
    if not units or any(not unit.left_S_I.size for unit in units):
        raise InputError("nothing to compare", remedy="Compare models that answered the same items.")
    tables = _tables(units)
    blocks = list(_blocks(tables))
    items = sum(float((block.added_K**2).sum()) for block in blocks)
    item_freedom = sum(float((block.added_K**2).sum()) ** 2 / block.freedom for block in blocks)
    seeds, mixed, seed_freedom = _seed_variances(tables)
    # What the interaction explains is counted once; no part can be below 0.
    item_part, seed_part = max(items - mixed, 0.0), max(seeds - mixed, 0.0)
    variance = item_part + seed_part + mixed
    # Satterthwaite: the squared variance over the sum of each mean square's own, by its degrees of
    # freedom. The interaction is in both mean squares.
    freedom = variance**2 / (item_freedom + seed_freedom) if variance else np.inf
    value = float(np.mean([unit.change_S_I.mean() for unit in units]))
    rng = np.random.default_rng(draw(seed, "analysis/bootstrap", address))
    off_B = _resampled(tables, blocks, rng, resamples)
    reach = np.sqrt(variance) * t.ppf(_TAILS[1], freedom)
    low, high = value + _stretched(np.quantile(off_B, _TAILS)[:, None], reach)[:, 0]
    crossed = min(len(unit.change_S_I) for unit in units) > 1
    count = len(np.unique(np.concatenate([unit.items_I for unit in units])))
    clusters = sum(len(block.added_K) for block in blocks)
    return Estimate(
        value=value,
        left=float(np.mean([unit.left_S_I.mean() for unit in units])),
        right=float(np.mean([unit.right_S_I.mean() for unit in units])),
        low=float(low),
        high=float(high),
        p=float(2 * t.sf(abs(value) / np.sqrt(variance), freedom)) if variance else 1.0,
        items=count,
        clusters=clusters if clusters < count else None,
        seeds=min(len(unit.change_S_I) for unit in units),
        units=len(units),
        freedom=float(freedom),
        item_variance=item_part,
        seed_variance=seed_part if crossed else None,
        mixed_variance=mixed if crossed else None,
    )


def mean_intervals(
    values_I_M: Floats,
    *,
    items_I: NDArray[np.uint64],
    clusters_I: NDArray[np.uint64],
    seed: int = 0,
    resamples: int = 1_000,
) -> tuple[Floats, Floats]:
    """95 % intervals of the means of several measures over the same items, clusters drawn whole.

    Returns:
        Lower and upper ends, each of shape (M,).
    """
    unit = PairedUnit(
        items_I=items_I, clusters_I=clusters_I, left_S_I=values_I_M.T, right_S_I=np.zeros_like(values_I_M.T)
    )
    (table,) = _tables([unit])
    error_M = np.sqrt((table.off_S_K**2).sum(axis=1) * table.correction)
    counted = _counted(len(table.share_K), seed, resamples)
    off_B_M = np.concatenate([counts_B_K @ table.off_S_K.T for counts_B_K in counted])
    reach_M = error_M * t.ppf(_TAILS[1], _freedom(table.share_K))
    low_M, high_M = table.mean_S + _stretched(np.quantile(off_B_M, _TAILS, axis=0), reach_M)
    # A mean lies among its values, however wide Student's t is.
    return np.maximum(low_M, values_I_M.min(axis=0)), np.minimum(high_M, values_I_M.max(axis=0))


def cut(low: float, high: float, most: float = 1.0) -> tuple[float, float]:
    """An interval without what no difference can be: of two shares none is larger than 1."""
    return max(low, -most), min(high, most)


def drawn_together(items_I: NDArray[np.uint64], clusters_I: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """What is drawn whole: the clusters, or where these part nothing the items."""
    return clusters_I if (clusters_I != clusters_I[0]).any() else items_I


def _counted(n: int, seed: int, resamples: int) -> Iterator[Floats]:
    """How often each cluster comes in each resample, so many resamples at a time as memory holds."""
    if n * resamples <= _MOST_COUNTS:
        yield _cluster_counts(n, seed, resamples)
        return
    rng, share_K = _counting(n, seed), np.full(n, 1 / n)
    together = max(_MOST_COUNTS // 4 // n, 1)
    for begun in range(0, resamples, together):
        size = min(together, resamples - begun)
        yield rng.multinomial(n, share_K, size=size).astype(np.float64)


@lru_cache(maxsize=3)
def _cluster_counts(n: int, seed: int, resamples: int) -> Floats:
    """The counts of all resamples; models asked the same items share them."""
    return _counting(n, seed).multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float64)


def _counting(n: int, seed: int) -> np.random.Generator:
    return np.random.default_rng(draw(seed, "analysis/bootstrap", f"{n} items"))


def _stretched(ends_2_M: Floats, reach_M: Floats | float) -> Floats:
    """Ends of intervals about 0, made as wide as two reaches; they lean as far to one side as before."""
    width_M = ends_2_M[1] - ends_2_M[0]
    flat_M = width_M == 0
    ends_2_M = np.where(flat_M, np.array([[-1.0], [1.0]]), ends_2_M)
    stretched_2_M: Floats = ends_2_M * (2 * reach_M / np.where(flat_M, 2.0, width_M))
    return stretched_2_M


@dataclass(frozen=True, slots=True, eq=False)
class _UnitTable:
    """One unit by clusters: those of all units, in one order.

    Attributes:
        mean_S: Mean over items under each seed.
        off_S_K: What each cluster adds to that mean, less its share of it; rows sum to 0.
        share_K: Each cluster's share of the items.
    """

    mean_S: Floats
    off_S_K: Floats
    share_K: Floats

    @property
    def correction(self) -> float:
        """What the sum of squares of a row times this is unbiased; 0 for a single cluster."""
        missing = 1 - float((self.share_K**2).sum())
        return 1 / missing if missing > 0 else 0.0


def _tables(units: Sequence[PairedUnit]) -> list[_UnitTable]:
    drawn = [drawn_together(unit.items_I, unit.clusters_I) for unit in units]
    names_K, place = np.unique(np.concatenate(drawn), return_inverse=True)
    places = np.split(place, np.cumsum([len(one) for one in drawn])[:-1])
    tables = []
    for unit, place_I in zip(units, places, strict=True):
        mean_S = unit.change_S_I.mean(axis=1)
        off_S_I = (unit.change_S_I - mean_S[:, None]) / len(place_I)
        sums = [
            np.bincount(place_I, added_I, len(names_K))
            for added_I in (*off_S_I, np.full(len(place_I), 1 / len(place_I)))
        ]
        tables.append(
            _UnitTable(mean_S, np.array(sums[:-1], dtype=np.float64), np.array(sums[-1], dtype=np.float64))
        )
    return tables


@dataclass(frozen=True, slots=True, eq=False)
class _Block:
    """Units that share clusters, directly or by others, with all their clusters.

    Attributes:
        runs_R: Place of each run among all runs.
        off_K_R: What each cluster adds to the mean of each run.
        added_K: What it adds to the estimate, so that the squares sum up to the variance.
        freedom: Degrees of freedom of that sum.
    """

    runs_R: NDArray[np.int64]
    off_K_R: Floats
    added_K: Floats
    freedom: float


def _blocks(tables: Sequence[_UnitTable]) -> Iterator[_Block]:
    there_U_K = np.stack([table.share_K > 0 for table in tables]).astype(np.float64)
    number, block_U = connected_components(there_U_K @ there_U_K.T, directed=False)
    ends = np.cumsum([0, *(len(table.mean_S) for table in tables)])
    for block in range(number):
        members = np.flatnonzero(block_U == block).tolist()
        here_K = there_U_K[members].any(axis=0)
        own = [tables[place] for place in members]
        # A unit with few clusters varies less among them than new ones do.
        parts = [table.off_S_K.mean(axis=0) * np.sqrt(table.correction) for table in own]
        yield _Block(
            np.concatenate([np.arange(ends[place], ends[place + 1]) for place in members]),
            np.concatenate([table.off_S_K[:, here_K] for table in own]).T,
            np.sum(parts, axis=0)[here_K] / len(tables),
            _freedom(np.mean([table.share_K for table in own], axis=0)),
        )


def _freedom(share_K: Floats) -> float:
    square, cube = float((share_K**2).sum()), float((share_K**3).sum())
    lost = square - 2 * cube + square**2
    return (1 - square) ** 2 / lost if square < 1 else np.inf


def _resampled(
    tables: Sequence[_UnitTable], blocks: Sequence[_Block], rng: np.random.Generator, resamples: int
) -> Floats:
    """What resamples are off from the estimate."""
    value = float(np.mean([table.mean_S.mean() for table in tables]))
    mean_R = np.concatenate([table.mean_S for table in tables])
    means_B_R: Floats = np.tile(mean_R, (resamples, 1))
    for block in blocks:
        means_B_R[:, block.runs_R] += _drawn_sums(block.off_K_R, rng, resamples)
    found_B: Floats = np.full(resamples, -value)
    start = 0
    for table in tables:
        seeds = len(table.mean_S)
        share_B_S = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=resamples) / seeds
        found_B += (share_B_S * means_B_R[:, start : start + seeds]).sum(axis=1) / len(tables)
        start += seeds
    return found_B


def _drawn_sums(off_K_R: Floats, rng: np.random.Generator, resamples: int) -> Floats:
    """Sums over clusters drawn with replacement, shape (B, R)."""
    # Clusters with the same values are interchangeable: drawing profiles is drawing clusters.
    profiles_P_R, count_P = np.unique(off_K_R, axis=0, return_counts=True)
    n = len(off_K_R)
    if len(count_P) <= _MOST_PROFILES:
        drawn_B_R: Floats = rng.multinomial(n, count_P / n, size=resamples) @ profiles_P_R
        return drawn_B_R
    # A sum over so many different clusters is normal to within the noise of resampling.
    normal_B_R: Floats = rng.multivariate_normal(
        np.zeros(off_K_R.shape[1]), off_K_R.T @ off_K_R, size=resamples, method="eigh"
    )
    return normal_B_R


def _seed_variances(tables: Sequence[_UnitTable]) -> tuple[float, float, float]:
    """Variance over seeds, that of the interaction, and what seeds give to Satterthwaite's sum."""
    variance, mixed, freedom = 0.0, 0.0, 0.0
    for table in tables:
        seeds = len(table.mean_S)
        if seeds < 2:
            continue
        here = float(table.mean_S.var(ddof=1)) / seeds / len(tables) ** 2
        variance, freedom = variance + here, freedom + here**2 / (seeds - 1)
        # What neither the seed nor the cluster explains.
        rest_S_K = table.off_S_K - table.off_S_K.mean(axis=0)
        both = float((rest_S_K**2).sum()) * table.correction / ((seeds - 1) * seeds)
        mixed += both / len(tables) ** 2
    return variance, mixed, freedom
