"""The plain path: rows of whole sequences, padded, through the model as it comes.

For architectures that cannot be run on packs, and to check those that can. Rows are
padded on the right. In a causal model nothing reads a later position, so the padding
needs no mask, and every row has the positions it would have alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harmonia.models.load import LoadedModel, keeps_logits
from harmonia.models.values import Value
from harmonia.prompts.encode import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One sequence to run, and the tokens to read after some of its positions.

    `reads` are (position, token id, request index, continuation index).
    """

    ids: tuple[int, ...]
    reads: tuple[tuple[int, int, int, int], ...]


def rows_of(requests: Sequence[Request]) -> list[Row]:
    """One row per request of letters, one per option otherwise; the longest first.

    So ordered, padding is least, and a batch that does not fit the memory fails at once.
    """
    rows = [row for index, request in enumerate(requests) for row in _rows(index, request)]
    return sorted(rows, key=lambda row: -len(row.ids))


def next_rows(rows: Sequence[Row], most: int, most_logits: int) -> list[Row]:
    """The first rows that one batch may hold; at least one.

    Args:
        rows: What is still to be run.
        most: Tokens of one batch, padding included.
        most_logits: Positions of one batch whose logits are computed.
    """
    places: set[int] = set()
    for count, row in enumerate(rows):
        places |= {position for position, *_ in row.reads}
        size = count + 1
        if count and (size * len(rows[0].ids) > most or size * len(places) > most_logits):
            return list(rows[:count])
    return list(rows)


def read_rows(loaded: LoadedModel, batch: Sequence[Row]) -> list[Value]:
    """Run one padded batch and read what its rows ask for.

    Returns:
        The log-probability in nats of each token read.
    """
    import torch

    reads = [(line, *read) for line, row in enumerate(batch) for read in row.reads]
    lines, positions, tokens, requests, options = zip(*reads, strict=True)
    at = torch.tensor(positions, device=loaded.device)
    ids = torch.zeros(len(batch), len(batch[0].ids), dtype=torch.long)
    for line, row in enumerate(batch):
        ids[line, : len(row.ids)] = torch.tensor(row.ids)
    kept = torch.unique(at)  # sorted
    with torch.inference_mode():
        logits = _logits(loaded.model, ids.to(loaded.device), kept)  # (batch, kept, vocab)
        rows = (torch.tensor(lines, device=loaded.device), torch.searchsorted(kept, at))
        chosen = logits[rows].float()  # (reads, vocab)
        targets = torch.tensor(tokens, device=loaded.device)
        logprobs = torch.log_softmax(chosen, dim=-1).gather(1, targets[:, None])[:, 0]
    return list(zip(requests, options, logprobs.double().cpu().tolist(), strict=True))


def _rows(index: int, request: Request) -> list[Row]:
    last = len(request.context) - 1
    if all(len(ids) == 1 for ids in request.continuations):
        reads = tuple((last, ids[0], index, option) for option, ids in enumerate(request.continuations))
        return [Row(ids=request.context, reads=reads)]
    return [
        Row(
            ids=request.context + ids[:-1],
            reads=tuple((last + step, token, index, option) for step, token in enumerate(ids)),
        )
        for option, ids in enumerate(request.continuations)
    ]


def _logits(model: Any, ids: Any, kept: Any) -> Any:
    """Logits at the positions `kept` alone, where the architecture can do that."""
    if keeps_logits(model):
        return model(input_ids=ids, use_cache=False, logits_to_keep=kept).logits
    return model(input_ids=ids, use_cache=False).logits[:, kept]
