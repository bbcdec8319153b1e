"""Which beliefs a domain's groups are made of.

Only beliefs with a confidence above the threshold count. HARMONIOUS is made of right
ones, the other groups of wrong ones, as many of each (Ren et al. 2024).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harmonia.errors import EmptyGroupError
from harmonia.hashing import sample
from harmonia.types import Belief


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Equal numbers of right and wrong confident beliefs.

    Attributes:
        right: Confident beliefs that are correct.
        wrong: Confident beliefs that are not.
        found_right: How many there were to choose from.
        found_wrong: Likewise.
    """

    right: tuple[Belief, ...]
    wrong: tuple[Belief, ...]
    found_right: int
    found_wrong: int


def select(beliefs: Sequence[Belief], *, threshold: float, seed: int, size: int | None = None) -> Selection:
    """Choose the beliefs of a domain's groups.

    Args:
        beliefs: All beliefs of the domain.
        threshold: Confidence that a belief must exceed.
        seed: Seed of the sample where one kind has more beliefs than are taken.
        size: Most beliefs to take of each kind.

    Raises:
        EmptyGroupError: No confident belief of one kind, so that no group can be built.
    """
    confident = [belief for belief in beliefs if belief.confidence > threshold]
    right = [belief for belief in confident if belief.correct]
    wrong = [belief for belief in confident if not belief.correct]
    if not right or not wrong:
        raise EmptyGroupError(
            f"no group can be built: of {len(beliefs)} beliefs {len(confident)} have a confidence above "
            f"{threshold:g}, {len(right)} right and {len(wrong)} wrong",
            field="threshold",
            seen=threshold,
            remedy="Lower the threshold, probe more items, or use another method or model.",
        )
    count = min(len(right), len(wrong), size or len(beliefs))
    return Selection(
        right=_take(right, seed, "right", count),
        wrong=_take(wrong, seed, "wrong", count),
        found_right=len(right),
        found_wrong=len(wrong),
    )


def _take(beliefs: list[Belief], seed: int, kind: str, count: int) -> tuple[Belief, ...]:
    ids = [belief.item.id for belief in beliefs]
    return tuple(sample(seed, f"groups/{kind}", beliefs, ids, count))
