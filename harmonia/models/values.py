"""What a pass reads: log-probabilities of single tokens, and their sums."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from harmonia.prompts.encode import Request

Value: TypeAlias = tuple[int, int, float]
"""(request, option, log-probability in nats of one of the option's tokens)."""


def summed(requests: Sequence[Request], values: Iterable[Value]) -> list[tuple[float, ...]]:
    """Log-likelihood in nats of each option of each request."""
    terms: list[list[list[float]]] = [[[] for _ in one.continuations] for one in requests]
    for request, option, value in values:
        terms[request][option].append(value)
    # fsum: the same sum in whatever order the passes came.
    return [tuple(math.fsum(option) for option in request) for request in terms]
