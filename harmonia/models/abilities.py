"""What a server can tell of tokens: found out by asking it, never by its name.

Each way to a log-probability is tried on a fixed text. It counts only if it gives the second
likeliest token the value that the list of the likeliest gives it. A server that does not
know a setting passes over it and answers all the same, with zeros or with one token's values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harmonia.errors import InputError
from harmonia.models.client import RefusedError
from harmonia.models.completions import Completions, CountError, ToldToken

FIXED = (
    "Once upon a time there was a",
    "The capital of France is",
    "My favourite colour is",
    "In 1969 the first",
    "def add(a, b):\n    return",
    "Question: What is 7 times 8?\nAnswer:",
    "The river flows through the city and",
    "Wasser besteht aus Wasserstoff und",
    "She opened the letter and",
    "A, B, C,",
    "The opposite of hot is",
    "To be or not to",
)
"""Texts whose likeliest next tokens tell one model from another."""
SAME_NATS = 0.1
"""What rounding may move a log-probability by, on a server that computes in half precision."""
_LISTS = (64, 20, 5, 1)
"""Lengths of the list of likeliest tokens that are asked for: OpenAI gives 5, vLLM 20 unless told."""
_WAYS: tuple[Literal["prompt_logprobs", "echo"], ...] = ("prompt_logprobs", "echo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What a server can do.

    Attributes:
        listed: How many of the likeliest tokens it lists.
        forced: A token that, when it was forced, was told its own log-probability; None if none is.
        of_prompt: How it tells those of a prompt's tokens; None if it does not.
    """

    listed: int
    forced: int | None
    of_prompt: Literal["prompt_logprobs", "echo"] | None

    @property
    def tells_each(self) -> bool:
        """Whether it tells the log-probability of any token."""
        return self.forced is not None or self.of_prompt is not None


def find_form(server: Completions, ids: tuple[int, ...]) -> None:
    """Find out how a server takes prompts: as token ids or as text, with what beside.

    Raises:
        InputError: In no way, or it reads other tokens than are meant.
    """
    refused: RefusedError | None = None
    for server.ids in (True, False):
        for server.extras in (True, False):
            try:
                server.ask(ids)
                return
            except RefusedError as error:
                refused = error if refused is None or isinstance(error, CountError) else refused
    assert refused is not None
    raise refused


def find_abilities(server: Completions, texts: Sequence[tuple[int, ...]]) -> Abilities:
    """Find out what a server tells.

    Args:
        server: A server that takes prompts.
        texts: The fixed texts as token ids.

    Raises:
        InputError: It tells no log-probabilities that are any.
    """
    ids, *others = texts
    first = None
    for listed in _LISTS:
        try:
            first = server.next(ids, listed)
            break
        except CountError:
            raise
        except RefusedError:
            continue
    if first is None or not _is_distribution(first):
        raise _no_scores(server, first)
    other = server.next(others[0], 1)
    if other is None or (other.ranked[0], other.logprob) == (first.ranked[0], first.logprob):
        raise _no_scores(server, other)
    if len(first.listed) == 1:
        return Abilities(listed=1, forced=None, of_prompt=None)
    second = first.ranked[1]
    token = second if isinstance(second, int) else _token(server, ids, second)
    return Abilities(
        listed=len(first.listed),
        forced=second
        if isinstance(second, int) and _forces(server, ids, second, first.listed[second])
        else None,
        of_prompt=None if token is None else _way(server, (*ids, token), first.listed[second]),
    )


def _is_distribution(place: ToldToken) -> bool:
    """Whether what is told of an open text can be log-probabilities of its next token."""
    best = max(place.listed.values())
    return place.may_be and best < -0.001 and (len(place.listed) == 1 or best > min(place.listed.values()))


def _forces(server: Completions, ids: tuple[int, ...], token: int, value: float) -> bool:
    try:
        place = server.next(ids, 1, forced=token)
    except RefusedError:
        return False
    return place is not None and place.token == token and abs(place.logprob - value) < SAME_NATS


def _way(
    server: Completions, ids: tuple[int, ...], value: float
) -> Literal["prompt_logprobs", "echo"] | None:
    for way in _WAYS:
        try:
            found = server.of_prompt(ids, 1, way)
        except RefusedError:
            continue
        if found is not None and abs(found[0] - value) < SAME_NATS:
            return way
    return None


def _token(server: Completions, ids: tuple[int, ...], text: str) -> int | None:
    """The token that adds a text to some; None where the tokenizer reads it otherwise."""
    row = server.tokens_of(ids, text)
    return row[-1] if len(row) == len(ids) + 1 and row[: len(ids)] == ids else None


def _no_scores(server: Completions, place: ToldToken | None) -> InputError:
    seen = None if place is None else list(place.listed.values())[:3]
    return InputError(
        "the server does not tell the log-probabilities of next tokens, so that its model cannot be asked",
        field="model.served",
        seen=server.client.url if seen is None else seen,
        remedy="Serve it with llama.cpp, vLLM or another server whose /completions has `logprobs`.",
    )
