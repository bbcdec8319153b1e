"""An item's views -> its belief."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from harmonia.probe.orders import given_order
from harmonia.probe.settings import ProbeSettings
from harmonia.probe.stability import stability_of
from harmonia.probe.views import View, mean, view_of
from harmonia.types import Belief, Item, Method, Normalisation, Preset, Scores


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
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


def belief_from(item: Item, draws: Sequence[Heard], asking: Asking, settings: ProbeSettings) -> Belief:
    """The belief that an item's draws come to: the mean of their probabilities.

    Args:
        item: The item asked.
        draws: What each draw of demonstrations brought.
        asking: How it was asked.
        settings: Thresholds of the categories, unit of length.
    """
    views = [view for heard in draws for view in heard.views]
    probs = mean([heard.probs for heard in draws])
    pred = _argmax(probs)
    masses = [view.letter_mass for view in views if view.letter_mass is not None]
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
    )
    if len(draws) == 1:
        return belief
    stability = stability_of(
        [_argmax(heard.probs) for heard in draws],
        pred=pred,
        answer=item.answer,
        confidence=belief.confidence,
        settings=settings,
    )
    return replace(belief, **asdict(stability))


def belief_of(
    item: Item,
    scores: Scores,
    *,
    form: str,
    method: Method,
    preset: Preset = "corrected",
    normalisation: Normalisation = "raw",
    keep_prompt: bool = False,
) -> Belief:
    """The belief that follows from one prompt, with the options in the item's own order.

    Args:
        item: The item asked.
        scores: Its scores.
        form: How it was asked.
        method: What was scored: `letter` or `cloze`.
        preset: Which rules made prompt and token ids.
        normalisation: Unit of length for `cloze`.
        keep_prompt: Keep the scored text in the belief.
    """
    settings = ProbeSettings(normalisation=normalisation)
    view = view_of(
        scores,
        given_order(item),
        style="cloze" if method == "cloze" else "letter",
        normalisation=normalisation,
        keep_prompt=keep_prompt,
    )
    asking = Asking(form=form, method=method, preset=preset)
    return belief_from(item, [Heard(views=(view,), probs=view.probs)], asking, settings)


def _argmax(probs: Sequence[float]) -> int:
    return list(probs).index(max(probs))
