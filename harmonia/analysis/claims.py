"""Claim cards: what one or several runs say of the five claims of Ren et al. (2024).

The rule stands in docs/claims.md; `claims.json` holds the cards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harmonia.analysis.correlations import correlations
from harmonia.analysis.diagnosis import (
    CONTROL,
    HARMED,
    WORDS,
    Diagnosis,
    GroupFit,
    diagnose,
    fit_of_group,
    loss_beyond_words,
)
from harmonia.analysis.differences import Difference, differences
from harmonia.analysis.findings import Finding, difference_between
from harmonia.analysis.mixtures import mixture_findings
from harmonia.analysis.paper import PAPER, STATEMENTS
from harmonia.analysis.policies import Ranking, policy_rankings
from harmonia.analysis.run_answers import Excluded, RunAnswers
from harmonia.analysis.verdicts import Verdict, of_parts, over_suites
from harmonia.errors import InputError
from harmonia.types import SUITES, Method

VERSION = 2
"""Version of the form of `claims.json`."""

RULE = (
    "A finding is supported if its 95 % interval lies wholly on the claimed side, contradicted if wholly "
    "on the other, inconclusive otherwise, and always with one seed. An effect is what all suites say, "
    "inconclusive if they do not agree. A claim of two parts needs both and falls with either."
)

_PAIRS = {"C1": "harmonious", "C2": "self_aligning", "C3": "contextualised"}
_BESIDE = {
    "C1": (("harmonious", CONTROL), (CONTROL, HARMED)),
    "C2": (("self_aligning", "random_wrong"),),
    "C3": (),
}
"""What else is compared: parts of the effect, or another group in the place of `incompatible`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What is measured on several suites: what all of them say, and whether the claim rests on it."""

    what: str
    verdict: Verdict
    decides: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One card.

    Attributes:
        claim: `C1` to `C5`.
        statement: What the paper claims.
        verdict: What the findings that decide say together.
        effects: What each effect is over all suites.
        findings: One effect on one suite each.
        diagnosis: Of C1 to C3, what models tuned on `incompatible` lost.
        fit: Of C1 to C3, how many of their own training rows the groups' models answer as trained.
        paper: The paper's figures.
    """

    claim: str
    statement: str
    verdict: Verdict
    effects: tuple[Effect, ...]
    findings: tuple[Finding, ...]
    diagnosis: tuple[Diagnosis, ...]
    fit: tuple[GroupFit, ...]
    paper: dict[str, Any]


def judge(runs: Sequence[RunAnswers]) -> list[Claim]:
    """Judge the five claims on the answers of runs of different base models.

    Raises:
        InputError: Two runs have the same base model and a domain in common, which would
            count twice, or beliefs were taken by other methods.
    """
    _require_different(runs)
    asked = list(dict.fromkeys(place.suite for run in runs for place in run.answers))
    suites = [*(one for one in SUITES if one in asked), *(one for one in asked if one not in SUITES)]
    findings = {name: _compared(runs, name, suites) for name in _PAIRS}
    findings["C4"] = [finding for suite in suites for finding in correlations(runs, suite)]
    findings["C5"] = [finding for suite in suites for finding in mixture_findings(runs, suite)]
    fits = {group: fit_of_group(runs, group) for group in (HARMED, *_PAIRS.values(), "random_wrong")}
    diagnosis = diagnose(findings["C1"], fits[HARMED])
    return [
        Claim(
            claim=name,
            statement=STATEMENTS[name],
            verdict=of_parts([effect.verdict for effect in effects if effect.decides]),
            effects=effects,
            findings=tuple(found),
            diagnosis=diagnosis if name in _PAIRS else (),
            fit=tuple(fit for group in _groups(name) if (fit := fits.get(group))),
            paper=PAPER[name],
        )
        for name, found in findings.items()
        for effects in [tuple(_over_suites(found))]
    ]


