"""When the units of an experiment would be done on so many GPUs: a simulation, from what the plan says.

Units are given out as the executors do: the first of the graph that waits for nothing and for which enough
GPUs are free. A unit holds its GPUs until its last task has ended. What needs no model takes no time here.
"""

from __future__ import annotations

import heapq
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import itemgetter

from harmonia.errors import InputError
from harmonia.pipeline.plan import Plan, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A unit as the simulation sees it.

    Attributes:
        name: Its name.
        seconds: How long it takes on its GPUs.
        gpus: GPUs that it holds; 0 for what needs no model.
        awaited: Names of the units that it waits for, each before it in the list.
    """

    name: str
    seconds: float
    gpus: int
    awaited: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """What a simulation gave.

    Attributes:
        gpus: GPUs there are.
        seconds: Until the last unit has ended.
        idle: Share of the GPUs' time in which no unit holds them, in [0, 1].
        work_s: Lower bound of `seconds`: GPU time of all units, spread evenly.
        chain_s: Lower bound of `seconds`: the longest chain of units that wait for one another.
        chain: The units of that chain.
        starts: When each unit starts, in seconds.
    """

    gpus: int
    seconds: float
    idle: float
    work_s: float
    chain_s: float
    chain: tuple[str, ...]
    starts: dict[str, float]

    @property
    def bound(self) -> str:
        """What keeps it from ending sooner, in words."""
        if self.chain_s >= self.work_s:
            share = "all" if self.seconds == 0 else f"{self.chain_s / self.seconds:.0%}"
            return f"the longest chain ({share} of the time): {' > '.join(self.chain)}"
        return (
            f"the number of GPUs: spread evenly, the work takes {self.work_s / self.seconds:.0%} of the time"
        )


def simulate(jobs: Sequence[Job], gpus: int) -> Schedule:
    """Give out units in order, each as soon as what it waits for has ended and its GPUs are free.

    Args:
        jobs: The units, each behind those that it waits for.
        gpus: GPUs there are.

    Raises:
        InputError: A unit needs more GPUs than there are.
    """
    if large := next((job for job in jobs if job.gpus > gpus), None):
        raise InputError(
            f"{large.name} needs {large.gpus} GPUs",
            field="--gpus",
            seen=gpus,
            remedy="Reckon with more GPUs, with adapters (training.lora.rank=16) or with a smaller model.",
        )
    starts: dict[str, float] = {}
    ended: set[str] = set()
    running: list[tuple[float, str, int]] = []
    waiting, free, now = list(jobs), gpus, 0.0
    while waiting or running:
        for job in [one for one in waiting if ended.issuperset(one.awaited)]:
            if job.gpus <= free:
                free -= job.gpus
                starts[job.name] = now
                heapq.heappush(running, (now + job.seconds, job.name, job.gpus))
                waiting.remove(job)
        now, name, held = heapq.heappop(running)
        free += held
        ended.add(name)
        while running and running[0][0] <= now:
            _, name, held = heapq.heappop(running)
            free += held
            ended.add(name)
    chain_s, chain = _chain(jobs)
    work_s = sum(job.seconds * job.gpus for job in jobs) / gpus
    idle = 1 - work_s / now if now else 0.0
    return Schedule(
        gpus=gpus, seconds=now, idle=idle, work_s=work_s, chain_s=chain_s, chain=chain, starts=starts
    )


def _chain(jobs: Sequence[Job]) -> tuple[float, tuple[str, ...]]:
    """The longest chain of units that wait for one another, and its time."""
    none: tuple[float, tuple[str, ...]] = (0.0, ())
    longest: dict[str, tuple[float, tuple[str, ...]]] = {}
    for job in jobs:
        before = max((longest[name] for name in job.awaited), default=none, key=itemgetter(0))
        mine = (job.name,) if job.seconds else ()
        longest[job.name] = (before[0] + job.seconds, (*before[1], *mine))
    return max(longest.values(), default=none, key=itemgetter(0))


def jobs_of(plan: Plan, *, gpu_bytes: float, most: bool = True) -> list[Job]:
    """The units of a plan that are still to be done.

    Training is spread evenly over the GPUs that its memory needs; a model that is asked goes at the pace of
    one, on however many it lies.

    Args:
        plan: The plan, with the rate of one GPU.
        gpu_bytes: Memory of a GPU.
        most: Whether to reckon with the most time that is expected, or the least.

    Raises:
        InputError: The model's size is not known.
    """
    if plan.parameters is None:
        remedy = "Give the model's --parameters; for a served model leave --gpus out."
        raise InputError("without the model's size there is no schedule", field="--gpus", remedy=remedy)
    units: dict[str, list[Step]] = {}
    for step in plan.steps:
        if not step.done:
            units.setdefault(step.unit, []).append(step)
    unit_of = {step.key: step.unit for step in plan.steps if not step.done}
    jobs = []
    for name, steps in units.items():
        held = [step.cost.memory.gpus(gpu_bytes) for step in steps if step.cost and step.cost.memory]
        gpus = max((one or sys.maxsize for one in held), default=0)
        seconds = 0.0
        for step in steps:
            if step.cost and step.seconds:
                seconds += step.seconds[most] / (gpus if step.cost.trains else 1)
        before = {unit_of[key] for step in steps for key in step.awaited if key in unit_of} - {name}
        awaited = tuple(sorted(before))
        parts = steps[0].cost.parts if len(steps) == 1 and steps[0].cost else 1
        if parts > 1:
            one = Job(name=name, seconds=seconds / parts, gpus=gpus, awaited=awaited)
            split = [replace(one, name=f"{name}, part {part + 1}") for part in range(parts)]
            jobs += split
            # What waits for it waits for all of them.
            seconds, gpus, awaited = 0.0, 0, tuple(part.name for part in split)
        jobs.append(Job(name=name, seconds=seconds, gpus=gpus, awaited=awaited))
    return jobs
