"""What the effect of C1 is, in one sentence, from its card."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from harmonia.analysis import Claim, ClaimsDocument, Finding
from harmonia.analysis.diagnosis import CONTROL, HARMED, WORDS
from harmonia.analysis.findings import difference_words
from harmonia.report.words import MINUS, percent

_GAIN = difference_words("harmonious", CONTROL)
_LOSS = difference_words(CONTROL, HARMED)
_LOSS_IN_WORDS = difference_words(CONTROL, HARMED, WORDS, probe_form=True)


def headline(document: ClaimsDocument) -> str:
    """Whether agreeing with the base helps, how much of it is gain and how much loss, and of what.

    Figures are means over the suites; an interval in brackets holds those of all suites.
    """
    (claim,) = (claim for claim in document.claims if claim.claim == "C1")
    (own,) = (effect.what for effect in claim.effects if effect.decides)
    total = _mean(_of(claim, own))
    if total is None:
        return "No models were tuned on what the base knows and on what goes against it: nothing to compare."
    one, other = "Models tuned on what the base knows", "those tuned against it"
    if claim.verdict == "inconclusive":
        seed = ", one seed" if any(finding.seeds == 1 for finding in _of(claim, own)) else ""
        said = f"Whether {one.lower()} answer better than {other} cannot be told ({_signed(total)}{seed})"
    else:
        said = f"{one} answer {_points(abs(total))} {'better' if total > 0 else 'worse'} than {other}"
    return f"{said}{_parts(claim)}{_learned(claim)}."


def _parts(claim: Claim) -> str:
    gain, loss = _mean(_of(claim, _GAIN)), _mean(_of(claim, _LOSS))
    if gain is None or loss is None:
        return f": how much of it is gain and how much loss takes models of {CONTROL}"
    if min(gain, loss) >= 0:
        split = f"of this {_points(gain)} are gained over general instructions alone and {loss:.0f} lost"
    else:
        split = f"against general instructions alone that is {_signed(gain)} and {_signed(-loss)}"
    verdicts = {effect.what: effect.verdict for effect in claim.effects}
    unsure = [name for name, what in (("gain", _GAIN), ("loss", _LOSS)) if verdicts[what] == "inconclusive"]
    doubt = f" ({' and '.join(unsure)} not sure)" if unsure else ""
    return f": {split}{doubt}{_in_words(claim)}"


def _in_words(claim: Claim) -> str:
    found = _of(claim, _LOSS_IN_WORDS)
    loss = _mean(found)
    if loss is None:
        return ""
    low = min(finding.low for finding in found if finding.low is not None)
    high = max(finding.high for finding in found if finding.high is not None)
    figures = f"({_signed(-loss)}, {_number(-high)} to {_number(-low)})"
    knowledge, readout = (one.verdict for one in claim.diagnosis[:2])
    if knowledge == "contradicted":
        then = ": they stopped reading out what they still know" if readout == "supported" else ""
        return f"; in words nothing was lost {figures}{then}"
    if knowledge == "supported":
        then = " and lost still more of reading it out" if readout == "supported" else ""
        return f"; in words {_points(loss)} were lost {figures}: they forgot{then}"
    return f"; whether anything was lost in words cannot be told {figures}"


def _learned(claim: Claim) -> str:
    against = next((fit for fit in claim.fit if fit.group == HARMED), None)
    if against is None or not against.hardly_learned:
        return ""
    return (
        f"; what goes against the base was hardly learned ({percent(against.fit)} of its own training rows, "
        f"by chance {percent(against.chance)})"
    )


def _of(claim: Claim, what: str) -> list[Finding]:
    return [finding for finding in claim.findings if finding.what == what and finding.effect is not None]


def _mean(findings: Sequence[Finding]) -> float | None:
    return fmean(finding.effect for finding in findings if finding.effect is not None) if findings else None


def _points(value: float) -> str:
    return f"{value:.0f} {'point' if f'{value:.0f}' == '1' else 'points'}"


def _number(value: float) -> str:
    text = f"{abs(value):.0f}"
    return text if value >= 0 or text == "0" else f"{MINUS}{text}"


def _signed(value: float) -> str:
    sign = "+" if value > 0 and f"{value:.0f}" != "0" else ""
    return f"{sign}{_number(value)} {'point' if f'{abs(value):.0f}' == '1' else 'points'}"
