"""Readings of an answer's tokens -> what the model says of the words at stake."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harmonia.audit.content import Answer, Word, keys_of
from harmonia.audit.rule import ENTROPY_ROUNDING
from harmonia.audit.settings import RuleSettings
from harmonia.models import TokenReading
from harmonia.prompts.encode import Encoder

_TELLING = 3
"""Characters from which the beginning of a word tells the word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WordReading:
    """What the model says at one word behind one draw of demonstrations.

    Attributes:
        turn: Place of the answer among the row's messages.
        start: First character of the word in the answer.
        stop: Past its last.
        tokens: Its tokens.
        logprob: Log-probability of them together, in nats.
        entropy: Sum of the entropies at each of them, in nats.
        conflict: By how much more probable another word is, at the token where that is
            most, 0 to 1; 0 where no other word says something else.
        expected: The other word, or its beginning as far as one token goes; empty if there is none.
        prob: Probability of the other there.
        confident: Whether it is a confident conflict: the trained token unlikely, the entropy low.
        doubtful: Whether rounding in the model could change that.
    """

    turn: int
    start: int
    stop: int
    tokens: int
    logprob: float
    entropy: float
    conflict: float
    expected: str
    prob: float
    confident: bool
    doubtful: bool = False


def read_words(
    answer: Answer,
    ids: Sequence[int],
    tokens: Sequence[TokenReading],
    encoder: Encoder,
    rule: RuleSettings,
    rounding: float = 0.0,
) -> list[WordReading]:
    """Read the words at stake of an answer; those that were cut are left out.

    `ids` are the answer's tokens, `tokens` a reading of each, `rounding` the model's bound.
    """
    starts = token_places(answer.text, ids, encoder)
    found = []
    for word in answer.content:
        inside = [
            (at, one, ids[k - 1 : k] if k else ())
            for k, (at, one) in enumerate(zip(starts, tokens, strict=True))
            if word.start <= at < word.stop
        ]
        if inside:
            found.append(_word(answer, word, inside, encoder, rule, rounding))
    return found


def _word(
    answer: Answer,
    word: Word,
    inside: Sequence[tuple[int, TokenReading, Sequence[int]]],
    encoder: Encoder,
    rule: RuleSettings,
    rounding: float,
) -> WordReading:
    conflict, expected, prob, confident, doubtful = 0.0, "", 0.0, False, False
    for at, one, before in inside:
        trained, other = math.exp(one.logprob), math.exp(one.other_logprob)
        if other - trained <= conflict:
            continue
        text = _expected(answer.text[word.start : at], _piece((*before, one.other), encoder))
        if _is_other(text, word, answer):
            conflict, expected, prob = other - trained, text, other
            confident = trained < rule.unlikely and one.entropy < rule.sure
            low, high = (
                trained - way * rounding < rule.unlikely
                and one.entropy - way * ENTROPY_ROUNDING * rounding < rule.sure
                for way in (-1, 1)
            )
            doubtful = low != high
    return WordReading(
        turn=answer.turn,
        start=word.start,
        stop=word.stop,
        tokens=len(inside),
        logprob=math.fsum(one.logprob for _, one, _ in inside),
        entropy=math.fsum(one.entropy for _, one, _ in inside),
        conflict=conflict,
        expected=expected,
        prob=prob,
        confident=confident,
        doubtful=doubtful,
    )


def _expected(begun: str, piece: str) -> str:
    """The word that the model would write: what stands there already, and one token more.

    A token that ends within a character does not tell which it is.
    """
    return begun if begun and piece[:1].isspace() else begun + piece.strip().rstrip("\ufffd")


def _is_other(expected: str, word: Word, answer: Answer) -> bool:
    """Whether an expected word says something else, and not the same in another form or order."""
    keys = keys_of(expected)
    if len(keys) != 1 or keys[0] in answer.form or word.key.startswith(keys[0]):
        return False
    if (digits := _digits(word.key)) and digits == _digits(keys[0]):
        return False
    (key,) = keys
    return not any(key == one or (len(key) >= _TELLING and one.startswith(key)) for one in answer.own)


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def token_places(text: str, ids: Sequence[int], encoder: Encoder) -> list[int]:
    """Where in an answer each of its tokens begins to show; white space in front does not count.

    A token that shows nothing stands past the end.
    """
    pieces = [_piece(ids[max(0, k - 1) : k + 1], encoder) for k in range(len(ids))]
    whole = encoder.decode(ids)
    if "".join(pieces) != whole:  # characters of several tokens
        heads = [len(encoder.decode(ids[:k])) for k in range(len(ids))]
        pieces = [whole[head:stop] for head, stop in zip(heads, [*heads[1:], len(whole)], strict=True)]
    begin = whole.find(text[: min(len(text), 2 * _TELLING)])
    at = -(begin if begin >= 0 else len(whole) - len(whole.lstrip()))
    places = []
    for piece in pieces:
        shown = len(piece) - len(piece.lstrip())
        places.append(at + shown if shown < len(piece) else len(text))
        at += len(piece)
    return places


def _piece(pair: Sequence[int], encoder: Encoder) -> str:
    """What the last of two tokens adds; the one before shields its white space."""
    if len(pair) == 1:
        return encoder.decode(pair)
    return encoder.decode(pair)[len(encoder.decode(pair[:1])) :]
