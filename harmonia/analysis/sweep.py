"""The sweep over the share of self-aligned rows: one domain of one base model, one suite."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harmonia.analysis.agreement import kl_divergence
from harmonia.analysis.answers import Answers, per_item, require_same_items
from harmonia.analysis.bootstrap import PairedUnit
from harmonia.analysis.run_answers import CHAT, RunAnswers

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sweep:
    """What models of all ratios answered, under the seeds that all of them have.

    Attributes:
        name: `MODEL/DOMAIN`, the base model by the start of its fingerprint.
        base: What the base model answered in the probe's form.
        tuned: By ratio, rising, the answers in chat form, one a seed.
    """

    name: str
    base: Answers
    tuned: Mapping[float, Sequence[Answers]]

    @property
    def between(self) -> list[float]:
        """The ratios that mix: above 0 and below 1."""
        return [ratio for ratio in self.tuned if 0 < ratio < 1]

    def right(self, ratio: float) -> Floats:
        """1 where a model was right, 0 where it was wrong, shape (S, I)."""
        return np.stack([one.correct_I for one in self.tuned[ratio]]).astype(np.float64)

    def kl(self, ratio: float) -> Floats:
        """KL(base || tuned) in nats, shape (S, I)."""
        return np.stack([per_item(kl_divergence, self.base, one) for one in self.tuned[ratio]])

    def paired(self, left_S_I: Floats, right_S_I: Floats) -> PairedUnit:
        """Two kinds of value of the sweep's items, shape (S, I) each."""
        return PairedUnit(
            items_I=self.base.items_I,
            clusters_I=self.base.clusters_I,
            left_S_I=left_S_I,
            right_S_I=right_S_I,
        )


def sweeps_of(runs: Sequence[RunAnswers], suite: str) -> Iterator[Sweep]:
    """The sweep of each domain that has one, over all runs."""
    for run in runs:
        for domain in run.domains:
            base = run.base(domain, run.probe_form, suite)
            tuned = {
                ratio: found
                for ratio, group in run.ratios(domain).items()
                if (found := run.tuned(domain, group, CHAT, suite))
            }
            seeds = sorted(set.intersection(*(set(found) for found in tuned.values()))) if tuned else []
            if base is None or not seeds:
                continue
            for found in tuned.values():
                for seed in seeds:
                    require_same_items(base, found[seed])
            yield Sweep(
                name=f"{run.model[:12]}/{domain}",
                base=base,
                tuned={ratio: [found[seed] for seed in seeds] for ratio, found in tuned.items()},
            )
