"""Requests -> log-likelihoods, batched, with logits only where they are read.

Rows are padded on the right: in a causal model nothing reads a later position, so the
padding needs no mask and every row has the positions it would have alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harmonia.scoring.encode import Request
from harmonia.scoring.models import LoadedModel, keeps_logits
from harmonia.scoring.shared import shared_loglikelihoods


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One sequence to run, and the tokens to read after some of its positions.

    `reads` are (position, token id, request index, continuation index).
    """

    ids: tuple[int, ...]
    reads: tuple[tuple[int, int, int, int], ...]


def loglikelihoods(
    loaded: LoadedModel, requests: Sequence[Request], *, batch_size: int = 8
) -> list[tuple[float, ...]]:
    """Log-likelihood in nats of each continuation of each request, in order.

    Letters (continuations of one token) share one row and are batched over requests;
    longer continuations share their context's cache, one request at a time.

    Args:
        loaded: The model.
        requests: What to score.
        batch_size: Rows in one forward pass.

    Returns:
        Per request, one sum of token log-probabilities per continuation, under the
        fp32 softmax over the whole vocabulary.
    """
    sums = [[0.0] * len(request.continuations) for request in requests]
    rows: list[_Row] = []
    for index, request in enumerate(requests):
        shared = None if _is_letters(request) else shared_loglikelihoods(loaded, request)
        if shared is None:
            rows += _rows(index, request)
        else:
            sums[index] = list(shared)
    # Longest first: padding is least, and a batch that does not fit the memory fails at once.
    rows.sort(key=lambda row: -len(row.ids))
    for start in range(0, len(rows), batch_size):
        batch = rows[start : start + batch_size]
        reads = [(line, *read) for line, row in enumerate(batch) for read in row.reads]
        values = _forward(loaded, batch, [(line, position, token) for line, position, token, _, _ in reads])
        for (_, _, _, request_index, option), value in zip(reads, values, strict=True):
            sums[request_index][option] += value
    return [tuple(row) for row in sums]


def _is_letters(request: Request) -> bool:
    return all(len(ids) == 1 for ids in request.continuations)


def _rows(index: int, request: Request) -> list[_Row]:
    last = len(request.context) - 1
    if _is_letters(request):
        reads = tuple((last, ids[0], index, option) for option, ids in enumerate(request.continuations))
        return [_Row(ids=request.context, reads=reads)]
    return [
        _Row(
            ids=request.context + ids[:-1],
            reads=tuple((last + step, token, index, option) for step, token in enumerate(ids)),
        )
        for option, ids in enumerate(request.continuations)
    ]


def _forward(
    loaded: LoadedModel, batch: Sequence[_Row], reads: Sequence[tuple[int, int, int]]
) -> list[float]:
    """Log-probability of each (line, position, token) read of one padded batch."""
    import torch

    width = max(len(row.ids) for row in batch)
    ids = torch.zeros(len(batch), width, dtype=torch.long)
    for line, row in enumerate(batch):
        ids[line, : len(row.ids)] = torch.tensor(row.ids)
    lines, positions, tokens = (
        torch.tensor(column, device=loaded.device) for column in zip(*reads, strict=True)
    )
    kept = torch.unique(positions)  # sorted
    with torch.inference_mode():
        logits = _logits(loaded.model, ids.to(loaded.device), kept)  # (batch, kept, vocab)
        chosen = logits[lines, torch.searchsorted(kept, positions)].float()  # (reads, vocab)
        logprobs = torch.log_softmax(chosen, dim=-1).gather(1, tokens[:, None])[:, 0]
    return [float(value) for value in logprobs.double().cpu()]


def _logits(model: Any, ids: Any, kept: Any) -> Any:
    """Logits at the positions `kept` alone, where the architecture can do that."""
    if keeps_logits(model):
        return model(input_ids=ids, use_cache=False, logits_to_keep=kept).logits
    return model(input_ids=ids, use_cache=False).logits[:, kept]