def _compared(runs: Sequence[RunAnswers], claim: str, suites: Sequence[str]) -> list[Finding]:
    """C1 to C3: the claim's own effect by the probe's method, and what stands beside it."""
    own = (_PAIRS[claim], HARMED)
    there = {HARMED, _PAIRS[claim], *(group for run in runs for group in run.groups)}
    pairs = [own, *(pair for pair in _BESIDE[claim] if there.issuperset(pair))]
    others = list(dict.fromkeys(readout for run in runs for readout in run.readouts))
    found = []
    for suite in suites:
        for readout in (None, *others):
            for pair in pairs:
                decides = readout is None and pair == own
                found.append(difference_between(runs, *pair, suite, readout=readout, decides=decides))
        if claim == "C1" and CONTROL in there and WORDS in (*others, *(run.method for run in runs)):
            pair = (CONTROL, HARMED)
            found.append(
                difference_between(runs, *pair, suite, readout=WORDS, decides=False, probe_form=True)
            )
            found.append(loss_beyond_words(runs, suite))
    return found


def _groups(claim: str) -> list[str]:
    """The groups that a claim's findings compare; those without rows of their own have no fit."""
    pairs = ((_PAIRS[claim], HARMED), *_BESIDE[claim]) if claim in _PAIRS else ()
    return list(dict.fromkeys(group for pair in pairs for group in pair))


def _over_suites(findings: Sequence[Finding]) -> Iterator[Effect]:
    for what, decides in dict.fromkeys((finding.what, finding.decides) for finding in findings):
        here = [finding.verdict for finding in findings if finding.what == what]
        yield Effect(what=what, verdict=over_suites(here), decides=decides)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRun:
    """A run that was judged: its name, base model, the probe's form and method, and domains."""

    name: str
    model: str
    probe_form: str
    method: Method
    domains: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimsDocument:
    """The content of `claims.json`.

    Attributes:
        version: Version of its form.
        rule: The rule of the verdicts.
        runs: What was judged.
        claims: The cards.
        policies: Which policy won on each suite.
        excluded: Ids left out of all scores, by `DOMAIN/SUITE`.
    """

    version: int
    rule: str
    runs: tuple[JudgedRun, ...]
    claims: tuple[Claim, ...]
    policies: tuple[Ranking, ...]
    excluded: Mapping[str, Sequence[str]]

    @property
    def left_out(self) -> Excluded:
        """Ids left out of all scores, by (domain, suite)."""
        places = ((place.rpartition("/"), ids) for place, ids in self.excluded.items())
        return {(domain, suite): frozenset(ids) for (domain, _, suite), ids in places}


def claims_document(
    runs: Sequence[RunAnswers],
    rows: Sequence[Difference] | None = None,
    *,
    excluded: Excluded | None = None,
) -> ClaimsDocument:
    """Judge runs, and say all that belongs into `claims.json`; `rows` are all comparisons, if at hand.

    Raises:
        InputError: See `judge`.
    """
    return ClaimsDocument(
        version=VERSION,
        rule=RULE,
        runs=tuple(
            JudgedRun(
                name=run.name,
                model=run.model,
                probe_form=run.probe_form,
                method=run.method,
                domains=tuple(run.domains),
            )
            for run in runs
        ),
        claims=tuple(judge(runs)),
        policies=tuple(policy_rankings(differences(runs) if rows is None else rows, runs[0].method)),
        excluded={
            f"{domain}/{suite}": sorted(ids) for (domain, suite), ids in (excluded or {}).items() if ids
        },
    )


def _require_different(runs: Sequence[RunAnswers]) -> None:
    seen: dict[tuple[str, str], str] = {}
    for run in runs:
        if run.method != runs[0].method:
            problem = (
                f"beliefs were taken by {run.method} in {run.name}, by {runs[0].method} in {runs[0].name}"
            )
            raise InputError(problem, field="method", remedy="Pool runs whose probe has one method.")
        for domain in run.domains:
            if other := seen.get((run.model, domain)):
                problem = f"runs {other} and {run.name} have the same base model and domain {domain}"
                remedy = "Pool runs of different base models or of different domains."
                raise InputError(problem, field="model", seen=run.model, remedy=remedy)
            seen[run.model, domain] = run.name
