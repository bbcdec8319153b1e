"""The rows of an optimizer step -> micro-batches with little padding.

Which rows a step holds is fixed; how they are cut changes no result, since the loss is
a mean over all learned tokens of the step. So rows of like length go together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from harmonia.training.encode import IGNORED, Encoded

PASS_COST = {"cpu": 64, "cuda": 512}
"""What one more pass costs, in tokens: below about so many, a pass takes as long (measured
on CPU with 0.9M and 135M parameters). On a GPU each pass rounds all weights to bf16 and adds
up all gradients, which takes as long as the products for so many tokens."""


def step_tokens(rows: Sequence[Encoded]) -> float:
    """Learned tokens of a step, each counted with its row's weight: what the loss is divided by."""
    return sum(row.weight * len(row.learned) for row in rows)


def micro_batches(
    rows: Sequence[Encoded],
    tokens: int,
    processes: int = 1,
    shared: int = 0,
    pass_cost: int = PASS_COST["cpu"],
) -> list[list[list[Encoded]]]:
    """Cut the rows of a step for some processes that work in step.

    Every process gets as many micro-batches, of like sizes: rows are dealt out by length,
    and all processes cut at the same places. Where a process has no row left it gets one
    of weight 0. Rows of weight 0 are left out.

    A micro-batch has at most `tokens`, padding included; a longer row goes alone. All rows begin with the
    same `shared` tokens, which a pass computes once. One more pass costs as much as `pass_cost` tokens.
    """
    kept = sorted([row for row in rows if row.weight] or rows[:1], key=lambda row: len(row.input_ids))
    spare = replace(kept[0], weight=0.0)
    short = -len(kept) % processes
    dealt = [*[spare] * short, *kept]
    rounds = [dealt[start : start + processes] for start in range(0, len(dealt), processes)]
    lengths = [len(one[-1].input_ids) for one in rounds]
    cuts = _cut([length - shared for length in lengths], tokens, pass_cost + shared)
    return [[[one[who] for one in rounds[start:stop]] for start, stop in cuts] for who in range(processes)]


def _cut(lengths: Sequence[int], tokens: int, once: int) -> list[tuple[int, int]]:
    """Cut ascending lengths where padding and passes together cost least (dynamic programming)."""
    best: list[tuple[float, int]] = [(0.0, 0)]
    for stop in range(1, len(lengths) + 1):
        longest = lengths[stop - 1]
        first = max(0, stop - max(1, tokens // longest))
        best.append(
            min((best[start][0] + (stop - start) * longest + once, start) for start in range(first, stop))
        )
    cuts = []
    stop = len(lengths)
    while stop:
        start = best[stop][1]
        cuts.append((start, stop))
        stop = start
    return cuts[::-1]


def tensors(rows: Sequence[Encoded]) -> dict[str, Any]:
    """A micro-batch as tensors, padded on the right.

    What stands to the right of a token is not seen by it, so padding needs no mask.

    Returns:
        `input_ids` and `labels` of shape (rows, tokens), and `weights` of shape
        (learned tokens,), each row's weight once for each of its learned tokens, in
        reading order.
    """
    import torch

    longest = max(len(row.input_ids) for row in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    labels = torch.full((len(rows), longest), IGNORED)
    weights = []
    for place, row in enumerate(rows):
        ids[place, : len(row.input_ids)] = torch.tensor(row.input_ids)
        labels[place, : len(row.labels)] = torch.tensor(row.labels)
        weights += [row.weight] * len(row.learned)
    return {"input_ids": ids, "labels": labels, "weights": torch.tensor(weights)}
