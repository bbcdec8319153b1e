"""Requests -> log-likelihoods: packed where the architecture takes it, plain where not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from harmonia.models.attention import Prefix
from harmonia.models.border import out_of_memory
from harmonia.models.load import LoadedModel, keeps_logits, scaled_by_length
from harmonia.models.packed import compute_prefix, read_blocks
from harmonia.models.plain import next_rows, read_rows, rows_of
from harmonia.models.support import refusal
from harmonia.models.trie import blocks_of, group_requests, next_pass
from harmonia.models.values import Value, summed
from harmonia.prompts.encode import Request

_START = {"cpu": 2048, "cuda": 32768}
"""Tokens of the first pass, by device; halved where memory runs out."""
_BLOCK = {"cpu": 64, "cuda": 1024}
"""Tokens whose attention is computed together: a CPU loses little to many small products,
a GPU little to positions that see nothing of one another."""
_LOGITS_MB = {"cpu": 192, "cuda": 2048}
"""Logits that exist at once."""
_PREFIXES = 2
"""Prefixes that a scorer keeps."""

# What the memory was found to hold, by model, for as long as it lives.
_limits: WeakKeyDictionary[Any, int] = WeakKeyDictionary()

Batch = TypeVar("Batch")


class Scorer:
    """Scores requests with one model whose weights stay as they are.

    What requests share (demonstrations, a system prompt, the question of several options)
    is computed once; the last prefixes are kept for the requests of the next call.

    Args:
        loaded: The model.
        batch_tokens: Tokens in one forward pass; None starts at a size that suits the
            device. Either is halved where memory runs out, and the model remembers it.

    Attributes:
        plain: Requests scored so far on the plain path, a row for each.
        refusal: Why the model takes no packs; None if it does.
    """

    def __init__(self, loaded: LoadedModel, *, batch_tokens: int | None = None) -> None:
        self.plain = 0
        self.refusal: str | None = None
        self._loaded = loaded
        self._kind = "cuda" if loaded.device.startswith("cuda") else "cpu"
        self._wanted = batch_tokens or _START[self._kind]
        self._prefixes: list[Prefix] = []

    def loglikelihoods(self, requests: Sequence[Request]) -> list[tuple[float, ...]]:
        """Log-likelihood in nats of each continuation of each request, in order.

        Returns:
            Per request, one sum of token log-probabilities per continuation, under the
            fp32 softmax over the whole vocabulary.
        """
        self.refusal = refusal(self._loaded) if requests else None
        values = self._plain(requests) if self.refusal else self._packed(requests)
        return summed(requests, values)

    def _packed(self, requests: Sequence[Request]) -> list[Value]:
        values: list[Value] = []
        for group in group_requests(requests):
            prefix = self._prefix(group.prefix)
            blocks = list(blocks_of(requests, group.members, len(group.prefix), _BLOCK[self._kind]))
            values += self._in_batches(blocks, next_pass, partial(read_blocks, self._loaded, prefix))
        return values

    def _plain(self, requests: Sequence[Request]) -> list[Value]:
        self.plain += len(requests)
        return self._in_batches(rows_of(requests), next_rows, partial(read_rows, self._loaded))

    def _in_batches(
        self,
        waiting: list[Batch],
        take: Callable[[Sequence[Batch], int, int], list[Batch]],
        read: Callable[[list[Batch]], list[Value]],
    ) -> list[Value]:
        """Run all that waits, in batches as large as the memory has shown to hold."""
        values: list[Value] = []
        while waiting:
            tokens, places = self._limits()
            batch = take(waiting, tokens, places)
            try:
                values += read(batch)
            except (RuntimeError, MemoryError) as error:
                if len(batch) == 1 or not out_of_memory(error):
                    raise
                _limits[self._loaded.model] = max(1, tokens // 2)
            else:
                waiting = waiting[len(batch) :]
        return values

    def _limits(self) -> tuple[int, int]:
        """Tokens, and positions with logits, of one batch."""
        model = self._loaded.model
        if scaled_by_length(model):
            return 1, 1  # a row in company would take the longest one's scale
        tokens = min(self._wanted, _limits.get(model, self._wanted))
        vocabulary = model.config.get_text_config().vocab_size
        places = max(1, _LOGITS_MB[self._kind] * 2**20 // (4 * vocabulary))
        return (tokens if keeps_logits(model) else min(tokens, places)), places

    def _prefix(self, ids: tuple[int, ...]) -> Prefix:
        # Only the very same prefix is taken up: another length would compute its numbers in
        # another way, and a resumed run would then differ in the last digit.
        kept = next((prefix for prefix in self._prefixes if prefix.ids == ids), None)
        prefix = kept or compute_prefix(self._loaded, ids)
        self._prefixes = [prefix, *(one for one in self._prefixes if one is not prefix)][:_PREFIXES]
        return prefix


def loglikelihoods(
    loaded: LoadedModel, requests: Sequence[Request], *, batch_tokens: int | None = None
) -> list[tuple[float, ...]]:
    """Log-likelihood in nats of each continuation of each request, in order.

    Args:
        loaded: The model.
        requests: What to score.
        batch_tokens: Tokens in one forward pass; None finds a size itself.

    Returns:
        Per request, one sum of token log-probabilities per continuation, under the
        fp32 softmax over the whole vocabulary.
    """
    return Scorer(loaded, batch_tokens=batch_tokens).loglikelihoods(requests)
