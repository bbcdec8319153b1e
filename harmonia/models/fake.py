"""A model by script, for tests and documentation: no weights, no network, no chance."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import accumulate
from numbers import Real
from typing import Any

from harmonia.errors import InputError
from harmonia.hashing import addressed_random, sha256_json
from harmonia.models.protocols import (
    Continuation,
    Ended,
    GenerationSettings,
    Likelihood,
    TokenReading,
    until_stop,
)
from harmonia.prompts.controls import Controls
from harmonia.prompts.encode import Encoder, Request

Says = Mapping[str, float]
"""Continuations with their probabilities, which sum to 1 at most."""
_END = "<|end|>"
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class FakeModel:
    """Says what a script tells it to: a `Scorer` and a `Generator`.

    After a text come the script's continuations, each followed by the end mark. What
    their probabilities leave of 1 is spread evenly over the other tokens of the vocabulary.
    It writes one of the continuations, the likeliest or one drawn.

    Args:
        script: What is said after a text: a function of the text, or a mapping. Of a
            mapping's keys the one that stands last in the text counts.
        max_tokens: Positions that it has. But for capital letters a token is one byte.
        name: Which fake it is. Functions that answer otherwise need other names.

    Raises:
        InputError: The script is neither, or its probabilities are none. From its methods:
            the mapping has no key for a text, or the function gives no probabilities.
    """

    rounding = 0.0
    tells_each = True
    slower_scoring: tuple[str, ...] = ()
    slower_generating: tuple[str, ...] = ()

    def __init__(
        self,
        script: Mapping[str, Says] | Callable[[str], Says],
        *,
        max_tokens: int = 16_384,
        name: str = "fake",
    ) -> None:
        if not callable(script):
            if not (isinstance(script, Mapping) and script and all(isinstance(key, str) for key in script)):
                raise _no_script("neither a function nor a mapping of texts to what follows them", script)
            script = {key: _probabilities(said) for key, said in script.items()}
        self.max_tokens = max_tokens
        self._script = script
        self.identity = sha256_json([name, None if callable(script) else script])

    @cached_property
    def tokenizer(self) -> Any:
        """Byte-level BPE in which " A" to " Z" are one token each; made in memory."""
        from tokenizers import Tokenizer, decoders, pre_tokenizers
        from tokenizers.models import BPE
        from transformers import PreTrainedTokenizerFast

        tokens = [_END, *sorted(pre_tokenizers.ByteLevel.alphabet()), *(f"Ġ{letter}" for letter in _LETTERS)]
        ids = {token: number for number, token in enumerate(tokens)}
        backend = Tokenizer(BPE(vocab=ids, merges=[("Ġ", letter) for letter in _LETTERS]))
        backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        backend.decoder = decoders.ByteLevel()
        return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token=_END)

    @property
    def vocabulary(self) -> int:
        """Tokens of the tokenizer."""
        return len(self.tokenizer)

    @cached_property
    def controls(self) -> Controls:
        """The end mark."""
        return Controls(self.tokenizer)

    def loglikelihoods(
        self, requests: Sequence[Request], *, batch_tokens: int | None = None
    ) -> list[tuple[Likelihood, ...]]:
        """Likelihood of each continuation by the script; see `Scorer`."""
        return [self._likelihoods(request) for request in requests]

    def generate(
        self,
        prompts: Sequence[str],
        settings: GenerationSettings,
        *,
        addresses: Sequence[str],
        seed: int,
        stage: str,
    ) -> list[tuple[Continuation, ...]]:
        """Continue each prompt by the script; see `Generator`."""
        return [
            tuple(
                self._continued(ids, settings, addressed_random(seed, stage, f"{address}#{sample}").random())
                for sample in range(settings.samples)
            )
            for ids, address in zip(self._encoder.encode(prompts), addresses, strict=True)
        ]

    @cached_property
    def _encoder(self) -> Encoder:
        return Encoder(self.tokenizer)

    def _said(self, context: Sequence[int]) -> dict[tuple[int, ...], float]:
        """Token ids of the script's continuations, each with the end mark, and their probabilities."""
        text = self._encoder.decode(context)
        if callable(self._script):
            said = _probabilities(self._script(text))
        else:
            key = max(self._script, key=text.rfind)
            if key not in text:
                raise _no_script(f"no key for the text that ends in {text[-80:]!r}", list(self._script))
            said = self._script[key]
        ids = self._encoder.encode(list(said))
        return {
            (*one, self.tokenizer.eos_token_id): prob for one, prob in zip(ids, said.values(), strict=True)
        }

    def _likelihoods(self, request: Request) -> tuple[Likelihood, ...]:
        said, found = self._said(request.context), []
        for ids in request.continuations:
            probs = [_next(said, ids[:step], self.vocabulary) for step in range(len(ids))]
            total = math.fsum(_log(after[token]) for after, token in zip(probs, ids, strict=True))
            read = map(_reading, probs, ids) if request.per_token else ()
            found.append(Likelihood(sum=total, tokens=tuple(read)))
        return tuple(found)

    def _continued(self, prompt: Sequence[int], settings: GenerationSettings, uniform: float) -> Continuation:
        limit = min(settings.max_new_tokens, self.max_tokens - len(prompt))
        if limit < 1:
            return Continuation(text="", tokens=(), ended="no room")
        said = self._said(prompt)
        written = _drawn(said, settings, uniform)[:-1] if said else ()
        ended: Ended = "length" if len(written) >= limit else "end"
        for count in range(1, len(ids := written[:limit]) + 1):
            if any(stop in self._encoder.decode(ids[:count]) for stop in settings.stop):
                ids, ended = ids[:count], "stop"
                break
        text = until_stop(self._encoder.decode(ids), settings.stop)
        return Continuation(text=text, tokens=ids, ended=ended)


