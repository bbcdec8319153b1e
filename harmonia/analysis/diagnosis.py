"""What tuning on `incompatible` cost: knowledge, its readout, or nothing that was learned.

The rule stands in docs/claims.md. It was fixed before any run with the controls was looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from harmonia.analysis.bootstrap import PairedUnit, paired_bootstrap
from harmonia.analysis.findings import Finding, difference_words, finding_of
from harmonia.analysis.run_answers import CHAT, RunAnswers, units_of
from harmonia.analysis.verdicts import MIN_SEEDS, Verdict, of_parts, over_suites
from harmonia.types import Method

CONTROL, HARMED = "general_only", "incompatible"
WORDS: Method = "cloze"

LEAST_LOSS = 2.0
"""Points; a loss that is surely smaller is none."""

LEARNED = 0.5
"""Share of the way from chance to 1 from which rows count as learned."""

BEYOND_WORDS = "loss of incompatible against general-only by letters minus in words"

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
    """How much more of their accuracy models lost by letters than in words, by question."""
    pairs = [
        (letters, words)
        for run in runs
        for domain in run.domains
        for letters, words in zip(
            units_of([run], CONTROL, HARMED, suite=suite, domain=domain),
            units_of([run], CONTROL, HARMED, suite=suite, domain=domain, readout=WORDS, form=run.probe_form),
            strict=False,
        )
        if letters.left_S_I.shape == words.left_S_I.shape and (letters.items_I == words.items_I).all()
    ]
    if not pairs:
        because = f"no domain and seed has both {CONTROL} and {HARMED} by letters and in words"
        return Finding(what=BEYOND_WORDS, suite=suite, unit="points", decides=False, because=because)
    units = [
        PairedUnit(
            items_I=letters.items_I,
            clusters_I=letters.clusters_I,
            left_S_I=letters.change_S_I,
            right_S_I=words.change_S_I,
        )
        for letters, words in pairs
    ]
    estimate = paired_bootstrap(units, address=f"{CHAT}/{suite}/beyond words")
    ends = (estimate.low, estimate.high)
    return replace(finding_of(estimate, ends, what=BEYOND_WORDS, suite=suite, unit="points"), decides=False)


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
    in_words, by_letters, beyond = (
        over_suites([lost(finding) for finding in findings if finding.what == what])
        for what in (
            difference_words(CONTROL, HARMED, WORDS, probe_form=True),
            difference_words(CONTROL, HARMED),
            BEYOND_WORDS,
        )
    )
    both = of_parts([by_letters, beyond])
    without = f"it takes {CONTROL} and {HARMED}, asked by letters and in words"
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
    """Whether something was lost: surely more than nothing, or surely less than `LEAST_LOSS` points."""
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
