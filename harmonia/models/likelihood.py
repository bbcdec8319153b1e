"""Requests -> log-likelihoods: packed where the architecture takes it, plain where not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from harmonia.models.architecture import device_of, keeps_logits, scaled_by_length
from harmonia.models.memory import run_in_batches
from harmonia.models.packed import compute_prefix, read_blocks
from harmonia.models.plain import Row, next_rows, read_rows, rows_of
from harmonia.models.protocols import Likelihood
from harmonia.models.support import refusal
from harmonia.models.trie import Block, blocks_of, group_requests, next_pass
from harmonia.models.values import Value, collected
from harmonia.prompts.encode import Request

_START = {"cpu": 2048, "cuda": 32768}
"""Tokens of the first pass, by device; halved where memory runs out."""
_BLOCK = {"cpu": 64, "cuda": 512}
"""Tokens whose attention is computed together: a CPU loses little to many small products,
a GPU little to positions that see nothing of one another."""
_LOGITS_MB = {"cpu": 192, "cuda": 2048}
"""Logits that exist at once."""

# What the memory was found to hold, by model, for as long as it lives.
_limits: WeakKeyDictionary[Any, int] = WeakKeyDictionary()

Batch = TypeVar("Batch", Block, Row)


def loglikelihoods(
    model: Any, requests: Sequence[Request], *, batch_tokens: int | None = None
) -> list[tuple[Likelihood, ...]]:
    """Likelihood of each continuation of each request, in order.

    What requests share (demonstrations, a system prompt, the question of several options)
    is computed once.

    Args:
        model: A transformers model.
        requests: What to score.
        batch_tokens: Tokens in one forward pass; None starts at a size that suits the
            device. Either is halved where memory runs out, and the model remembers it.
    """
    if not requests:
        return []
    kind = "cuda" if device_of(model).type == "cuda" else "cpu"
    wanted = batch_tokens or _START[kind]
    values: list[Value] = []

    def run(
        waiting: list[Batch],
        take: Callable[[Sequence[Batch], int, int], list[Batch]],
        read: Callable[[list[Batch]], list[Value]],
    ) -> None:
        tokens, places = _sizes(model, kind, wanted)
        held = run_in_batches(
            waiting,
            tokens,
            lambda left, size: take(left, size, places),
            lambda batch: values.extend(read(batch)),
            lambda one: len(one.ids),
        )
        if held < tokens:
            _limits[model] = held

    if refusal(model):
        run(rows_of(requests), next_rows, partial(read_rows, model))
    else:
        for group in group_requests(requests):
            prefix = compute_prefix(model, group.prefix)
            blocks = list(blocks_of(requests, group.members, len(group.prefix), _BLOCK[kind]))
            run(blocks, next_pass, partial(read_blocks, model, prefix))
    return collected(requests, values)


def _sizes(model: Any, kind: str, wanted: int) -> tuple[int, int]:
    """Tokens, and positions with logits, of one batch."""
    if scaled_by_length(model):
        return 1, 1  # a row in company would take the longest one's scale
    tokens = min(wanted, _limits.get(model, wanted))
    vocabulary = model.config.get_text_config().vocab_size
    places = max(1, _LOGITS_MB[kind] * 2**20 // (4 * vocabulary))
    return (tokens if keeps_logits(model) else min(tokens, places)), places
