"""Two models' (or two forms') answers to the same items -> how consistent they are."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from harmonia.analysis.agreement import (
    entropy,
    jensen_shannon,
    kendall,
    kl_divergence,
    rank_agreement,
    spearman,
)
from harmonia.analysis.answers import (
    Answers,
    Texts,
    per_item,
    read_answers,
    read_columns,
    require_same_items,
)
from harmonia.analysis.bootstrap import drawn_together, mean_intervals
from harmonia.analysis.outcomes import OUTCOMES
from harmonia.columns import Correlation, Count, Nats, Share, ShareChange
from harmonia.errors import InputError
from harmonia.probe.belief_columns import BeliefColumns
from harmonia.probe.level import LEVELS, level
from harmonia.types import Belief

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Consistency:
    """What changed between two models, or two forms of one, on the same items.

    Intervals (`_low`, `_high`) are 95 % bootstrap intervals over items, or
    over whole clusters of them.

    Attributes:
        n: Items.
        clusters: Clusters of items that the intervals draw whole; empty where they draw each item by itself.
        accuracy_before: Share right before.
        accuracy_after: Share right after.
        rank_agreement: Mean Pearson correlation of the option ranks.
        spearman: Mean Spearman correlation of the options' probabilities.
        kendall: Mean Kendall tau-b of them.
        kl: Mean KL(before || after).
        kl_reverse: Mean KL(after || before).
        js: Mean Jensen-Shannon divergence.
        entropy_before: Mean entropy before.
        entropy_after: Mean entropy after.
        entropy_change: Their difference; below 0, the distribution became sharper.
        accuracy_change: Share right after minus share right before.
        kept: Items right before and after.
        lost: Items right before, wrong after.
        gained: Items wrong before, right after.
        never: Items wrong before and after.
        known_kept: The same four for items that the base model knows.
        known_lost: Likewise.
        known_gained: Likewise.
        known_never: Likewise.
        conflicting_kept: The same four for items that it is sure and wrong about.
        conflicting_lost: Likewise.
        conflicting_gained: Likewise.
        conflicting_never: Likewise.
        uncertain_kept: The same four for items that it is not sure about.
        uncertain_lost: Likewise.
        uncertain_gained: Likewise.
        uncertain_never: Likewise.
    """

    n: Count
    clusters: Count | None
    accuracy_before: Share
    accuracy_after: Share
    rank_agreement: Correlation
    rank_agreement_low: Correlation
    rank_agreement_high: Correlation
    spearman: Correlation
    spearman_low: Correlation
    spearman_high: Correlation
    kendall: Correlation
    kendall_low: Correlation
    kendall_high: Correlation
    kl: Nats
    kl_low: Nats
    kl_high: Nats
    kl_reverse: Nats
    kl_reverse_low: Nats
    kl_reverse_high: Nats
    js: Nats
    js_low: Nats
    js_high: Nats
    entropy_before: Nats
    entropy_before_low: Nats
    entropy_before_high: Nats
    entropy_after: Nats
    entropy_after_low: Nats
    entropy_after_high: Nats
    entropy_change: Nats
    entropy_change_low: Nats
    entropy_change_high: Nats
    accuracy_change: ShareChange
    accuracy_change_low: ShareChange
    accuracy_change_high: ShareChange
    kept: Count
    lost: Count
    gained: Count
    never: Count
    known_kept: Count
    known_lost: Count
    known_gained: Count
    known_never: Count
    conflicting_kept: Count
    conflicting_lost: Count
    conflicting_gained: Count
    conflicting_never: Count
    uncertain_kept: Count
    uncertain_lost: Count
    uncertain_gained: Count
    uncertain_never: Count


def consistency_of(
    before: Answers | Sequence[Belief],
    after: Answers | Sequence[Belief],
    *,
    level_I: Texts | None = None,
    seed: int = 0,
) -> Consistency:
    """Compare answers item by item, paired by id.

    Args:
        before: What the one model answered.
        after: What the other did, or the same one in another form.
        level_I: How each item stands to what the base model believes, in the order of
            the items' ids; None takes it from `before`.
        seed: Seed of the intervals.

    Raises:
        InputError: The two do not hold the same items with the same question, options and answer.
    """
    first, second = (one if isinstance(one, Answers) else BeliefColumns.of(one) for one in (before, after))
    if isinstance(first, BeliefColumns) and isinstance(second, BeliefColumns):
        _require_same_texts(first, second)
    before, after = (one if isinstance(one, Answers) else Answers.of_columns(one) for one in (first, second))
    require_same_items(before, after)
    in_words = [np.isnan(one.letter_mass_I) for one in (before, after)]
    if unlike := int((in_words[0] != in_words[1]).sum()):
        log.warning("asked by letters once and in words once, which may be what differs: %s items", unlike)
    values = measures(before, after)
    low_M, high_M = mean_intervals(
        np.stack(list(values.values()), axis=1),
        items_I=before.items_I,
        clusters_I=before.clusters_I,
        seed=seed,
    )
    found: dict[str, Any] = {}
    for (name, value_I), low, high in zip(values.items(), low_M, high_M, strict=True):
        found |= {name: float(value_I.mean()), f"{name}_low": float(low), f"{name}_high": float(high)}
    level_I = levels(before) if level_I is None else level_I
    for name in LEVELS:
        here_I = level_I == name
        counts = _outcomes(before.correct_I[here_I], after.correct_I[here_I])
        found |= {f"{name}_{outcome}": count for outcome, count in counts.items()}
    clusters = len(np.unique(drawn_together(before.items_I, before.clusters_I)))
    return Consistency(
        n=len(before),
        clusters=clusters if clusters < len(before) else None,
        accuracy_before=float(before.correct_I.mean()),
        accuracy_after=float(after.correct_I.mean()),
        **_outcomes(before.correct_I, after.correct_I),
        **found,
    )


def consistency_of_files(before: Path, after: Path) -> Consistency:
    """Compare the answers of two belief files; as for `consistency_of`.

    The texts of the one are gone from memory before the other is read.
    """
    first, second = read_answers(before), read_answers(after)
    # A number stands for an item's texts: where all are alike, so are these.
    if not np.array_equal(first.items_I, second.items_I):
        _require_same_texts(read_columns(before), read_columns(after))
    return consistency_of(first, second)


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


def levels(base: Answers, threshold: float = 0.5) -> Texts:
    """The level of each item, by `probe/level.py`; of one draw a belief above the threshold is sure."""
    return levels_of(base.category_I, base.correct_I, base.confidence_I > threshold)


def levels_of(category_I: Texts, right_I: NDArray[np.bool_], sure_I: NDArray[np.bool_]) -> Texts:
    """The same of what decides it: `category_I` is None where there was one draw."""
    several = zip(category_I, right_I, sure_I, strict=True)
    return np.array([found or level(right, sure=sure) for found, right, sure in several], dtype=object)


def _outcomes(was_I: NDArray[np.bool_], now_I: NDArray[np.bool_]) -> dict[str, int]:
    """How many items were kept, lost, gained and never right."""
    return {name: int(((was_I == was) & (now_I == now)).sum()) for (was, now), name in OUTCOMES.items()}


def _require_same_texts(before: BeliefColumns, after: BeliefColumns) -> None:
    """Arrays hold no texts: where these are at hand, they are compared too."""
    place_I = pc.index_in(before.ids, value_set=after.ids).fill_null(-1).to_numpy()
    both_B = np.flatnonzero(place_I >= 0)
    unlike_B = before.numbers_I[both_B] != after.numbers_I[place_I[both_B]]
    row_U = both_B[unlike_B]
    for item, other in zip(before.items_at(row_U), after.items_at(place_I[row_U]), strict=True):
        # Logs of other programs keep the white space around a question.
        if item.question.split() != other.question.split():
            field, problem = "question", "another question"
        elif item.choices != other.choices:
            field, problem = "choices", "other options or another answer"
        else:
            continue
        raise InputError(
            f"item {item.id} has {problem} before than after",
            field=field,
            seen=[getattr(item, field), getattr(other, field)],
            remedy="Ask both models the same file.",
        )
