"""Two models' (or two forms') answers to the same items -> how consistent they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonia.analysis.agreement import (
    entropy,
    jensen_shannon,
    kendall,
    kl_divergence,
    rank_agreement,
    spearman,
)
from harmonia.analysis.answers import Answers, Texts, per_item, require_same_items
from harmonia.analysis.bootstrap import mean_intervals
from harmonia.errors import InputError
from harmonia.types import Belief

__all__ = ["CATEGORIES", "Consistency", "Outcomes", "categories", "consistency_of", "measures"]

CATEGORIES = ("known", "conflicting", "uncertain")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """What became of items.

    Attributes:
        kept: Right before and after.
        lost: Right before, wrong after.
        gained: Wrong before, right after.
        never: Wrong before and after.
    """

    kept: int
    lost: int
    gained: int
    never: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Consistency:
    """What changed between before and after, over the same items.

    Attributes:
        n: Items.
        accuracy_before: Share right before.
        accuracy_after: Share right after.
        rank_agreement: Mean Pearson correlation of the option ranks, -1 to 1.
        kl: Mean KL(before || after), nats.
        kl_reverse: Mean KL(after || before), nats.
        js: Mean Jensen-Shannon divergence, nats.
        kept: Items right before and after.
        lost: Items right before, wrong after.
        gained: Items wrong before, right after.
        never: Items wrong before and after.
        spearman: Mean Spearman correlation of the options' probabilities, -1 to 1.
        kendall: Mean Kendall tau-b of them, -1 to 1.
        entropy_before: Mean entropy before, nats.
        entropy_after: Mean entropy after, nats.
        entropy_change: Their difference; below 0, the distribution became sharper.
        accuracy_change: Share right after minus share right before.
        intervals: 95 % bootstrap interval over items of each mean.
        by_category: What became of the items that the base model knows, is wrong about,
            and is uncertain of.
    """

    n: int
    accuracy_before: float
    accuracy_after: float
    rank_agreement: float
    kl: float
    kl_reverse: float
    js: float
    kept: int
    lost: int
    gained: int
    never: int
    spearman: float
    kendall: float
    entropy_before: float
    entropy_after: float
    entropy_change: float
    accuracy_change: float
    intervals: Mapping[str, tuple[float, float]]
    by_category: Mapping[str, Outcomes]

    def row(self) -> dict[str, Any]:
        """All of it as the columns of one row."""
        values = asdict(self)
        intervals, by_category = values.pop("intervals"), values.pop("by_category")
        for name, (low, high) in intervals.items():
            values |= {f"{name}_low": low, f"{name}_high": high}
        for category, outcomes in by_category.items():
            values |= {f"{category}_{name}": count for name, count in outcomes.items()}
        return values


def consistency_of(
    before: Answers | Sequence[Belief], after: Answers | Sequence[Belief], *, category_I: Texts | None = None
) -> Consistency:
    """Compare answers item by item, paired by id.

    Args:
        before: What the one model answered.
        after: What the other did, or the same one in another form.
        category_I: How each item stands to what the base model believes, in the order of
            the items' ids; None takes it from `before`.

    Raises:
        InputError: The two do not hold the same items with the same options and answer.
    """
    if not isinstance(before, Answers) and not isinstance(after, Answers):
        _require_same_choices(before, after)
    before, after = (one if isinstance(one, Answers) else Answers.of(one) for one in (before, after))
    require_same_items(before, after)
    values = measures(before, after)
    low_M, high_M = mean_intervals(np.stack(list(values.values()), axis=1))
    means: dict[str, Any] = {name: float(value_I.mean()) for name, value_I in values.items()}
    category_I = categories(before) if category_I is None else category_I
    return Consistency(
        n=len(before),
        accuracy_before=float(before.correct_I.mean()),
        accuracy_after=float(after.correct_I.mean()),
        intervals={
            name: (float(low), float(high)) for name, low, high in zip(values, low_M, high_M, strict=True)
        },
        by_category={
            name: _outcomes(before.correct_I[category_I == name], after.correct_I[category_I == name])
            for name in CATEGORIES
        },
        **asdict(_outcomes(before.correct_I, after.correct_I)),
        **means,
    )


def measures(before: Answers, after: Answers) -> dict[str, NDArray[np.float64]]:
    """Every measure of consistency, item by item, each of shape (I,)."""
    entropy_before_I, entropy_after_I = per_item(entropy, before), per_item(entropy, after)
    return {
        "rank_agreement": per_item(rank_agreement, before, after),
        "spearman": per_item(spearman, before, after),
        "kendall": per_item(kendall, before, after),
        "kl": per_item(kl_divergence, before, after),
        "kl_reverse": per_item(kl_divergence, after, before),
        "js": per_item(jensen_shannon, before, after),
        "entropy_before": entropy_before_I,
        "entropy_after": entropy_after_I,
        "entropy_change": entropy_after_I - entropy_before_I,
        "accuracy_change": after.correct_I.astype(float) - before.correct_I,
    }


def categories(base: Answers, threshold: float = 0.5) -> Texts:
    """How each item stands to what a model believes.

    Its category over several draws of demonstrations where the model was asked with some;
    otherwise `known` if right and confident, `conflicting` if wrong and confident,
    `uncertain` if not confident.

    Args:
        base: The base model's answers.
        threshold: Confidence above which a belief is known or conflicting.
    """
    sure_I = np.where(base.correct_I, "known", "conflicting").astype(object)
    once_I = np.where(base.confidence_I > threshold, sure_I, "uncertain")
    return np.array(
        [several or once for several, once in zip(base.category_I, once_I, strict=True)], dtype=object
    )


def _outcomes(was_I: NDArray[np.bool_], now_I: NDArray[np.bool_]) -> Outcomes:
    return Outcomes(
        kept=int((was_I & now_I).sum()),
        lost=int((was_I & ~now_I).sum()),
        gained=int((~was_I & now_I).sum()),
        never=int((~was_I & ~now_I).sum()),
    )


def _require_same_choices(before: Sequence[Belief], after: Sequence[Belief]) -> None:
    """Arrays hold no option texts: where these are at hand, they are compared too."""
    second = {belief.item.id: belief.item for belief in after}
    for belief in before:
        other = second.get(belief.item.id, belief.item)
        if belief.item.choices != other.choices:
            raise InputError(
                f"item {other.id} has other options or another answer before than after",
                field="choices",
                seen=[list(belief.item.choices), list(other.choices)],
                remedy="Ask both models the same file.",
            )
