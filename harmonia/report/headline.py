"""What the effect of C1 is, in a few plain sentences, from its card."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from harmonia.analysis import Claim, ClaimsDocument, Finding
from harmonia.analysis.diagnosis import CONTROL, HARMED, WORDS
from harmonia.analysis.findings import difference_words
from harmonia.analysis.run_answers import CHAT
from harmonia.numbers import counted
from harmonia.report.words import MINUS, NO_INTERVAL, between, percent

_GAIN = difference_words("harmonious", CONTROL)
_LOSS = difference_words(CONTROL, HARMED)
_LOSS_IN_WORDS = difference_words(CONTROL, HARMED, WORDS, probe_form=True)
_LOSS_IN_CHAT_WORDS = difference_words(CONTROL, HARMED, WORDS)


def headline(document: ClaimsDocument) -> str:
    """What `finding` says, as one text."""
    return " ".join(finding(document))


def finding(document: ClaimsDocument) -> list[str]:
    """Whether agreeing with the base helps; and how much of it is gain and how much loss, and of what.

    Figures are means over the suites; an interval in brackets holds those of all suites. Each says how
    and in which form models were asked: a loss in one is none in another.
    """
    claim = next((claim for claim in document.claims if claim.claim == "C1"), None)
    own = next((effect.what for effect in claim.effects if effect.decides), None) if claim else None
    total = _mean(_of(claim, own)) if claim and own else None
    if claim is None or own is None or total is None:
        return [
            "No models were tuned on what the base knows and on what goes against it: nothing to compare."
        ]
    one, other = "models tuned on what the base knows", "those tuned against it"
    how = "in words" if any(run.method == WORDS for run in document.runs) else "by letters"
    if claim.verdict == "inconclusive":
        # The interval may leave out 0 and yet say nothing of another seed.
        alone = any(finding.seeds == 1 for finding in _of(claim, own))
        it, over = ("With one seed it", ", over questions alone") if alone else ("It", "")
        said = (
            f"{it} cannot be told whether {one}, asked {how} in the chat form, answer better than {other} "
            f"({_figures(total, _of(claim, own))}{over})"
        )
    else:
        said = (
            f"Asked {how} in the chat form, {one} answer {_better(total)} than {other} "
            f"({_ends(_of(claim, own))})"
        )
    forms = {run.probe_form for run in document.runs}
    return [f"{said}.", f"{_parts(claim, forms)}{_learned(claim)}"]


def _parts(claim: Claim, forms: set[str]) -> str:
    gain, loss = _mean(_of(claim, _GAIN)), _mean(_of(claim, _LOSS))
    if gain is None or loss is None:
        return (
            "Whether it is a gain or a loss cannot be told: no models were tuned on general instructions "
            f"alone ({CONTROL})."
        )
    unsure = {effect.what for effect in claim.effects if effect.verdict == "inconclusive"}
    first, second = (" (not certain)" if what in unsure else "" for what in (_GAIN, _LOSS))
    return (
        f"Compared with general instructions alone, the former answer {_better(gain)}{first} and the latter "
        f"{_better(-loss)}{second}.{_in_words(claim, forms)}"
    )


def _in_words(claim: Claim, forms: set[str]) -> str:
    found = _of(claim, _LOSS_IN_WORDS)
    loss = _mean(found)
    if loss is None:
        return ""
    figures = f"({_figures(-loss, found, sign=-1)})"
    knowledge, readout = (one.verdict for one in claim.diagnosis[:2])
    shown = f"Asked in words as the base was ({', '.join(sorted(forms))})"
    in_chat = _mean(_of(claim, _LOSS_IN_CHAT_WORDS)) if forms != {CHAT} else None
    chat = "" if in_chat is None else f" Asked in words in the chat form, they {_lost(in_chat)}."
    if knowledge == "contradicted":
        then = ": they stopped reading out what they still know" if readout == "supported" else ""
        return f" {shown}, those tuned against it lost next to nothing {figures}{then}.{chat}"
    if knowledge == "supported":
        then = " and lost still more of reading it out" if readout == "supported" else ""
        return f" {shown}, those tuned against it lost {_points(loss)} {figures}: they forgot{then}.{chat}"
    asked = f"{shown[0].lower()}{shown[1:]}"
    return f" Whether those tuned against it lost anything, {asked}, cannot be told {figures}.{chat}"


def _learned(claim: Claim) -> str:
    against = next((fit for fit in claim.fit if fit.group == HARMED), None)
    if against is None or not against.hardly_learned:
        return ""
    return (
        " The rows that go against the base were hardly learned: "
        f"{percent(against.fit)} are answered as trained, by guessing {percent(against.chance)}."
    )


def _of(claim: Claim, what: str) -> list[Finding]:
    return [finding for finding in claim.findings if finding.what == what and finding.effect is not None]


def _mean(findings: Sequence[Finding]) -> float | None:
    return fmean(finding.effect for finding in findings if finding.effect is not None) if findings else None


def _figures(value: float, findings: Sequence[Finding], sign: int = 1) -> str:
    """A difference and its interval; where no question tells two groups apart, that in words."""
    if all(one.low == one.effect == one.high == 0 for one in findings):
        return "the same questions are right"
    return f"{_signed(value)}, {_ends(findings, sign)}"


def _ends(findings: Sequence[Finding], sign: int = 1) -> str:
    """The interval that holds those of all suites, with a decimal where whole points would hide its width."""
    every = [sign * end for one in findings for end in (one.low, one.high) if end is not None]
    if not every or min(every) == max(every):
        return NO_INTERVAL
    low, high = map(_number, (min(every), max(every)))
    return f"95 % {between(min(every) / 100, max(every) / 100) if low == high else f'{low} to {high}'}"


def _points(value: float) -> str:
    return counted(round(value), "point")


def _better(value: float) -> str:
    return f"{_points(abs(value))} {'worse' if value < 0 else 'better'}" if round(value) else "no better"


def _lost(value: float) -> str:
    return f"{'gained' if value < 0 else 'lost'} {_points(abs(value))}"


def _number(value: float) -> str:
    text = f"{abs(value):.0f}"
    return text if value >= 0 or text == "0" else f"{MINUS}{text}"


def _signed(value: float) -> str:
    sign = "+" if value > 0 and f"{value:.0f}" != "0" else ""
    return f"{sign}{_number(value)} {'point' if round(abs(value)) == 1 else 'points'}"
