"""Beliefs about the lab's facts against what the base was really taught.

Of a real model nobody knows what it was taught, so a probe can only be judged by the
gold. In the lab it can be judged by the truth: facts stated rightly, stated wrongly, or
never stated (`world/facts.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from harmonia.analysis.answers import Answers
from harmonia.analysis.calibration import calibration_error, calibration_of, reliability
from harmonia.errors import InputError
from harmonia.probe.level import level
from harmonia.types import Belief
from harmonia.world import KINDS, Kind, LabItem

__all__ = ["KindShares", "Recovery", "recovery_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KindShares:
    """What a probe says of the facts of one kind; all shares 0 to 1.

    Attributes:
        n: Items.
        as_taught: Share whose belief is the value that the corpus states, be it right or
            wrong; None where it states none or another each time.
        known: Share called known by the rule of one draw: right and confident.
        conflicting: Share called conflicting by that rule: wrong and confident.
        steady_known: Share of category `known`; None for one draw.
        steady_conflicting: Share of category `conflicting`; None for one draw.
    """

    n: int
    as_taught: float | None
    known: float
    conflicting: float
    steady_known: float | None
    steady_conflicting: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """How well a probe finds what a base was taught.

    Attributes:
        kinds: By kind of fact.
        ece: Calibration error of the confidence against the gold, over all items.
        brier: Brier score against the gold, over all items.
        ece_taught: Calibration error against what was taught, over the facts of which the
            corpus states one value.
    """

    kinds: Mapping[Kind, KindShares]
    ece: float
    brier: float
    ece_taught: float


def recovery_of(taught: Sequence[LabItem], beliefs: Sequence[Belief], *, threshold: float = 0.5) -> Recovery:
    """Compare beliefs with the truth, paired by item id.

    Args:
        taught: The items with what the corpus did with their facts.
        beliefs: What the base believes of them.
        threshold: Confidence that a known or a conflicting belief exceeds.

    Raises:
        InputError: Items and beliefs are not of the same ids.
    """
    believed = {belief.item.id: belief for belief in beliefs}
    if believed.keys() != {lab.item.id for lab in taught}:
        raise InputError("items and beliefs are not of the same ids", remedy="Ask exactly these items.")
    pairs = [(lab, believed[lab.item.id]) for lab in taught]
    found, _ = calibration_of(Answers.of(beliefs))
    one_value = [(lab, belief) for lab, belief in pairs if lab.belief is not None]
    return Recovery(
        kinds={
            kind: _shares([pair for pair in pairs if pair[0].kind == kind], threshold)
            for kind in KINDS
            if any(lab.kind == kind for lab in taught)
        },
        ece=found.ece,
        brier=found.brier,
        ece_taught=calibration_error(
            reliability(
                np.array([belief.confidence for _, belief in one_value]),
                np.array([belief.pred == lab.belief for lab, belief in one_value]),
            )
        ),
    )


def _shares(pairs: Sequence[tuple[LabItem, Belief]], threshold: float) -> KindShares:
    beliefs = [belief for _, belief in pairs]
    share = partial(_share, count=len(pairs))
    once = [level(belief.correct, sure=belief.confidence > threshold) for belief in beliefs]
    drawn = beliefs[0].category is not None
    return KindShares(
        n=len(pairs),
        as_taught=None
        if pairs[0][0].belief is None
        else share(belief.pred == lab.belief for lab, belief in pairs),
        known=share(found == "known" for found in once),
        conflicting=share(found == "conflicting" for found in once),
        steady_known=share(belief.category == "known" for belief in beliefs) if drawn else None,
        steady_conflicting=share(belief.category == "conflicting" for belief in beliefs) if drawn else None,
    )


def _share(hits: Iterable[bool], count: int) -> float:
    return sum(hits) / count
