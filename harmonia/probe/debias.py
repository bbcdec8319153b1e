"""Views of an item -> probabilities of its options, freed from a taste for letters.

The formulas are those of Zheng et al. (ICLR 2024, *Large Language Models Are Not Robust
Multiple Choice Selectors*). A model that shows option o at letter d is taken to answer
P(d) ~ prior(d) * belief(o).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harmonia.data.other_options import speak_of_others
from harmonia.hashing import addressed_order
from harmonia.probe.orders import by_option
from harmonia.probe.settings import ProbeSettings
from harmonia.probe.views import View, mean, softmax
from harmonia.types import Item

_FLOOR = 1e-12  # a letter that underflowed to 0 still has a logarithm


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterPrior:
    """A model's taste for letters, whatever stands at them.

    Attributes:
        draw: Draw of demonstrations under which it was measured.
        items: Items that it was measured on.
        probs: Probability of each letter, from A; sums to 1.
    """

    draw: int
    items: int
    probs: tuple[float, ...]


def mean_over_orders(views: Sequence[View]) -> tuple[float, ...]:
    """Mean probability of each option over the orders it was shown in (cyclic permutations)."""
    return mean([by_option(view.order, view.probs) for view in views])


def letter_prior(views_of_items: Sequence[Sequence[View]], draw: int) -> LetterPrior:
    """The prior over letters: mean over items of softmax(mean over orders of log P(letter)).

    Each item has its views in all cyclic orders; all items have as many options.
    """
    priors = [
        softmax(mean([[math.log(max(p, _FLOOR)) for p in view.probs] for view in views]))
        for views in views_of_items
    ]
    return LetterPrior(draw=draw, items=len(priors), probs=mean(priors))


def divide_out(view: View, prior: LetterPrior) -> tuple[float, ...]:
    """Probability of each option, ~ P(letter) / prior(letter)."""
    pairs = zip(view.probs, prior.probs, strict=True)
    values = softmax([math.log(max(p, _FLOOR)) - math.log(max(q, _FLOOR)) for p, q in pairs])
    return by_option(view.order, values)


def prior_sample(items: Sequence[Item], settings: ProbeSettings) -> frozenset[str]:
    """Ids of the items that the prior is measured on.

    For each number of options they are a share of the items that have it, drawn by
    (seed, item) from all of them whose options can be moved.
    """
    by_count: dict[int, list[str]] = {}
    for item in items:
        if not speak_of_others(item.choices):
            by_count.setdefault(len(item.choices), []).append(item.id)
    return frozenset(
        name
        for ids in by_count.values()
        for name in addressed_order(settings.seed, "pride", ids)[: _sample_size(len(ids), settings)]
    )


def _sample_size(count: int, settings: ProbeSettings) -> int:
    return max(settings.prior_fewest, math.ceil(count * settings.prior_share))


def letter_priors(
    items: Sequence[Item], views: Sequence[Sequence[View]], sample: frozenset[str], draw: int
) -> Mapping[int, LetterPrior]:
    """The prior for each number of options, from the sample's items."""
    by_count: dict[int, list[Sequence[View]]] = {}
    for item, seen in zip(items, views, strict=True):
        if item.id in sample:
            by_count.setdefault(len(item.choices), []).append(seen)
    return {count: letter_prior(by_count[count], draw) for count in sorted(by_count)}
