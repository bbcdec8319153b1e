"""Passes over packs: prefixes computed once, log-probabilities read where they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harmonia.models.architecture import device_of, keeps_logits
from harmonia.models.attention import Pack, Prefix, attending
from harmonia.models.trie import Block, chain
from harmonia.models.values import Value, read_off

_PIECE = 1024
"""Tokens of a prefix that are computed at a time: the mask grows with their square."""


def compute_prefix(model: Any, ids: tuple[int, ...]) -> Prefix:
    """Keys and values of some tokens, from an empty beginning."""
    prefix = Prefix()
    for start in range(0, len(ids), _PIECE):
        grown = Prefix(ids=ids[: start + _PIECE])
        block = chain(ids[start : start + _PIECE])
        _logits(model, Pack(prefix=prefix, blocks=[block], device=device_of(model), grown=grown), [0])
        prefix = grown
    return prefix


def read_blocks(model: Any, prefix: Prefix, blocks: Sequence[Block]) -> list[Value]:
    """Run blocks behind a prefix and read what they ask for."""
    import torch

    pack = Pack(prefix=prefix, blocks=blocks, device=device_of(model))
    reads = [
        (start + read.at, read)
        for (start, _), block in zip(pack.spans(), blocks, strict=True)
        for read in block.reads
    ]
    places = sorted({place for place, _ in reads})
    rows = {place: row for row, place in enumerate(places)}
    with torch.inference_mode():
        logits = _logits(model, pack, places)  # (places, vocab)
        return read_off(logits, [rows[place] for place, _ in reads], [read for _, read in reads])


def _logits(model: Any, pack: Pack, places: Sequence[int]) -> Any:
    """Logits after the tokens of the row at `places`, shape (places, vocab)."""
    import torch

    ids, positions = (torch.tensor(values, device=pack.device) for values in (pack.ids, pack.positions))
    call = {
        "input_ids": ids[None],
        "position_ids": positions[None],
        # Says that no token is padding; without it transformers looks for rows in the positions.
        "attention_mask": torch.ones_like(ids)[None],
        "use_cache": False,
    }
    with torch.inference_mode(), attending(model, pack):
        if keeps_logits(model):
            # No tensor: of a spread model the last layer is not where its input is.
            return model(**call, logits_to_keep=list(places)).logits[0]
        return model(**call).logits[0, list(places)]
