"""What the grouping of one domain's beliefs gave, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harmonia.groups.build import BuiltGroups
from harmonia.types import Belief


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupsSummary:
    """How many beliefs there were, and what became of them.

    Attributes:
        beliefs: Beliefs of the domain.
        confident: Those above the threshold.
        found_right: Confident right ones.
        found_wrong: Confident wrong ones.
        threshold: The confidence that counts.
        size: Rows of each of the paper's groups.
        general: General instructions in each of them.
        left_out: Wrong items left out, with their partners, by why.
        told: What else a person should know of the items, how many by what.
        policies_available: Rows that each policy could choose from.
        groups: Rows of each group, general instructions left out.
    """

    beliefs: int
    confident: int
    found_right: int
    found_wrong: int
    threshold: float
    size: int
    general: int
    left_out: Mapping[str, int]
    told: Mapping[str, int]
    policies_available: Mapping[str, int]
    groups: Mapping[str, int]


def summary_of(built: BuiltGroups, beliefs: Sequence[Belief], threshold: float) -> GroupsSummary:
    """Sum up the training sets of one domain."""
    right, wrong = built.selection.found_right, built.selection.found_wrong
    return GroupsSummary(
        beliefs=len(beliefs),
        confident=right + wrong,
        found_right=right,
        found_wrong=wrong,
        threshold=threshold,
        size=len(built.selection.wrong),
        general=built.general,
        left_out=built.left_out,
        told=built.told,
        policies_available=built.policies.available,
        groups={name: sum(row.target is not None for row in rows) for name, rows in built.rows.items()},
    )
