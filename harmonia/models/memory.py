"""Memory that runs out: seen in one place, and batches halved until they fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Row = TypeVar("Row")


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on any device."""
    import torch

    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    text = str(error).lower()
    return "out of memory" in text or "can't allocate memory" in text or "not enough memory" in text


def run_in_batches(
    waiting: list[Row],
    size: int,
    take: Callable[[list[Row], int], list[Row]],
    run: Callable[[list[Row]], None],
    weigh: Callable[[Row], int],
) -> int:
    """Run all that waits, in batches that are halved where they do not fit the memory.

    `take` gives the first of what waits, at least one, that a batch of a size holds. `weigh` gives the size
    of one row by itself.

    Returns:
        The size that the memory has shown to hold.

    Raises:
        Exception: What `run` raises, if it is not for memory or a single row does not fit.
    """
    while waiting:
        batch = take(waiting, size)
        try:
            run(batch)
        except Exception as error:
            if len(batch) == 1 or not out_of_memory(error):
                raise
            size = max(1, min(size, sum(map(weigh, batch))) // 2)
        else:
            waiting = waiting[len(batch) :]
    return size
