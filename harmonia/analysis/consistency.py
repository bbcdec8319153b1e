"""Two models' (or two forms') beliefs about the same items -> how consistent they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harmonia.analysis.agreement import jensen_shannon, kl_divergence, rank_agreement
from harmonia.errors import InputError
from harmonia.types import Belief


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


def consistency_of(before: Sequence[Belief], after: Sequence[Belief]) -> Consistency:
    """Compare beliefs item by item, paired by id.

    Raises:
        InputError: The two do not hold the same items with the same options and answer.
    """
    pairs = _paired(before, after)
    by_width: dict[int, list[tuple[Belief, Belief]]] = defaultdict(list)
    for pair in pairs:
        by_width[len(pair[0].probs)].append(pair)
    columns: dict[str, list[np.ndarray[tuple[int], np.dtype[np.float64]]]] = defaultdict(list)
    for group in by_width.values():
        p_I_C = np.array([one.probs for one, _ in group])
        q_I_C = np.array([two.probs for _, two in group])
        columns["rank_agreement"].append(rank_agreement(p_I_C, q_I_C))
        columns["kl"].append(kl_divergence(p_I_C, q_I_C))
        columns["kl_reverse"].append(kl_divergence(q_I_C, p_I_C))
        columns["js"].append(jensen_shannon(p_I_C, q_I_C))
    means = {name: float(np.concatenate(parts).mean()) for name, parts in columns.items()}
    was = np.array([one.correct for one, _ in pairs])
    now = np.array([two.correct for _, two in pairs])
    return Consistency(
        n=len(pairs),
        accuracy_before=float(was.mean()),
        accuracy_after=float(now.mean()),
        kept=int((was & now).sum()),
        lost=int((was & ~now).sum()),
        gained=int((~was & now).sum()),
        never=int((~was & ~now).sum()),
        **means,
    )


def _paired(before: Sequence[Belief], after: Sequence[Belief]) -> list[tuple[Belief, Belief]]:
    second = {belief.item.id: belief for belief in after}
    first = {belief.item.id for belief in before}
    alone = sorted(first ^ second.keys())
    if alone or not before:
        raise InputError(
            "before and after do not hold the same items" if before else "there are no beliefs to compare",
            field="id",
            seen=f"{len(alone)} items in one alone, such as {alone[:3]}",
            remedy="Ask both models the same file with the same limit.",
        )
    pairs = [(belief, second[belief.item.id]) for belief in before]
    for one, two in pairs:
        if one.item.choices != two.item.choices or one.item.answer != two.item.answer:
            raise InputError(
                f"item {one.item.id} has other options or another answer before than after",
                field="choices",
                seen=[list(one.item.choices), list(two.item.choices)],
                remedy="Ask both models the same file.",
            )
    return pairs
