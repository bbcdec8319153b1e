"""What the effect of C1 is, in a few plain sentences, from its card."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from harmonia.analysis import Claim, ClaimsDocument, Finding
from harmonia.analysis.diagnosis import CONTROL, HARMED, WORDS
from harmonia.analysis.findings import difference_words
from harmonia.analysis.run_answers import CHAT
from harmonia.report.words import MINUS, percent

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
            f"{it} cannot be told whether {one}, asked {how} in the chat form, answer better than {other}: "
            f"the difference is {_signed(total)} ({_ends(_of(claim, own))}{over})"
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
        return f"How much of it is gain and how much loss takes models of {CONTROL}."
    names = ("gain", "loss")
    if min(gain, loss) >= 0:
        verb = "is" if f"{gain:.0f}" == "1" else "are"
        split = f"Of this {_points(gain)} {verb} gained over general instructions alone and {loss:.0f} lost"
    else:
        names = ("the first", "the second")
        split = (
            "Compared with models tuned on general instructions alone, those tuned on what the base knows "
            f"answer {_better(gain)} and those tuned against it {_better(-loss)}"
        )
    verdicts = {effect.what: effect.verdict for effect in claim.effects}
    found = zip(names, (_GAIN, _LOSS), strict=True)
    unsure = [name for name, what in found if verdicts[what] == "inconclusive"]
    doubt = (
        f" ({unsure[0] if len(unsure) == 1 else 'neither'} is {'not ' * (len(unsure) == 1)}sure)"
        if unsure
        else ""
    )
    return f"{split}{doubt}.{_in_words(claim, forms)}"


def _in_words(claim: Claim, forms: set[str]) -> str:
    found = _of(claim, _LOSS_IN_WORDS)
    loss = _mean(found)
    if loss is None:
        return ""
    figures = f"({_signed(-loss)}, {_ends(found, sign=-1)})"
    knowledge, readout = (one.verdict for one in claim.diagnosis[:2])
    shown = f"Asked in words as the base was ({', '.join(sorted(forms))})"
    in_chat = _mean(_of(claim, _LOSS_IN_CHAT_WORDS)) if forms != {CHAT} else None
    chat = "" if in_chat is None else f" In words in the chat form that is {_signed(-in_chat)}."
    if knowledge == "contradicted":
        then = ": they stopped reading out what they still know" if readout == "supported" else ""
        return f" {shown}, those tuned against it lost next to nothing {figures}{then}.{chat}"
    if knowledge == "supported":
        then = " and lost still more of reading it out" if readout == "supported" else ""
        return f" {shown}, those tuned against it lost {_points(loss)} {figures}: they forgot{then}.{chat}"
    return f" {shown}, it cannot be told whether those tuned against it lost anything {figures}.{chat}"


def _learned(claim: Claim) -> str:
    against = next((fit for fit in claim.fit if fit.group == HARMED), None)
    if against is None or not against.hardly_learned:
        return ""
    return (
        f" What goes against the base was hardly learned ({percent(against.fit)} of its own training rows, "
        f"by chance {percent(against.chance)})."
    )


def _of(claim: Claim, what: str) -> list[Finding]:
    return [finding for finding in claim.findings if finding.what == what and finding.effect is not None]


def _mean(findings: Sequence[Finding]) -> float | None:
    return fmean(finding.effect for finding in findings if finding.effect is not None) if findings else None


def _ends(findings: Sequence[Finding], sign: int = 1) -> str:
    """The interval that holds those of all suites; empty where none has any."""
    ends = [sign * end for one in findings for end in (one.low, one.high) if end is not None]
    return f"95\u00a0% {_number(min(ends))} to {_number(max(ends))}" if ends else "no interval"


def _points(value: float) -> str:
    return f"{value:.0f} {'point' if f'{value:.0f}' == '1' else 'points'}"


def _better(value: float) -> str:
    return f"{_points(abs(value))} {'worse' if value < 0 else 'better'}"


def _number(value: float) -> str:
    text = f"{abs(value):.0f}"
    return text if value >= 0 or text == "0" else f"{MINUS}{text}"


def _signed(value: float) -> str:
    sign = "+" if value > 0 and f"{value:.0f}" != "0" else ""
    return f"{sign}{_number(value)} {'point' if f'{abs(value):.0f}' == '1' else 'points'}"
