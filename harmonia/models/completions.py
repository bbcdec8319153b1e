"""What completions servers answer: next tokens with their log-probabilities, in all the shapes there are.

llama.cpp lists tokens under `logprobs.content`, with ids. vLLM and OpenAI's first protocol have
`logprobs.tokens`, `token_logprobs` and `top_logprobs`, and name tokens by text, or on request by
`token_id:N`. Of a prompt's own tokens vLLM tells under `prompt_logprobs`; others echo them.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from harmonia.models.client import MAX_ANSWER_BYTES, RefusedError, ServerClient, choice_of
from harmonia.prompts.encode import Encoder

Token = int | str
"""A token as a server names it: its id, or its text."""
_BY_ID = "token_id:"
_LEAST = -9000.0
"""Servers that cannot write the logarithm of 0 write numbers below."""
_MOST = 1.01
"""What rounding may make of a probability of 1."""
_BYTES_A_TOKEN = 400
_EXTRAS = {"return_tokens_as_token_ids": True, "top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}
"""What strict servers refuse; drawing from the model's own distribution is llama.cpp's default no more."""
_FORCED = 100.0
"""The largest bias that all servers take."""


@dataclass(frozen=True, slots=True)
class ToldToken:
    """One token of an answer.

    Attributes:
        token: The token.
        logprob: Its log-probability in nats; nan where it is not told.
        listed: The likeliest tokens there, with theirs.
    """

    token: Token
    logprob: float
    listed: dict[Token, float]

    @property
    def total(self) -> float:
        """What the listed tokens have together."""
        return math.fsum(map(math.exp, self.listed.values()))

    @property
    def may_be(self) -> bool:
        """Whether all this can be log-probabilities of one place; zeros for each token cannot."""
        return not math.isnan(self.logprob) and self.total < _MOST

    @property
    def least(self) -> float:
        """What a token that is not listed can have at most: the least listed, and what the listed leave."""
        left = max(0.0, 1 - self.total)
        bound = min(math.exp(min(self.listed.values())), left)
        return math.log(bound) if bound else -math.inf

    @property
    def ranked(self) -> list[Token]:
        """The listed tokens, the likeliest first."""
        return sorted(self.listed, key=self.listed.__getitem__, reverse=True)


class Completions:
    """Asks a server for next tokens.

    Args:
        client: The server.
        named: What each request says of the model.
        encoder: Of the model's tokenizer.

    Attributes:
        ids: Whether prompts go as token ids; otherwise as text.
        extras: Whether settings go along that strict servers refuse.
    """

    def __init__(self, client: ServerClient, named: dict[str, Any], encoder: Encoder) -> None:
        self.client, self._named, self._encoder = client, named, encoder
        self.ids = self.extras = True

    @property
    def named(self) -> dict[str, Any]:
        """What each request says: of the model, and how it draws."""
        return {**self._named, **(_EXTRAS if self.extras else {})}

    def prompt(self, ids: tuple[int, ...]) -> list[int] | str:
        """A prompt as the server takes it; as a text the server puts the frame in front."""
        if self.ids:
            return list(ids)
        front = self._encoder.front
        return self._encoder.decode(ids[len(front) :] if ids[: len(front)] == front else ids)

    def ask(self, ids: tuple[int, ...], *, listed: int = 0, **more: Any) -> dict[str, Any]:
        """The choice that continues some tokens by one.

        Raises:
            CountError: The server reads another number of tokens.
            RefusedError: The server does not take the request.
        """
        body = {**self.named, "prompt": self.prompt(ids), "max_tokens": 1, "temperature": 0}
        if listed:
            body |= {"logprobs": listed, **({"n_probs": listed} if self.extras else {})}
        answer = self.client.post(
            "/completions", {**body, **more}, MAX_ANSWER_BYTES + _BYTES_A_TOKEN * listed
        )
        choice = choice_of(answer, self.client.url)
        read = answer.get("usage")
        read = read.get("prompt_tokens") if isinstance(read, dict) else None
        if read != len(ids) and (read is not None or not self.ids):
            raise CountError(
                f"the server reads {read if read is not None else 'an unknown number of'} tokens "
                f"where {len(ids)} are meant",
                field="model.served",
                seen=self._encoder.decode(ids[-20:]),
                remedy="Name the model's own tokenizer (model.tokenizer), or use a server that takes ids.",
            )
        return choice

    def next(self, ids: tuple[int, ...], listed: int, forced: int | None = None) -> ToldToken | None:
        """The token that follows some, the likeliest or one that is forced; None where nothing is told."""
        bias = {} if forced is None else {"logit_bias": {str(forced): _FORCED}}
        places = places_of(self.ask(ids, listed=listed, **bias))
        return places[0] if len(places) == 1 and places[0].listed else None

    def of_prompt(self, ids: tuple[int, ...], tail: int, how: str) -> list[float] | None:
        """Log-probability of each of the last tokens of a prompt; None where they are not told."""
        if how == "prompt_logprobs":
            return _prompt_scores(self.ask(ids, prompt_logprobs=0), ids, tail)
        places = places_of(self.ask(ids, listed=1, echo=True))
        # Behind the prompt stands the token that was asked for.
        return [one.logprob for one in places[-tail - 1 : -1]] if len(places) == len(ids) + 1 else None

    def tokens_of(self, context: tuple[int, ...], text: str) -> tuple[int, ...]:
        """Token ids of some tokens' text with another behind it."""
        (row,) = self._encoder.encode([self._encoder.decode(context[len(self._encoder.front) :]) + text])
        return row

    def names(self, context: tuple[int, ...], tokens: Collection[int]) -> list[str]:
        """The text that each of some tokens adds to others."""
        before = len(self._encoder.decode(context))
        return [self._encoder.decode((*context, token))[before:] for token in tokens]


