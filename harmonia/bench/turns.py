"""Works that take turns on one clock, and what comes of it: medians, ratios, shares."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from harmonia.errors import HarmoniaError
from harmonia.models.memory import out_of_memory

OURS = "harmonia"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Something to be timed.

    Attributes:
        ready: Makes ready, outside the clock, and gives what is timed.
        per: The seconds are divided by this: questions, rows, tokens.
    """

    ready: Callable[[], Callable[[], object]]
    per: float = 1.0

    @classmethod
    def of(cls, run: Callable[[], object], per: float = 1.0) -> Work:
        """A work that needs no making ready."""
        return cls(ready=lambda: run, per=per)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """One thing measured; all figures in one unit, less is better.

    Attributes:
        what: The thing.
        unit: Of all figures but the facts.
        limits: What no implementation stays below, on this machine.
        facts: What one must know to read the figures; each names its unit.
        skipped: What was not measured, and why.
        slower: What ours did without, and why.
    """

    what: str
    unit: str
    ours: float
    baselines: Mapping[str, float] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, float] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)
    slower: tuple[str, ...] = ()

    @property
    def ratios(self) -> dict[str, float]:
        """How often ours fits into each baseline."""
        return {name: value / self.ours for name, value in self.baselines.items()}

    @property
    def shares(self) -> dict[str, float]:
        """Which share of each limit ours reaches, 1 for all of it."""
        return {name: value / self.ours for name, value in self.limits.items()}

    def row(self) -> dict[str, Any]:
        """For machines."""
        return {**asdict(self), "ratios": self.ratios, "shares": self.shares}


def timed(run: Callable[[], object]) -> float:
    """Seconds of one call, until the device has done it."""
    _synchronise()
    started = time.perf_counter()
    run()
    _synchronise()
    return time.perf_counter() - started


def in_turn(works: Mapping[str, Work], repeats: int) -> tuple[dict[str, float], dict[str, str]]:
    """Median seconds of each work, the works in turn, so that a busy machine is busy for all.

    Returns:
        The medians, per `per`; and the works that the memory did not hold, with that reason.

    Raises:
        HarmoniaError: The memory did not hold ours.
    """
    seconds: dict[str, list[float]] = {name: [] for name in works}
    skipped: dict[str, str] = {}
    for _ in range(repeats):
        for name, work in works.items():
            if name in skipped:
                continue
            try:
                seconds[name].append(timed(work.ready()) / work.per)
            except Exception as error:
                if not out_of_memory(error):
                    raise
                skipped[name] = "memory ran out"
    if OURS in skipped:
        raise HarmoniaError("memory ran out")
    found = {name: statistics.median(taken) for name, taken in seconds.items() if name not in skipped}
    return found, skipped


def scaled(
    seconds: Mapping[str, float], factor: float, *, but: tuple[str, ...] = (OURS,)
) -> dict[str, float]:
    """Figures in another unit, without those named."""
    return {name: factor * value for name, value in seconds.items() if name not in but}


def _synchronise() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()
