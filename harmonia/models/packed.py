"""Passes over packs: prefixes computed once, log-probabilities read where they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harmonia.models.attention import Pack, Prefix, attending
from harmonia.models.load import LoadedModel, keeps_logits
from harmonia.models.trie import Block, chain
from harmonia.models.values import Value

_PIECE = 1024
"""Tokens of a prefix that are computed at a time: the mask grows with their square."""
_SLICE = 64
"""Rows of logits that are normalised at a time."""


def compute_prefix(loaded: LoadedModel, ids: tuple[int, ...]) -> Prefix:
    """Keys and values of some tokens, from an empty beginning."""
    prefix = Prefix()
    for start in range(0, len(ids), _PIECE):
        grown = Prefix(ids=ids[: start + _PIECE])
        block = chain(ids[start : start + _PIECE])
        _logits(loaded, Pack(prefix=prefix, blocks=[block], device=loaded.device, grown=grown), [0])
        prefix = grown
    return prefix


def read_blocks(loaded: LoadedModel, prefix: Prefix, blocks: Sequence[Block]) -> list[Value]:
    """Run blocks behind a prefix and read what they ask for.

    Returns:
        The log-probability in nats of each token read.
    """
    import torch

    pack = Pack(prefix=prefix, blocks=blocks, device=loaded.device)
    reads = [
        (start + read.at, read)
        for (start, _), block in zip(pack.spans(), blocks, strict=True)
        for read in block.reads
    ]
    places = sorted({place for place, _ in reads})
    rows = {place: row for row, place in enumerate(places)}
    with torch.inference_mode():
        logits = _logits(loaded, pack, places)  # (places, vocab)
        at = torch.tensor([rows[place] for place, _ in reads], device=logits.device)
        tokens = torch.tensor([read.token for _, read in reads], device=logits.device)
        # In slices, so that fp32 copies of all the logits never exist at once.
        norms = torch.cat([part.float().logsumexp(dim=-1) for part in logits.split(_SLICE)])
        values = (logits[at, tokens].float() - norms[at]).double().cpu().tolist()
    return [(read.request, read.option, value) for (_, read), value in zip(reads, values, strict=True)]


def _logits(loaded: LoadedModel, pack: Pack, places: Sequence[int]) -> Any:
    """Logits after the tokens of the row at `places`, shape (places, vocab)."""
    import torch

    ids, positions, kept = (
        torch.tensor(values, device=loaded.device) for values in (pack.ids, pack.positions, places)
    )
    call = {
        "input_ids": ids[None],
        "position_ids": positions[None],
        # Says that no token is padding; without it transformers looks for rows in the positions.
        "attention_mask": torch.ones_like(ids)[None],
        "use_cache": False,
    }
    with torch.inference_mode(), attending(loaded.model, pack):
        if keeps_logits(loaded.model):
            return loaded.model(**call, logits_to_keep=kept).logits[0]
        return loaded.model(**call).logits[0, kept]
