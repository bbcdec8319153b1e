"""What a pass reads of its logits, and what it comes to for each continuation."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from harmonia.models.protocols import Likelihood, TokenReading
from harmonia.prompts.encode import Request

_SLICE = 64
"""Rows of logits that are normalised at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One token to read: `token`, after position `at` of its block or row.

    Attributes:
        at: The position.
        token: The token's id.
        request: Index of the request.
        option: Index of its continuation.
        whole: Whether entropy and likeliest other token are wanted, too.
    """

    at: int
    token: int
    request: int
    option: int
    whole: bool = False


Value: TypeAlias = tuple[Read, float, TokenReading | None]
"""(what was read, its log-probability in nats, the reading where it is wanted whole)."""


def reads_of(request: Request, index: int, option: int, places: Sequence[int]) -> list[Read]:
    """What to read of a continuation; each token stands after its place in `places`."""
    ids = request.continuations[option]
    return [
        Read(at=at, token=token, request=index, option=option, whole=request.per_token)
        for at, token in zip(places, ids, strict=False)
    ]


def read_off(logits: Any, rows: Sequence[int], reads: Sequence[Read]) -> list[Value]:
    """Read what is asked for.

    Logits have the shape (rows, vocabulary).
    """
    import torch

    at = torch.tensor(rows, device=logits.device)
    tokens = torch.tensor([read.token for read in reads], device=logits.device)
    # In slices, so that fp32 copies of all the logits never exist at once.
    norms = torch.cat([part.float().logsumexp(dim=-1) for part in logits.split(_SLICE)])
    values = (logits[at, tokens].float() - norms[at]).double().cpu().tolist()
    wanted = sorted({row for row, read in zip(rows, reads, strict=True) if read.whole})
    around = dict(zip(wanted, _around(logits, norms, wanted), strict=True))
    return [
        (read, value, _reading(read.token, value, *around[row]) if read.whole else None)
        for row, read, value in zip(rows, reads, values, strict=True)
    ]


def _around(logits: Any, norms: Any, rows: Sequence[int]) -> list[tuple[float, list[float], list[int]]]:
    """Per row: entropy in nats, log-probabilities of the two likeliest tokens, and their ids."""
    import torch

    found: list[tuple[float, list[float], list[int]]] = []
    for start in range(0, len(rows), _SLICE):
        piece = list(rows[start : start + _SLICE])
        logprobs = logits[piece].float() - norms[piece, None]
        entropies = torch.special.entr(logprobs.exp()).sum(dim=-1, dtype=torch.float64)
        top = logprobs.topk(2, dim=-1)
        found += zip(entropies.tolist(), top.values.tolist(), top.indices.tolist(), strict=True)
    return found


def _reading(
    token: int, value: float, entropy: float, logprobs: Sequence[float], likeliest: Sequence[int]
) -> TokenReading:
    place = int(likeliest[0] == token)
    return TokenReading(logprob=value, entropy=entropy, other=likeliest[place], other_logprob=logprobs[place])


def collected(requests: Sequence[Request], values: Iterable[Value]) -> list[tuple[Likelihood, ...]]:
    """Likelihood of each option of each request; values of one option come in the order of its tokens."""
    found: list[list[list[Value]]] = [[[] for _ in one.continuations] for one in requests]
    for value in values:
        found[value[0].request][value[0].option].append(value)
    return [tuple(map(_likelihood, request)) for request in found]


def _likelihood(values: list[Value]) -> Likelihood:
    return Likelihood(
        # fsum: the same sum in whatever order the passes came.
        sum=math.fsum(value for _, value, _ in values),
        tokens=tuple(reading for *_, reading in values if reading is not None),
    )
