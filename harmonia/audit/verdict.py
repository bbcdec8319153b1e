"""What both passes found of an open row -> its verdict."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from harmonia.audit.first import FirstReading
from harmonia.audit.own import OwnAnswers
from harmonia.audit.rows import AuditRow
from harmonia.audit.rule import AuditCategory, Signals, category_of, is_borderline
from harmonia.audit.settings import RuleSettings
from harmonia.audit.spans import WordReading
from harmonia.types import Conversation

_SHOWN = 3
"""Confident conflicts told in a reason."""
_LONGEST = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class WordVerdict:
    """A word at stake over all draws.

    Attributes:
        turn: Place of its answer among the messages.
        start: Its first character there.
        stop: Past its last.
        conflict: Mean by how much more probable the word is that is expected; 0 for a draw
            that expects another.
        expected: The word that the draws expect most; empty if none.
        prob: Mean probability of it in the draws that expect it.
        confident: Whether half of the draws find a confident conflict here with that word.
        doubtful: Whether rounding in the model could change that.
    """

    turn: int
    start: int
    stop: int
    conflict: float
    expected: str
    prob: float
    confident: bool
    doubtful: bool


def words_of_draws(found: FirstReading) -> list[WordVerdict]:
    """The words at stake, in order."""
    at: dict[tuple[int, int, int], list[WordReading]] = defaultdict(list)
    for draw in found.draws:
        for word in draw.words:
            at[word.turn, word.start, word.stop].append(word)
    return [_word(place, words, len(found.draws)) for place, words in sorted(at.items())]


def _word(place: tuple[int, int, int], words: Sequence[WordReading], draws: int) -> WordVerdict:
    by_word: dict[str, float] = defaultdict(float)
    for word in words:
        by_word[word.expected] += word.conflict
    expected = max(by_word, key=lambda text: (by_word[text], text))
    same = [word for word in words if word.expected == expected and word.conflict]
    turn, start, stop = place
    least = sum(word.confident and not word.doubtful for word in same)
    most = sum(word.confident or word.doubtful for word in same)
    return WordVerdict(
        turn=turn,
        start=start,
        stop=stop,
        conflict=by_word[expected] / draws,
        expected=expected,
        prob=fmean(word.prob for word in same) if same else 0.0,
        confident=2 * sum(word.confident for word in same) >= draws,
        doubtful=2 * least < draws <= 2 * most,
    )


def signals_of(found: FirstReading, own: OwnAnswers | None = None, draw: int | None = None) -> Signals:
    """The means over the draws, or what one of them gives."""
    draws = found.draws if draw is None else [found.draws[draw]]
    words = [word for one in draws for word in one.words]
    tokens = sum(word.tokens for word in words) or 1
    judged: Sequence[WordReading | WordVerdict] = words_of_draws(found) if draw is None else words
    agreement = None
    if own:
        agreement = fmean(own.agreement) if draw is None else own.agreement[draw]
    return Signals(
        stakes=found.stakes,
        trained=math.exp(math.fsum(word.logprob for word in words) / tokens),
        gap=max((word.conflict for word in judged), default=0.0),
        confident=any(word.confident for word in judged),
        doubtful=any(word.doubtful for word in judged)
        and not any(word.confident and not word.doubtful for word in judged),
        entropy=math.fsum(word.entropy for word in words) / tokens,
        agreement=agreement,
        steady=own.steady if own else None,
        contained=own is not None and own.contained,
    )


def verdict_of(
    row: Conversation,
    found: FirstReading,
    own: OwnAnswers | None,
    rule: RuleSettings,
    rounding: float = 0.0,
) -> AuditRow:
    """The verdict on an open row.

    `own` are the model's own answers where it was asked for some, `rounding` is its bound.
    """
    means = signals_of(found, own)
    category = category_of(means, rule)
    by_draw = [signals_of(found, own, draw) for draw in range(len(found.draws))]
    alone = [category_of(one, rule) for one in by_draw]
    spans = [word for word in words_of_draws(found) if word.confident]
    place = decisive_turn(row, found)
    return AuditRow(
        id=row.id,
        line=row.line,
        kind="open",
        category=category,
        confidence=alone.count(category) / len(alone),
        borderline=is_borderline(means, by_draw, rule, rounding),
        conflict=means.conflict,
        reason=_reason(category, means, row, place, spans, own),
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


def decisive_turn(row: Conversation, found: FirstReading) -> int:
    """Place among the messages of the answer with the largest conflict; the last where there is none."""
    most = max(words_of_draws(found), key=lambda word: word.conflict, default=None)
    return len(row.messages) - 1 if most is None else most.turn


def _reason(
    category: AuditCategory,
    means: Signals,
    row: Conversation,
    place: int,
    spans: Sequence[WordVerdict],
    own: OwnAnswers | None,
) -> str:
    said = ""
    if own:
        often = "" if own.steady is None else f" ({own.steady:.0%} of samples)"
        said = f'; its own answer: "{shortened(own.answer)}"{often}'
        if own.steady == 0:
            said = "; its own answers state nothing"
    if category == "form":
        return "nothing at stake: no new word, or in a long answer no name or number"
    if category == "known":
        times = f"{means.likelihood:.1f} times that of the model's own words there"
        how = f"the words at stake have a probability of {means.trained:.2f}, {times}"
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
        taught = shortened(row.messages[place].content)
        told = [f'trained "{taught}", whose words at stake have a probability of {means.trained:.2f}']
    return "; ".join(told) + said


def _decimal(prob: float) -> str:
    return f"{min(prob, 0.99) if prob < 1 else prob:.2f}".removeprefix("0")


def shortened(text: str) -> str:
    """A text on one line, cut to what a reason has room for."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."
