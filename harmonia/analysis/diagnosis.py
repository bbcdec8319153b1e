"""What tuning on `incompatible` cost: knowledge, its readout, or nothing that was learned.

The rule stands in docs/claims.md. It was fixed before any run with the controls was looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from harmonia.analysis.answers import require_same_items
from harmonia.analysis.bootstrap import PairedUnit, cut, paired_bootstrap
from harmonia.analysis.findings import ALL_SAME, Finding, difference_words, finding_of
from harmonia.analysis.run_answers import CHAT, RunAnswers
from harmonia.analysis.verdicts import MIN_SEEDS, TAIL, Verdict, of_parts, over_suites
from harmonia.types import Method

CONTROL, HARMED = "general_only", "incompatible"
WORDS: Method = "cloze"

LEAST_LOSS = 2.0
"""Points; a loss that is surely smaller is none."""

LEARNED = 0.5
"""Share of the way from chance to 1 from which rows count as learned."""

BEYOND_WORDS = "loss of incompatible against general-only in the chat form minus in words in the probe's form"

Lost = Literal["knowledge lost", "readout lost", "not learned"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Whether the figures support that models tuned on `incompatible` lost something.

    Attributes:
        of: What.
        verdict: By the rule of docs/claims.md.
        because: Why it was not computed.
    """

    of: Lost
    verdict: Verdict
    because: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFit:
    """How many of their own training rows the models tuned on a group answer as trained.

    Attributes:
        group: The group.
        models: Models, over all units and seeds.
        seeds: Fewest seeds of a unit.
        fit: Share answered as trained, mean over units of the mean over seeds.
        reworded: The same behind another wording.
        chance: What guessing gives.
        learned: Share of the way from chance to 1, in the unit with the lowest and in that with the highest.
    """

    group: str
    models: int
    seeds: int
    fit: float
    reworded: float
    chance: float
    learned: tuple[float, float]

    @property
    def hardly_learned(self) -> bool:
        """Whether its fit is nearer to chance than to 1."""
        return self.fit - self.chance < LEARNED * (1 - self.chance)


def loss_beyond_words(runs: Sequence[RunAnswers], suite: str) -> Finding:
    """How much more of their accuracy models lost as they are trained to answer than in words, by question.

    That is by the probe's method in the chat form, against words in the probe's form.
    """
    units = [
        unit
        for run in runs
        for domain in run.domains
        if (unit := _beyond_words(run, domain, suite)) is not None
    ]
    if not units:
        because = f"no domain and seed has both {CONTROL} and {HARMED} in both forms"
        return Finding(what=BEYOND_WORDS, suite=suite, unit="points", decides=False, because=because)
    estimate = paired_bootstrap(units, address=f"{CHAT}/{suite}/beyond words")
    # Either loss may be of all questions, in opposite directions.
    ends = cut(estimate.low, estimate.high, most=2.0)
    return replace(finding_of(estimate, ends, what=BEYOND_WORDS, suite=suite, unit="points"), decides=False)


def _beyond_words(run: RunAnswers, domain: str, suite: str) -> PairedUnit | None:
    """The loss as trained and that in words, under the seeds that have both."""
    asked: tuple[tuple[str, Method | None], ...] = ((CHAT, None), (run.probe_form, WORDS))
    tuned = [
        run.tuned(domain, group, form, suite, readout)
        for form, readout in asked
        for group in (CONTROL, HARMED)
    ]
    seeds = sorted(set.intersection(*(set(found) for found in tuned)))
    if not seeds:
        return None
    first = tuned[0][seeds[0]]
    for found in tuned:
        for seed in seeds:
            require_same_items(first, found[seed])
    kept, harmed, kept_words, harmed_words = (
        np.stack([found[seed].correct_I for seed in seeds]).astype(np.float64) for found in tuned
    )
    return PairedUnit(
        items_I=first.items_I,
        clusters_I=first.clusters_I,
        left_S_I=kept - harmed,
        right_S_I=kept_words - harmed_words,
    )


def fit_of_group(runs: Sequence[RunAnswers], group: str) -> GroupFit | None:
    """The fit of all models tuned on a group; None if none was asked its rows, or they teach no option."""
    units = [
        [(one.fit, one.reworded, one.chance) for one in found if one.fit is not None]
        for run in runs
        for domain in run.domains
        if (found := list(run.fits(domain, group).values()))
    ]
    units = [unit for unit in units if unit]
    if not units:
        return None
    means = [np.mean(np.array(unit, dtype=np.float64), axis=0) for unit in units]
    fit, reworded, chance = (float(value) for value in np.mean(means, axis=0))
    learned = [float((one[0] - one[2]) / (1 - one[2])) for one in means]
    return GroupFit(
        group=group,
        models=sum(map(len, units)),
        seeds=min(map(len, units)),
        fit=fit,
        reworded=reworded,
        chance=chance,
        learned=(min(learned), max(learned)),
    )


def diagnose(findings: Sequence[Finding], fit: GroupFit | None) -> tuple[Diagnosis, ...]:
    """The three diagnoses, from the findings of C1 and the fit of `incompatible`."""
    in_words, as_trained, beyond = (
        over_suites([lost(finding) for finding in findings if finding.what == what])
        for what in (
            difference_words(CONTROL, HARMED, WORDS, probe_form=True),
            difference_words(CONTROL, HARMED),
            BEYOND_WORDS,
        )
    )
    both = of_parts([as_trained, beyond])
    without = f"it takes {CONTROL} and {HARMED}, asked in words in the probe's form too"
    return (
        Diagnosis(of="knowledge lost", verdict=in_words, because=_unless(in_words, without)),
        Diagnosis(of="readout lost", verdict=both, because=_unless(both, without)),
        Diagnosis(
            of="not learned",
            verdict=(learned := _not_learned(fit)),
            because=_unless(learned, f"models tuned on {HARMED} were not asked their own training rows"),
        ),
    )


def lost(finding: Finding) -> Verdict:
    """Whether something was lost: surely more than nothing, or surely less than `LEAST_LOSS` points.

    Where no question differs, n of them exclude a share above 1 - .025^(1 / n).
    """
    if finding.held_back == ALL_SAME and finding.effect == 0:
        drawn = finding.clusters or finding.items or 1
        return "contradicted" if 100 * (1 - TAIL ** (1 / drawn)) < LEAST_LOSS else "inconclusive"
    if finding.verdict in ("supported", "not computed") or finding.held_back or finding.high is None:
        return finding.verdict
    return "contradicted" if finding.high < LEAST_LOSS else "inconclusive"


def _not_learned(fit: GroupFit | None) -> Verdict:
    if fit is None:
        return "not computed"
    low, high = fit.learned
    if fit.seeds < MIN_SEEDS or low < LEARNED <= high:
        return "inconclusive"
    return "supported" if high < LEARNED else "contradicted"


def _unless(verdict: Verdict, because: str) -> str | None:
    return because if verdict == "not computed" else None
