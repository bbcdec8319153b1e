"""The claim cards: what the run says of each claim, beside the paper's figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harmonia.analysis import Claim, ClaimsDocument, Finding, Ranking
from harmonia.groups.names import GroupName
from harmonia.report.html_table import Entry, PageColumn, PageTable, build
from harmonia.report.words import ABSENT, MINUS, count, counted, in_suite_order, listed, percent, plain

_DIGITS = {"points": 1, "nats": 3, "correlation": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One claim as the page shows it.

    Attributes:
        claim: Its name, `C1` to `C5`.
        statement: What the paper claims.
        verdict: What the run says.
        notes: What the effect is made of, and whether the groups learned their rows.
        table: Its findings.
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


def _card(claim: Claim) -> Card:
    columns = (
        PageColumn[Finding]("what", "Measured", lambda row: measured[row.what], kind="long"),
        PageColumn[Finding]("suite", "Questions", lambda row: plain(row.suite), kind="head"),
        PageColumn[Finding]("effect", "Effect", _effect),
        PageColumn[Finding]("interval", "95 % interval", _interval),
        PageColumn[Finding]("over", "Over", _over, kind="text"),
        PageColumn[Finding]("verdict", "Verdict", _verdict, kind="long"),
    )
    measured = {
        effect.what: f"{effect.what}: {effect.verdict}{'' if effect.decides else ' (beside the claim)'}"
        for effect in claim.effects
    }
    kinds = list(dict.fromkeys(finding.what for finding in claim.findings))
    suites = in_suite_order(finding.suite for finding in claim.findings)
    findings = sorted(claim.findings, key=lambda row: (kinds.index(row.what), suites.index(row.suite)))
    return Card(
        claim=claim.claim,
        statement=claim.statement,
        verdict=claim.verdict,
        notes=tuple(_notes(claim)),
        table=build(f"{claim.claim}: findings", columns, findings, section=lambda row: measured[row.what]),
        paper=f"The paper: {_paper(claim.paper)}.",
    )


def _notes(claim: Claim) -> Iterator[str]:
    if claim.fit:
        shares = [
            f"{plain(one.group)} {percent(one.fit)} (reworded {percent(one.reworded)}, "
            f"chance {percent(one.chance)}{'; hardly learned' if one.hardly_learned else ''})"
            for one in claim.fit
        ]
        yield f"Of their own training rows models answer as trained: {listed(shares)}."
    if any(one.verdict != "not computed" for one in claim.diagnosis):
        said = [f"{one.of}: {one.verdict}" for one in claim.diagnosis]
        yield f"Of models tuned on incompatible rows the figures say: {listed(said)}."


def _effect(row: Finding) -> Entry | str:
    return ABSENT if row.effect is None else Entry(text=_signed(row.effect, row), small=(_unit(row),))


def _unit(row: Finding) -> str:
    return {"points": "percentage points", "nats": "nats", "correlation": "correlation"}[row.unit]


def _interval(row: Finding) -> str:
    if row.low is None or row.high is None:
        return ABSENT
    return f"{_signed(row.low, row)} to {_signed(row.high, row)}"


def _signed(value: float, row: Finding) -> str:
    text = f"{abs(value):.{_DIGITS[row.unit]}f}"
    sign = "" if not float(text) else "+" if value > 0 else MINUS
    return f"{sign}{text}"


def _over(row: Finding) -> str:
    numbers = (
        *((row.items, "question"), (row.clusters, "cluster")),
        *((row.seeds, "seed"), (row.units, "unit")),
    )
    parts = [counted(number, noun) for number, noun in numbers if number]
    return listed(parts) if parts else ABSENT


def _verdict(row: Finding) -> Entry | str:
    if row.because:
        return Entry(text=row.verdict, small=(f"because {row.because}",))
    if row.held_back:
        return Entry(text=row.verdict, small=(row.held_back,))
    if row.needed is None:
        return row.verdict
    numbers = ((row.needed.seeds, "seeds"), (row.needed.items, "questions"), (row.needed.units, "units"))
    wanted = [f"{count(number)} {noun}" for number, noun in numbers if number is not None]
    decides = (
        f"{' or '.join(wanted)} would decide it, if the effect stays as it is"
        if wanted
        else "more seeds or more questions alone would not decide it"
    )
    return Entry(text=row.verdict, small=(decides,))


def _paper(figures: dict[str, Any]) -> str:
    return "; ".join(f"{plain(name)} {_figure(value)}" for name, value in figures.items())


def _figure(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_figure(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        joint = " to " if all(isinstance(one, float) for one in value) else ", "
        return joint.join(map(str, value))
    return str(value)


def policies_table(claims: ClaimsDocument | None) -> PageTable | None:
    """Which policy won on each suite, or that none can be told apart."""
    rankings = claims.policies if claims else ()
    if not rankings:
        return None
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
