"""An effect behind a claim, measured on one suite; here those that are differences of two groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from harmonia.analysis.bootstrap import Estimate, cut, paired_bootstrap
from harmonia.analysis.run_answers import CHAT, RunAnswers, units_of
from harmonia.analysis.verdicts import MIN_SEEDS, TAIL, Needed, Verdict, needed_for, verdict_of
from harmonia.types import Method

Measured = Literal["points", "nats", "correlation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One effect on one suite. Differences in accuracy are in percentage points.

    Attributes:
        what: What was measured, in words.
        suite: On which suite.
        unit: `points`, `nats` or `correlation`.
        decides: Whether the claim's verdict rests on it; others say what the effect is made of.
        effect: The effect; None if it was not computed.
        low: Lower end of its 95 % interval.
        high: Upper end.
        p: Two-sided, of no effect; only of two groups' difference.
        items: Different items.
        clusters: Different clusters that the interval draws whole; None where it draws each
            item by itself.
        seeds: Fewest seeds of a unit.
        units: Base models x domains.
        verdict: By the rule of docs/claims.md; the claim is that the effect is above 0,
            for `nats` below 0.
        needed: What would decide an inconclusive finding.
        held_back: Why it is inconclusive whatever its interval.
        details: More about it.
        because: Why it was not computed.
    """

    what: str
    suite: str
    unit: Measured
    decides: bool = True
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    items: int | None = None
    clusters: int | None = None
    seeds: int | None = None
    units: int | None = None
    verdict: Verdict = "not computed"
    needed: Needed | None = None
    held_back: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    because: str | None = None


ONE_SEED = "one seed: it says nothing of others, and a verdict takes two at least"
ALL_SAME = "no spread: every question says the same under every seed, so nothing tells how far others lie off"
"""Why a finding is held back, in short and, behind the colon, in full."""


_READ_OUT: Mapping[Method, str] = {
    "letter": " by letters",
    "cloze": " in words",
    "letter_cyclic": " by cyclic letters",
    "letter_pride": " by letters without their prior",
}


def difference_words(
    left: str, right: str, readout: Method | None = None, *, probe_form: bool = False
) -> str:
    """What is measured of two groups: by the probe's method or another, in chat form or the probe's."""
    how = ("" if readout is None else _READ_OUT[readout]) + (" in the probe's form" if probe_form else "")
    return f"accuracy{how} after {left.replace('_', '-')} minus after {right.replace('_', '-')}"


def difference_between(
    runs: Sequence[RunAnswers],
    left: str,
    right: str,
    suite: str,
    *,
    readout: Method | None = None,
    decides: bool = True,
    probe_form: bool = False,
) -> Finding:
    """How much more models tuned on one group get right than those tuned on another."""
    what = difference_words(left, right, readout, probe_form=probe_form)
    units = [
        unit
        for run in runs
        for unit in units_of(
            [run], left, right, suite=suite, readout=readout, form=run.probe_form if probe_form else CHAT
        )
    ]
    if not units:
        without = f"no domain and seed has both {left} and {right}{_READ_OUT[readout] if readout else ''}"
        return Finding(what=what, suite=suite, unit="points", decides=decides, because=without)
    estimate = paired_bootstrap(units, address=f"{CHAT}/{suite}")
    ends = cut(estimate.low, estimate.high)
    found = finding_of(estimate, ends, what=what, suite=suite, unit="points")
    return replace(found, p=estimate.p, decides=decides)


def finding_of(
    estimate: Estimate,
    ends: tuple[float, float],
    *,
    what: str,
    suite: str,
    unit: Measured,
    tail: float = TAIL,
    held_back: str | None = None,
    **details: Any,
) -> Finding:
    """The finding of an estimate between two ends, which exceeds neither in a share `tail` of runs.

    It is inconclusive if it is held back, of one seed, or without any spread. `details` stand beside
    its two levels.
    """
    scale = 100 if unit == "points" else 1
    low, high = ends
    # Of nats the claim is that they are fewer.
    verdict = verdict_of(*((-high, -low) if unit == "nats" else ends))
    if estimate.seeds < MIN_SEEDS:
        held_back = ONE_SEED
    elif not estimate.variance:
        held_back = ALL_SAME
    if held_back:
        verdict = "inconclusive"
    return Finding(
        what=what,
        suite=suite,
        unit=unit,
        effect=scale * estimate.value,
        low=scale * low,
        high=scale * high,
        items=estimate.items,
        clusters=estimate.clusters,
        seeds=estimate.seeds,
        units=estimate.units,
        verdict=verdict,
        needed=needed_for(estimate, tail) if verdict == "inconclusive" and not held_back else None,
        held_back=held_back,
        details={"left": scale * estimate.left, "right": scale * estimate.right, **details},
    )
