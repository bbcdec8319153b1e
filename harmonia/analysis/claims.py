"""Claim cards: what one or several runs say of the five claims of Ren et al. (2024).

The rule stands in docs/claims.md; `claims.json` holds the cards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harmonia.analysis.correlations import correlations
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One card.

    Attributes:
        claim: `C1` to `C5`.
        statement: What the paper claims.
        verdict: What all findings say together.
        findings: One effect on one suite each.
        paper: The paper's figures.
    """

    claim: str
    statement: str
    verdict: Verdict
    findings: tuple[Finding, ...]
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
    findings = {
        name: [difference_between(runs, group, "incompatible", suite) for suite in suites]
        for name, group in _PAIRS.items()
    }
    findings["C4"] = [finding for suite in suites for finding in correlations(runs, suite)]
    findings["C5"] = [finding for suite in suites for finding in mixture_findings(runs, suite)]
    return [
        Claim(
            claim=name,
            statement=STATEMENTS[name],
            verdict=_together(found),
            findings=tuple(found),
            paper=PAPER[name],
        )
        for name, found in findings.items()
    ]


def _together(findings: Sequence[Finding]) -> Verdict:
    parts = dict.fromkeys(finding.what for finding in findings if finding.decides)
    return of_parts(
        [over_suites([finding.verdict for finding in findings if finding.what == part]) for part in parts]
    )


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
