"""How many optimizer steps a run has, and how many of them warm up."""

from __future__ import annotations

import math

from harmonia.training.settings import TrainingSettings

FEW = 10
"""Below so many optimizer steps a run is warned about."""


def optimizer_steps(rows: int, settings: TrainingSettings) -> int:
    """Optimizer steps over so many rows, those of all epochs together."""
    return math.ceil(rows / settings.batch_size)


def warmup_steps(steps: int, settings: TrainingSettings) -> int:
    """Steps that warm up: the share asked for, rounded up, but never all of a run's steps.

    The rate rises from 0 in the first step to its peak in the step after the last that
    warms up, so there must be one.
    """
    return min(math.ceil(settings.warmup * steps), steps - 1)


def say_steps(steps: int, settings: TrainingSettings) -> str:
    """The number of steps in words, with a warning where they are few."""
    said = f"{steps} optimizer step{'s' if steps > 1 else ''} of up to {settings.batch_size} rows"
    if steps >= FEW:
        return said
    return f"{said}: fewer than {FEW} teach little; lower batch_size, or raise epochs"
