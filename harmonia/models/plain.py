"""The plain path: rows of whole sequences, padded, through the model as it comes.

For architectures that cannot be run on packs, and to check those that can. Rows are
padded on the right. In a causal model nothing reads a later position, so the padding
needs no mask, and every row has the positions it would have alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harmonia.models.architecture import device_of, keeps_logits
from harmonia.models.values import Read, Value, read_off, reads_of
from harmonia.prompts.encode import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One sequence to run, and the tokens to read after some of its positions."""

    ids: tuple[int, ...]
    reads: tuple[Read, ...]


def rows_of(requests: Sequence[Request]) -> list[Row]:
    """One row per request of letters, one per option otherwise; the longest first.

    So ordered, padding is least, and a batch that does not fit the memory fails at once.
    """
    rows = [row for index, request in enumerate(requests) for row in _rows(index, request)]
    return sorted(rows, key=lambda row: -len(row.ids))


def next_rows(rows: Sequence[Row], most: int, most_logits: int) -> list[Row]:
    """The first rows that one batch may hold; at least one.

    Tokens count padding included; `most_logits` are the positions whose logits are computed.
    """
    places: set[int] = set()
    for count, row in enumerate(rows):
        places |= {read.at for read in row.reads}
        size = count + 1
        if count and (size * len(rows[0].ids) > most or size * len(places) > most_logits):
            return list(rows[:count])
    return list(rows)


def read_rows(model: Any, batch: Sequence[Row]) -> list[Value]:
    """Run one padded batch and read what its rows ask for."""
    import torch

    reads = [(line, read) for line, row in enumerate(batch) for read in row.reads]
    places = sorted({(line, read.at) for line, read in reads})
    rows = {place: row for row, place in enumerate(places)}
    ids = torch.zeros(len(batch), len(batch[0].ids), dtype=torch.long)
    for line, row in enumerate(batch):
        ids[line, : len(row.ids)] = torch.tensor(row.ids)
    kept = sorted({at for _, at in places})
    columns = {at: column for column, at in enumerate(kept)}
    with torch.inference_mode():
        logits = _logits(model, ids.to(device_of(model)), kept)  # (batch, kept, vocab)
        # (places, vocab)
        chosen = logits[[line for line, _ in places], [columns[at] for _, at in places]]
        return read_off(chosen, [rows[line, read.at] for line, read in reads], [read for _, read in reads])


def _rows(index: int, request: Request) -> list[Row]:
    places = range(len(request.context) - 1, request.length)
    reads = [reads_of(request, index, option, places) for option in range(len(request.continuations))]
    if all(len(ids) == 1 for ids in request.continuations):
        return [Row(ids=request.context, reads=tuple(read for (read,) in reads))]
    return [
        Row(ids=request.context + ids[:-1], reads=tuple(of_option))
        for ids, of_option in zip(request.continuations, reads, strict=True)
    ]


def _logits(model: Any, ids: Any, kept: list[int]) -> Any:
    """Logits at the positions `kept` alone, where the architecture can do that."""
    if keeps_logits(model):
        return model(input_ids=ids, use_cache=False, logits_to_keep=kept).logits
    return model(input_ids=ids, use_cache=False).logits[:, kept]