def _probabilities(said: Any) -> Says:
    """What a script says after a text, if it can be said."""
    if (
        not isinstance(said, Mapping)
        or not all(isinstance(text, str) for text in said)
        or not all(isinstance(prob, Real) and float(prob) >= 0 for prob in said.values())
        or math.fsum(said.values()) > 1 + 1e-9
    ):
        raise _no_script("no mapping of texts to probabilities that sum to 1 at most", said)
    return dict(said)


def _no_script(problem: str, seen: Any) -> InputError:
    remedy = 'Give what follows each text, as in {"the sky": {" blue": 0.7}}.'
    return InputError(problem, field="script", seen=seen, remedy=remedy)


def _next(said: Mapping[tuple[int, ...], float], before: tuple[int, ...], vocabulary: int) -> list[float]:
    """Probability of each token of the vocabulary after some."""
    named: dict[int, float] = {}
    for ids, prob in said.items():
        if prob and ids[: len(before)] == before and len(ids) > len(before):
            named[ids[len(before)]] = named.get(ids[len(before)], 0.0) + prob
    # Amid a continuation nothing else follows.
    whole = math.fsum(named.values()) if before and named else 1.0
    rest = max(0.0, 1 - math.fsum(named.values()) / whole) / (vocabulary - len(named))
    return [named[token] / whole if token in named else rest for token in range(vocabulary)]


def _reading(probs: Sequence[float], token: int) -> TokenReading:
    other = max((one for one in range(len(probs)) if one != token), key=probs.__getitem__)
    return TokenReading(
        logprob=_log(probs[token]),
        entropy=-math.fsum(prob * math.log(prob) for prob in probs if prob),
        other=other,
        other_logprob=_log(probs[other]),
    )


def _log(prob: float) -> float:
    return math.log(prob) if prob else -math.inf


def _drawn(
    said: Mapping[tuple[int, ...], float], settings: GenerationSettings, uniform: float
) -> tuple[int, ...]:
    """One of the script's continuations: the likeliest, or the one that a number in [0, 1) draws."""
    ranked = sorted(said, key=lambda ids: said[ids], reverse=True)
    if not settings.temperature:
        return ranked[0]
    reached = list(accumulate(said[ids] ** (1 / settings.temperature) for ids in ranked))
    kept = bisect_left(reached, settings.top_p * reached[-1])  # the last of the nucleus
    return ranked[bisect_right(reached, uniform * reached[kept], hi=kept)]