class CountError(RefusedError):
    """The server reads other tokens than are meant."""


def places_of(choice: dict[str, Any]) -> list[ToldToken]:
    """The tokens of an answer, with what is told of them; none where nothing is."""
    told = choice.get("logprobs")
    if not isinstance(told, dict):
        return []
    content = told.get("content")
    if isinstance(content, list):
        return [_place(one, one.get("top_logprobs")) for one in content if isinstance(one, dict)]
    tokens, scores, tops = (told.get(name) for name in ("tokens", "token_logprobs", "top_logprobs"))
    if not (isinstance(tokens, list) and isinstance(scores, list) and len(tokens) == len(scores)):
        return []
    tops = tops if isinstance(tops, list) and len(tops) == len(tokens) else [None] * len(tokens)
    return [
        ToldToken(token=_named(token), logprob=_number(score), listed=_listed(top))
        for token, score, top in zip(tokens, scores, tops, strict=True)
    ]


def _place(one: dict[str, Any], top: Any) -> ToldToken:
    return ToldToken(token=_named(one), logprob=_number(one.get("logprob")), listed=_listed(top))


def _listed(top: Any) -> dict[Token, float]:
    if isinstance(top, dict):
        pairs = [(_named(token), _number(value)) for token, value in top.items()]
    elif isinstance(top, list):
        pairs = [(_named(one), _number(one.get("logprob"))) for one in top if isinstance(one, dict)]
    else:
        pairs = []
    return {token: value for token, value in pairs if not math.isnan(value)}


def _named(token: Any) -> Token:
    if isinstance(token, dict):
        number = token.get("id")
        return number if type(number) is int else _named(token.get("token"))
    text = token if isinstance(token, str) else ""
    number = text.removeprefix(_BY_ID)
    return int(number) if text.startswith(_BY_ID) and number.isdecimal() else text


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return math.nan
    return float(value) if value > _LEAST else -math.inf


def _prompt_scores(choice: dict[str, Any], ids: tuple[int, ...], tail: int) -> list[float] | None:
    told = choice.get("prompt_logprobs")
    if not isinstance(told, list) or len(told) != len(ids):
        return None
    found = [
        place.get(str(token)) if isinstance(place, dict) else None
        for place, token in zip(told[-tail:], ids[-tail:], strict=True)
    ]
    return [_number(one.get("logprob") if isinstance(one, dict) else None) for one in found]
