"""What both passes found of an open row -> its verdict."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

from harmonia.audit.first import FirstReading
from harmonia.audit.own import OwnAnswers
from harmonia.audit.rows import AuditRow
from harmonia.audit.rule import AuditCategory, Signals, category_of
from harmonia.audit.settings import RuleSettings
from harmonia.audit.spans import ConflictSpan
from harmonia.types import Conversation

_SHOWN = 3
"""Confident conflicts told in a reason."""
_LONGEST = 60


def signals_of(found: FirstReading, own: OwnAnswers | None = None) -> Signals:
    """The means over the draws."""
    return Signals(
        stakes=found.stakes,
        trained=fmean(draw.trained for draw in found.draws),
        conflict=fmean(draw.conflict for draw in found.draws),
        entropy=fmean(draw.entropy for draw in found.draws),
        agreement=fmean(own.agreement) if own else None,
        steady=own.steady if own else None,
    )


def verdict_of(
    row: Conversation, found: FirstReading, own: OwnAnswers | None, rule: RuleSettings
) -> AuditRow:
    """The verdict on an open row; `own` are the model's own answers where it was asked for some."""
    means = signals_of(found, own)
    category = category_of(means, rule)
    alone = [category_of(one, rule) for one in _by_draw(found, own)]
    spans, place = steady_spans(found), decisive_turn(found)
    return AuditRow(
        id=row.id,
        line=row.line,
        kind="open",
        category=category,
        confidence=alone.count(category) / len(alone),
        conflict=means.conflict * (1 - (means.agreement or 0.0)),
        reason=_reason(category, means, row, spans, own),
        instruction=row.messages[place - 1].content,
        answer=row.messages[place].content,
        turn=place,
        stakes=found.stakes,
        trained=means.trained,
        entropy=means.entropy,
        nll=fmean(draw.nll for draw in found.draws),
        excess=fmean(draw.excess for draw in found.draws),
        largest=fmean(draw.largest for draw in found.draws),
        ifd=found.ifd,
        agreement=means.agreement,
        steady=means.steady,
        own_answer=own.answer if own else None,
        span_turns=tuple(span.turn for span in spans),
        span_starts=tuple(span.start for span in spans),
        span_stops=tuple(span.stop for span in spans),
        span_expected=tuple(span.expected for span in spans),
        span_probs=tuple(span.prob for span in spans),
        tokens=found.tokens,
        cut=found.cut,
        shots=found.shots,
    )


def decisive_turn(found: FirstReading) -> int:
    """Place among the messages of the answer where the conflict is largest."""
    return max(found.draws, key=lambda draw: draw.conflict).turn


def steady_spans(found: FirstReading) -> tuple[ConflictSpan, ...]:
    """Confident conflicts that half of the draws find, with the word that most of them expect."""
    at: dict[tuple[int, int, int], list[ConflictSpan]] = defaultdict(list)
    for draw in found.draws:
        for span in draw.spans:
            at[span.turn, span.start, span.stop].append(span)
    steady = []
    for (turn, start, stop), spans in sorted(at.items()):
        if 2 * len(spans) < len(found.draws):
            continue
        by_word: dict[str, float] = defaultdict(float)
        for span in spans:
            by_word[span.expected] += span.prob
        expected = max(by_word, key=lambda word: (by_word[word], word))
        same = [span for span in spans if span.expected == expected]
        steady.append(
            ConflictSpan(
                turn=turn,
                start=start,
                stop=stop,
                expected=expected,
                prob=fmean(span.prob for span in same),
                trained=fmean(span.trained for span in same),
            )
        )
    return tuple(steady)


def _by_draw(found: FirstReading, own: OwnAnswers | None) -> Sequence[Signals]:
    return [
        Signals(
            stakes=found.stakes,
            trained=draw.trained,
            conflict=draw.conflict,
            entropy=draw.entropy,
            agreement=own.agreement[k] if own else None,
            steady=own.steady if own else None,
        )
        for k, draw in enumerate(found.draws)
    ]


def _reason(
    category: AuditCategory,
    means: Signals,
    row: Conversation,
    spans: Sequence[ConflictSpan],
    own: OwnAnswers | None,
) -> str:
    said = f'; its own answer: "{shortened(own.answer)}" ({own.steady:.0%} of samples)' if own else ""
    if category == "form":
        return "every word of the answer stands in the instruction or is the file's form"
    if category == "known":
        how = f"the words at stake have a probability of {means.trained:.2f}"
        agree = f"; {means.agreement:.0%} of its own answers agree" if means.agreement is not None else ""
        return f"{how}{agree}"
    if category == "unknown":
        return f"no answer of its own: {means.entropy:.1f} nats at the words at stake{said}"
    told = [
        f'trained "{row.messages[span.turn].content[span.start : span.stop]}"; '
        f'the model expects "{span.expected}" ({_decimal(span.prob)})'
        for span in sorted(spans, key=lambda span: -span.prob)[:_SHOWN]
    ]
    if not told:
        told = [f"the words at stake have a probability of {means.trained:.2f}"]
    return "; ".join(told) + said


def _decimal(prob: float) -> str:
    return f"{min(prob, 0.99) if prob < 1 else prob:.2f}".removeprefix("0")


def shortened(text: str) -> str:
    """A text on one line, cut to what a reason has room for."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."
