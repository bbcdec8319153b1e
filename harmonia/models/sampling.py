"""Logits -> the next token: the likeliest, or one drawn by a number given.

What a sequence draws depends on its own logits and address alone, whoever else is in the
batch. For that the number comes from its own generator (seed, stage, item, sample), and
tokens are laid out by id, not by rank.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def next_tokens(logits: Any, *, temperature: float, top_p: float, uniform: Sequence[float]) -> list[int]:
    """One token a row.

    Logits have the shape (rows, vocabulary). At temperature 0 it is the likeliest. `top_p` is the probability
    that the kept tokens must reach together, 0 to 1. `uniform` is one number in [0, 1) a row, not read at
    temperature 0.
    """
    import torch

    logits = logits.float()
    if temperature == 0:
        return [int(token) for token in logits.argmax(dim=-1).cpu()]
    probs = nucleus(torch.softmax(logits / temperature, dim=-1), top_p)
    heap = probs.cumsum(dim=-1, dtype=torch.float64)  # (rows, vocabulary)
    drawn = torch.tensor(list(uniform), dtype=torch.float64, device=heap.device)[:, None] * heap[:, -1:]
    found = torch.searchsorted(heap, drawn, right=True)[:, 0]
    return [int(token) for token in found.clamp(max=heap.shape[-1] - 1).cpu()]


def nucleus(probs: Any, top_p: float) -> Any:
    """Zero all but the likeliest tokens that together reach `top_p` (Holtzman et al. 2020).

    Each row of shape (rows, vocabulary) sums to 1. The token that reaches `top_p` is kept.
    """
    import torch

    if top_p >= 1:
        return probs
    # Tokens below (1 - top_p) / vocabulary hold less than 1 - top_p together: none is needed,
    # and what is left to sort is short.
    longest = int((probs > (1 - top_p) / probs.shape[-1]).sum(dim=-1).max())
    top = probs.topk(longest, dim=-1)
    before = top.values.cumsum(dim=-1) - top.values
    kept = top.values.where(before < top_p, torch.zeros_like(before))
    return torch.zeros_like(probs).scatter(-1, top.indices, kept)
