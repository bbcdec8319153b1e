"""What became of each item between two models' answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harmonia.analysis.agreement import jensen_shannon, kl_divergence, rank_agreement
from harmonia.analysis.answers import Answers, per_item, require_same_items
from harmonia.columns import Correlation, Nats, Share
from harmonia.probe.level import level_of
from harmonia.types import Belief, Category

Outcome = Literal["kept", "lost", "gained", "never"]

OUTCOMES: dict[tuple[bool, bool], Outcome] = {
    (True, True): "kept",
    (True, False): "lost",
    (False, True): "gained",
    (False, False): "never",
}
"""By whether the model was right before, and after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemOutcome:
    """One item before and after.

    Attributes:
        id: The item's id.
        domain: Its domain; may be empty.
        question: Its question.
        level: What the model before believes of it.
        outcome: `kept` (right before and after), `lost`, `gained` or `never` (right).
        pred_before: Index of the option answered before.
        pred_after: The same after.
        confidence_before: Probability of that option before.
        confidence_after: The same after.
        answer_before: Probability of the right option before.
        answer_after: The same after.
        rank_agreement: Pearson correlation of the options' ranks; 0 where one has no order.
        kl: KL(before || after).
        js: Jensen-Shannon divergence.
    """

    id: str
    domain: str
    question: str
    level: Category
    outcome: Outcome
    pred_before: int
    pred_after: int
    confidence_before: Share
    confidence_after: Share
    answer_before: Share
    answer_after: Share
    rank_agreement: Correlation
    kl: Nats
    js: Nats


def outcomes(
    before: Sequence[Belief], after: Sequence[Belief], *, threshold: float = 0.5
) -> tuple[ItemOutcome, ...]:
    """What became of each item, in the order of `before`.

    Args:
        before: What the one model believes.
        after: What the other does, of the same items in any order.
        threshold: Confidence, 0 to 1, above which a belief of one draw is sure.

    Raises:
        InputError: The two do not hold the same items.
    """
    arrays = Answers.of(before), Answers.of(after)
    require_same_items(*arrays)
    second = {belief.item.id: belief for belief in after}
    place = {name: row for row, name in enumerate(arrays[0].ids_I)}
    measures_I = [per_item(one, *arrays) for one in (rank_agreement, kl_divergence, jensen_shannon)]
    found = []
    for was in before:
        now, answer = second[was.item.id], was.item.answer
        agreement, kl, js = (float(values_I[place[was.item.id]]) for values_I in measures_I)
        found.append(
            ItemOutcome(
                id=was.item.id,
                domain=was.item.domain,
                question=was.item.question,
                level=level_of(was, threshold),
                outcome=OUTCOMES[was.correct, now.correct],
                pred_before=was.pred,
                pred_after=now.pred,
                confidence_before=was.confidence,
                confidence_after=now.confidence,
                answer_before=was.probs[answer],
                answer_after=now.probs[answer],
                rank_agreement=agreement,
                kl=kl,
                js=js,
            )
        )
    return tuple(found)
