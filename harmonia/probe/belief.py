"""An item's views -> its belief."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from harmonia.probe.settings import ProbeSettings
from harmonia.probe.stability import stability_of
from harmonia.probe.views import View, mean
from harmonia.types import Belief, Item, Method, Preset


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawResult:
    """What one draw of demonstrations brought about an item.

    Attributes:
        views: What the model said, prompt by prompt.
        probs: Probability of each option, in the item's order, that follows from it.
    """

    views: tuple[View, ...]
    probs: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """How a belief was asked for: what `Belief` says of it."""

    form: str
    method: Method
    preset: Preset
    rounding: float


def belief_from(item: Item, draws: Sequence[DrawResult], asking: Asking, settings: ProbeSettings) -> Belief:
    """The belief that an item's draws come to: the mean of their probabilities."""
    views = [view for draw in draws for view in draw.views]
    probs = mean([draw.probs for draw in draws])
    pred = _argmax(probs)
    masses = [view.letter_mass for view in views if view.letter_mass is not None]
    unlisted = [view.unlisted_mass for view in views]
    belief = Belief(
        item=item,
        probs=probs,
        pred=pred,
        confidence=probs[pred],
        correct=pred == item.answer,
        letter_mass=math.fsum(masses) / len(masses) if masses else None,
        form=asking.form,
        method=asking.method,
        preset=asking.preset,
        normalisation=settings.normalisation if asking.method == "cloze" else None,
        shots=min(view.shots for view in views),
        prompt=views[0].prompt,
        asked_probs=mean([view.probs for view in views]) if masses else None,
        draws=len(draws),
        borderline=any(_gap(one) < 2 * asking.rounding for one in (probs, *(draw.probs for draw in draws)))
        or abs(probs[pred] - settings.confident) < asking.rounding,
        unlisted_mass=math.fsum(one or 0.0 for one in unlisted) / len(unlisted)
        if any(one is not None for one in unlisted)
        else None,
    )
    if len(draws) == 1:
        return belief
    stability = stability_of(
        [_argmax(draw.probs) for draw in draws],
        pred=pred,
        answer=item.answer,
        confidence=belief.confidence,
        settings=settings,
    )
    return replace(belief, **asdict(stability))


def _gap(probs: Sequence[float]) -> float:
    second, first = sorted(probs)[-2:]
    return first - second


def _argmax(probs: Sequence[float]) -> int:
    return list(probs).index(max(probs))
