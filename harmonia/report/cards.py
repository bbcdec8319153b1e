"""The claim cards: what the run says of each claim, beside the paper's figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from harmonia.analysis import Claim, ClaimsDocument, Finding, Ranking
from harmonia.analysis.claims import Effect
from harmonia.analysis.paper import PAPER_SAYS
from harmonia.groups.names import GroupName
from harmonia.numbers import counted
from harmonia.report.html_table import Entry, PageColumn, PageTable, build
from harmonia.report.words import ABSENT, MINUS, NO_INTERVAL, in_suite_order, listed, percent, plain

_DIGITS = {"points": 1, "nats": 3, "correlation": 2}
_UNITS = {"points": "percentage points", "nats": "nats", "correlation": "correlation"}
_ASKED = {
    "knowledge lost": "Did they lose knowledge?",
    "readout lost": "Did they stop reading out what they know?",
    "not learned": "Did they fail to learn their rows?",
}
_ANSWERS = {
    "supported": "Yes.",
    "contradicted": "No.",
    "inconclusive": "It cannot be told.",
    "not computed": "It was not computed.",
}
_Measure: TypeAlias = tuple[Effect, Mapping[str, Finding]]
"""One effect, with what was found on each suite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One claim as the page shows it.

    Attributes:
        claim: Its name, `C1` to `C5`.
        statement: What the paper claims.
        verdict: What the run says.
        notes: What the effect is made of, and whether the groups learned their rows.
        table: Its findings, a line a measure.
        paper: The paper's figures in a sentence.
    """

    claim: str
    statement: str
    verdict: str
    notes: tuple[str, ...]
    table: PageTable
    paper: str


def cards(claims: ClaimsDocument | None) -> list[Card]:
    """One card a claim, in order; none where `claims.json` is not there."""
    return [_card(claim) for claim in claims.claims] if claims else []


def reading(claims: ClaimsDocument) -> list[str]:
    """What cells of the cards say in short, in full and once, a sentence each."""
    findings = [finding for claim in claims.claims for finding in claim.findings]
    held_back = dict.fromkeys(one.held_back or "" for one in findings)
    said = [f"{why[0].upper()}{why[1:]}." for why in held_back if ":" in why]
    if any(one.needed for one in findings):
        said.append(
            "What would decide a finding is more of one kind alone, if the effect stays as it is; where "
            "nothing is named, nothing of that kind would."
        )
    return said


def _card(claim: Claim) -> Card:
    found: dict[str, dict[str, Finding]] = {}
    for finding in claim.findings:
        found.setdefault(finding.what, {})[finding.suite] = finding
    effects = {effect.what: effect for effect in claim.effects}
    columns = [
        PageColumn[_Measure]("what", "Measured", _what, kind="long"),
        PageColumn[_Measure]("verdict", "Verdict", _together, kind="long"),
    ]
    # Where no effect could be computed for one reason each, suites have nothing of their own to say.
    shown = [one for one in claim.findings if one.effect is not None or not _why(found[one.what])]
    for suite in in_suite_order(finding.suite for finding in shown):
        columns.append(PageColumn(suite, plain(suite), partial(_on, suite=suite), kind="long"))
    return Card(
        claim=claim.claim,
        statement=claim.statement,
        verdict=claim.verdict,
        notes=tuple(_notes(claim)),
        table=build(f"{claim.claim}: findings", columns, [(effects[what], of) for what, of in found.items()]),
        paper=PAPER_SAYS[claim.claim],
    )


def _notes(claim: Claim) -> Iterator[str]:
    if claim.fit:
        shares = [
            f"{plain(one.group)} {percent(one.fit)} (reworded {percent(one.reworded)}, "
            f"chance {percent(one.chance)}{'; hardly learned' if one.hardly_learned else ''})"
            for one in claim.fit
        ]
        yield f"Of their own training rows models answer as trained: {listed(shares)}."
    # The same stands on the cards of C2 and C3.
    if claim.claim == "C1" and any(one.verdict != "not computed" for one in claim.diagnosis):
        said = [f"{_ASKED[one.of]} {_ANSWERS[one.verdict]}" for one in claim.diagnosis]
        yield f"Models tuned on incompatible rows: {' '.join(said)}"


def _what(row: _Measure) -> Entry:
    effect, found = row
    units = dict.fromkeys(_UNITS[finding.unit] for finding in found.values())
    return Entry(text=effect.what, small=(*units, *(() if effect.decides else ("beside the claim",))))


def _together(row: _Measure) -> Entry:
    """The verdict on an effect, and why it could not be computed where that has one reason."""
    effect, found = row
    return Entry(text=effect.verdict, small=(f"because {why}",) if (why := _why(found)) else ())


def _why(found: Mapping[str, Finding]) -> str | None:
    reasons = {finding.because for finding in found.values()}
    return reasons.pop() if len(reasons) == 1 else None


def _on(row: _Measure, suite: str) -> Entry | str:
    """The effect on a suite: its interval, its verdict and what would decide it, and over how much it is."""
    found = row[1].get(suite)
    if found is None or (found.effect is None and _why(row[1])):
        return ABSENT
    if found.effect is None:
        return Entry(text=found.verdict, small=(f"because {found.because}",))
    numbers = (
        *((found.items, "question"), (found.clusters, "cluster")),
        *((found.seeds, "seed"), (found.units, "unit")),
    )
    over = [counted(number, noun) for number, noun in numbers if number]
    small = (_interval(found), _verdict(found), listed(over) if over else "")
    return Entry(text=_signed(found.effect, found), small=tuple(filter(None, small)))


def _interval(row: Finding) -> str:
    if row.low is None or row.high is None:
        return ""
    if row.low < row.high:
        return f"{_signed(row.low, row)} to {_signed(row.high, row)}"
    if row.unit == "points" and row.effect == 0:
        return "the same questions are right"
    return f"{NO_INTERVAL}: {'one unit' if row.units == 1 else 'no spread'}"


def _signed(value: float, row: Finding) -> str:
    text = f"{abs(value):.{_DIGITS[row.unit]}f}"
    sign = "" if not float(text) else "+" if value > 0 else MINUS
    return f"{sign}{text}"


def _verdict(row: Finding) -> str:
    if row.held_back:
        return f"{row.verdict}: {row.held_back.partition(':')[0]}"
    if row.needed is None:
        return row.verdict
    numbers = ((row.needed.seeds, "seed"), (row.needed.items, "question"), (row.needed.units, "unit"))
    wanted = [counted(number, noun) for number, noun in numbers if number is not None]
    return f"{row.verdict}: {' or '.join(wanted)} would decide it" if wanted else row.verdict


def policies_table(claims: ClaimsDocument | None) -> PageTable:
    """Which policy won on each suite, or that none can be told apart."""
    rankings = claims.policies if claims else ()
    policies = sorted({policy for ranking in rankings for policy in ranking.accuracy})
    columns = [
        PageColumn[Ranking]("suite", "Questions", lambda row: plain(row.suite), kind="head"),
        PageColumn[Ranking]("won", "Which won", _won, kind="long"),
    ]
    columns += [PageColumn(policy, _named(policy), _share(policy)) for policy in policies]
    return build("Policies: accuracy in chat form, mean over domains and seeds", columns, rankings)


def _share(policy: str) -> Any:
    def cell(row: Ranking) -> str:
        return percent(row.accuracy[policy]) if policy in row.accuracy else ABSENT

    return cell


def _won(row: Ranking) -> Entry | str:
    if row.winner:
        return _named(row.winner)
    if len(row.not_told_apart) == len(row.accuracy):
        return "none can be told from the best"
    return Entry(text="no single one", small=(f"not told apart: {listed(map(_named, row.not_told_apart))}",))


def _named(policy: str) -> str:
    return plain(GroupName.parse(policy).rule)
