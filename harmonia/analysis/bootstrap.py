"""Bootstrap intervals: of means over items, and of paired differences over items and seeds.

The difference of two kinds of model is estimated over *units*, one for each base model and
domain. The estimand is the mean over the units at hand, which stay fixed, of the expected
difference over new seeds and new items of the unit. Within a unit an item is drawn for all
seeds together, and items that several units ask are drawn for all of them together.

The percentiles alone would be wrong, for two reasons. Resampling items and seeds both counts
the noise of one item under one seed up to three times (Owen 2007, *The pigeonhole bootstrap*).
And a few seeds vary less among themselves than seeds do. So the percentiles are stretched about
the estimate to the unbiased variance of a crossed design: items + seeds - interaction
(Cornfield and Tukey 1956). They are stretched again to Student's t with Satterthwaite's degrees
of freedom. With one seed, or many, next to nothing is stretched.

Axes: `B` resamples, `I` items, `S` seeds, `M` measures, `R` runs (a seed of a unit), `P`
profiles (items with the same values in all runs).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from harmonia.errors import InputError
from harmonia.hashing import draw

Floats = NDArray[np.float64]

LEVEL = 0.95
"""Coverage of every interval."""

_MOST_PROFILES = 1_000
_TAILS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairedUnit:
    """Two kinds of model on the same items, in one domain of one base model.

    Attributes:
        items_I: A number for each item; the same one in another unit is the same item.
        left_S_I: The one kind's value of each item (1 for right, 0 for wrong; or nats), a
            row for each seed.
        right_S_I: The other kind's, of the same items and seeds.
    """

    items_I: NDArray[np.uint64]
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
        seeds: Fewest seeds of a unit.
        units: Units.
        freedom: Degrees of freedom of that t.
        item_variance: What items add to the variance of `value`.
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
    seeds: int
    units: int
    freedom: float
    item_variance: float
    seed_variance: float | None
    mixed_variance: float | None


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
    strata = list(_strata(units))
    items, item_freedom = _item_variance(strata)
    seeds, mixed, seed_freedom = _seed_variances(units)
    # What the interaction explains is counted once; no part can be below 0.
    item_part, seed_part = max(items - mixed, 0.0), max(seeds - mixed, 0.0)
    variance = item_part + seed_part + mixed
    # Satterthwaite: the squared variance over the sum of each mean square's own, by its degrees of
    # freedom. The interaction is in both mean squares.
    freedom = variance**2 / (item_freedom + seed_freedom) if variance else np.inf
    value = float(np.mean([unit.change_S_I.mean() for unit in units]))
    rng = np.random.default_rng(draw(seed, "analysis/bootstrap", address))
    off_B = _resampled(units, strata, rng, resamples) - value
    reach = np.sqrt(variance) * t.ppf(_TAILS[1], freedom) / norm.ppf(_TAILS[1])
    # Only the width is set: how far the percentiles lean to one side stays as resampled.
    spread = off_B.std()
    low, high = value + np.quantile(off_B, _TAILS) * (reach / spread if spread else 0.0)
    crossed = min(len(unit.change_S_I) for unit in units) > 1
    return Estimate(
        value=value,
        left=float(np.mean([unit.left_S_I.mean() for unit in units])),
        right=float(np.mean([unit.right_S_I.mean() for unit in units])),
        low=float(low),
        high=float(high),
        p=float(2 * t.sf(abs(value) / np.sqrt(variance), freedom)) if variance else 1.0,
        items=sum(len(stratum.weighted_I_R) for stratum in strata),
        seeds=min(len(unit.change_S_I) for unit in units),
        units=len(units),
        freedom=float(freedom),
        item_variance=item_part,
        seed_variance=seed_part if crossed else None,
        mixed_variance=mixed if crossed else None,
    )


def mean_intervals(values_I_M: Floats, *, seed: int = 0, resamples: int = 1_000) -> tuple[Floats, Floats]:
    """95 % percentile intervals of the means of several measures over the same items.

    Returns:
        Lower and upper ends, each of shape (M,).
    """
    means_B_M = _item_counts(len(values_I_M), seed, resamples) @ values_I_M / len(values_I_M)
    low_M, high_M = np.quantile(means_B_M, _TAILS, axis=0)
    return low_M, high_M


@lru_cache(maxsize=3)
def _item_counts(n: int, seed: int, resamples: int) -> Floats:
    """How often each item comes in each resample; models asked the same items share them."""
    rng = np.random.default_rng(draw(seed, "analysis/bootstrap", f"{n} items"))
    return rng.multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class _Stratum:
    """Items asked in the same units: their values, weighted to add up to the units' means.

    Attributes:
        runs_R: Place of each run among all runs.
        weighted_I_R: Each item's addition to the mean of each run.
        seeds_R: Seeds of the run's unit.
        units: Number of all units.
    """

    runs_R: NDArray[np.int64]
    weighted_I_R: Floats
    seeds_R: Floats
    units: int


def _strata(units: Sequence[PairedUnit]) -> Iterator[_Stratum]:
    first = np.cumsum([0, *(len(unit.change_S_I) for unit in units)])
    asked: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for number, unit in enumerate(units):
        for row, name in enumerate(unit.items_I):
            asked[name].append((number, row))
    # Items of the same units are exchangeable; one that two units ask moves both at once.
    together: dict[tuple[int, ...], list[list[int]]] = defaultdict(list)
    for places in asked.values():
        together[tuple(number for number, _ in places)].append([row for _, row in places])
    for members, rows in together.items():
        rows_I_U = np.array(rows)
        yield _Stratum(
            np.concatenate([np.arange(first[number], first[number + 1]) for number in members]),
            np.concatenate(
                [
                    units[number].change_S_I[:, rows_I_U[:, place]].T / len(units[number].items_I)
                    for place, number in enumerate(members)
                ],
                axis=1,
            ),
            np.concatenate(
                [np.full(len(units[number].change_S_I), len(units[number].change_S_I)) for number in members]
            ),
            len(units),
        )


def _resampled(
    units: Sequence[PairedUnit], strata: Sequence[_Stratum], rng: np.random.Generator, resamples: int
) -> Floats:
    runs = sum(len(unit.change_S_I) for unit in units)
    means_B_R = np.zeros((resamples, runs))
    for stratum in strata:
        means_B_R[:, stratum.runs_R] += _drawn_sums(stratum.weighted_I_R, rng, resamples)
    found_B = np.zeros(resamples)
    start = 0
    for unit in units:
        seeds = len(unit.change_S_I)
        share_B_S = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=resamples) / seeds
        found_B += (share_B_S * means_B_R[:, start : start + seeds]).sum(axis=1) / len(units)
        start += seeds
    return found_B


def _drawn_sums(weighted_I_R: Floats, rng: np.random.Generator, resamples: int) -> Floats:
    """Sums over items drawn with replacement, shape (B, R)."""
    # Items with the same values are interchangeable: drawing profiles is drawing items.
    profiles_P_R, count_P = np.unique(weighted_I_R, axis=0, return_counts=True)
    n = len(weighted_I_R)
    if len(count_P) <= _MOST_PROFILES:
        drawn_B_R: Floats = rng.multinomial(n, count_P / n, size=resamples) @ profiles_P_R
        return drawn_B_R
    # A sum over so many different items is normal to within the noise of resampling.
    off_I_R = weighted_I_R - weighted_I_R.mean(axis=0)
    normal_B_R: Floats = rng.multivariate_normal(
        weighted_I_R.sum(axis=0), off_I_R.T @ off_I_R, size=resamples, method="eigh"
    )
    return normal_B_R


def _item_variance(strata: Sequence[_Stratum]) -> tuple[float, float]:
    """Variance of the estimate over items, and what it gives to Satterthwaite's sum."""
    variance, freedom = 0.0, 0.0
    for stratum in strata:
        added_I = (stratum.weighted_I_R / stratum.seeds_R).sum(axis=1) / stratum.units
        n = len(added_I)
        if n > 1:
            # Each item adds to a sum, so that the variances of n independent ones add up.
            here = n * float(added_I.var(ddof=1))
            variance, freedom = variance + here, freedom + here**2 / (n - 1)
    return variance, freedom


def _seed_variances(units: Sequence[PairedUnit]) -> tuple[float, float, float]:
    """Variance over seeds, that of the interaction, and what seeds give to Satterthwaite's sum."""
    variance, mixed, freedom = 0.0, 0.0, 0.0
    for unit in units:
        change_S_I = unit.change_S_I
        seeds, items = change_S_I.shape
        if seeds < 2 or items < 2:
            continue
        mean_S = change_S_I.mean(axis=1)
        here = float(mean_S.var(ddof=1)) / seeds / len(units) ** 2
        # What neither the seed nor the item explains.
        rest_S_I = change_S_I - mean_S[:, None] - change_S_I.mean(axis=0) + mean_S.mean()
        both = float((rest_S_I**2).sum()) / ((seeds - 1) * (items - 1))
        variance, freedom = variance + here, freedom + here**2 / (seeds - 1)
        mixed += both / (seeds * items) / len(units) ** 2
    return variance, mixed, freedom
