"""How far a belief holds from one draw of demonstrations to another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harmonia.probe.level import level
from harmonia.probe.settings import ProbeSettings
from harmonia.types import Category

_Z = 1.959963984540054  # 97.5 % quantile of the normal distribution


@dataclass(frozen=True, slots=True, kw_only=True)
class Stability:
    """A belief over several draws, as `Belief` has it."""

    agreement: float
    agreement_low: float
    agreement_high: float
    right_rate: float
    category: Category


def stability_of(
    preds: Sequence[int], *, pred: int, answer: int, confidence: float, settings: ProbeSettings
) -> Stability:
    """Compare the draws' predictions with the belief's.

    `preds` are the indices that the draws predict, `pred` is what the belief predicts, `answer` the right
    option.
    """
    same = sum(one == pred for one in preds)
    steady = same / len(preds) >= settings.steady
    right = pred == answer
    # What is steadily right is known, however sure; an error must be held with confidence, too.
    sure = steady and (right or confidence > settings.confident)
    return Stability(
        **shares("agreement", same, len(preds)),
        right_rate=sum(one == answer for one in preds) / len(preds),
        category=level(right, sure=sure),
    )


def shares(name: str, hits: int, count: int) -> dict[str, Any]:
    """A share and its 95 % interval as the columns `NAME`, `NAME_low` and `NAME_high`; None of nothing."""
    low, high = wilson(hits, count) if count else (None, None)
    return {name: hits / count if count else None, f"{name}_low": low, f"{name}_high": high}


def wilson(hits: float, count: float) -> tuple[float, float]:
    """95 % score interval of a share, without continuity correction (Wilson 1927).

    Here by hand: scipy.stats takes longer to load than a small probe to run.
    """
    share, z2 = hits / count, _Z * _Z
    centre = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = _Z / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count * count))
    # At the ends the exact bound is 0 or 1; rounding must not leave it.
    return (0.0 if hits == 0 else centre - half), (1.0 if hits == count else centre + half)
