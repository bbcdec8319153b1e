"""What an experiment would do and what of it is done, with the price of the rest. Runs nothing.

Time is arithmetic: FLOPs over the share of this machine's rate of matrix products that was
measured (docs/performance.md). It is an order of magnitude, not a promise.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

from harmonia.errors import InputError
from harmonia.models.architecture import Shape
from harmonia.models.load import pick_device, shape_in
from harmonia.models.server import ServedModelSettings
from harmonia.pipeline.costs import Costs, TaskCost
from harmonia.pipeline.device_memory import Memory
from harmonia.pipeline.experiment import AskedModel, Experiment
from harmonia.pipeline.graph import build_graph
from harmonia.pipeline.manifest import Manifest
from harmonia.pipeline.task import Task
from harmonia.pipeline.workbench import Workbench
from harmonia.training.memory import device_bytes
from harmonia.types import Method

SHARES = ((0.6, 0.85), (0.3, 0.4))
"""Least and most of the rate of matrix products that scoring, and training, were measured to reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A task of the plan.

    Attributes:
        key: The task's name.
        kind: The first part of it.
        domain: Whose data it is about; empty for all.
        done: Whether it need not be done any more.
        cost: What it takes; None where that is next to nothing.
        seconds: Least and most time that is expected; None where it is not known.
        unit: Tasks of one unit are done at one place, one after the other.
        awaited: Keys of the tasks that must have ended before it.
    """

    key: str
    kind: str
    domain: str
    done: bool
    cost: TaskCost | None
    seconds: tuple[float, float] | None
    unit: str
    awaited: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """Tasks of one kind and domain together, or all; what is still to be done, but for the counts.

    Attributes:
        kind: Their kind.
        domain: Their domain.
        tasks: How many there are.
        done: How many of them are done.
        tokens: Tokens to compute.
        seconds: Least and most time, one after the other; None where it is not known.
        memory: Of the one that takes most on a device; None where it is not known.
        disk_bytes: What they leave on disk; None where it is not known.
    """

    kind: str
    domain: str
    tasks: int
    done: int
    tokens: float
    seconds: tuple[float, float] | None
    memory: Memory | None
    disk_bytes: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The tasks of an experiment, and what they cost.

    Attributes:
        steps: All tasks, in order.
        totals: By kind and domain, of those that cost anything.
        all: Of everything.
        parameters: Parameters that take part in a pass; None if not known.
        flops_per_s: Rate of matrix products that the times are taken from, for scoring and for training.
        notes: What the estimate does not know.
    """

    steps: tuple[Step, ...]
    totals: tuple[Total, ...]
    all: Total
    parameters: float | None
    flops_per_s: tuple[float, float]
    notes: tuple[str, ...]


def make_plan(
    experiment: Experiment,
    *,
    parameters: float | str | Path | None = None,
    tflops: float | None = None,
    gpus: int = 1,
    gpu_gb: float | None = None,
) -> Plan:
    """Price what is still to be done of an experiment, and require that it fits.

    Args:
        experiment: The settings.
        parameters: The model's config.json, where it is not at hand, or how many parameters it has.
        tflops: Rate of matrix products to reckon with, in 1e12 FLOP/s; None measures this machine's.
        gpus: GPUs that a task may be spread over.
        gpu_gb: Memory of each, in GB; None for this machine's, if it has a GPU.

    Raises:
        InputError: Data are missing or wrong, a task does not fit the GPUs' memory, or a served model has
            `parameters`.
    """
    manifest = Manifest.read(experiment.run_directory)
    for name, value in (("tflops", tflops), ("gpu_gb", gpu_gb)):
        _require_size(name, value)
    if parameters is not None and isinstance(experiment.model, ServedModelSettings):
        problem = "the model is served, and what a server needs for its answers is its own affair"
        raise InputError(problem, field="parameters", seen=str(parameters), remedy="Leave it out.")
    bench = Workbench(experiment) if manifest.stages else _Unhashed(experiment)
    costs = Costs(bench, None if parameters is None else _shape(parameters))
    try:
        graph = build_graph(bench)
    except InputError:
        if isinstance(bench, _Unhashed):
            raise
        costs.notes.append("the model is not at hand, so what is done already is not known")
        manifest, graph = Manifest(run=bench.run), build_graph(_Unhashed(experiment))
    manifest.keep(graph)
    gpu_bytes = gpu_gb * 1e9 if gpu_gb else gpu_memory(experiment.model)
    if gpu_bytes is not None:
        left = (task for task in graph.tasks.values() if not manifest.is_done(task, hashed=False))
        costs.require_room(left, gpu_bytes, gpus)
    rates = (tflops * 1e12,) * 2 if tflops else _rates(experiment)
    steps = [_step(task, costs, rates, manifest) for task in graph.tasks.values()]
    priced = [step for step in steps if step.cost]
    places = dict.fromkeys((step.kind, step.domain) for step in priced)
    return Plan(
        steps=tuple(steps),
        totals=tuple(
            _total(*place, [step for step in priced if (step.kind, step.domain) == place]) for place in places
        ),
        all=_total("all", "", steps),
        parameters=costs.shape and costs.shape.used,
        flops_per_s=rates,
        notes=tuple(dict.fromkeys(costs.notes)),
    )


def _step(task: Task, costs: Costs, rates: tuple[float, float], manifest: Manifest) -> Step:
    cost = task.cost(costs) if task.cost else None
    return Step(
        key=task.key,
        kind=task.kind,
        domain=task.key.split("/")[1] if "/" in task.key else "",
        done=manifest.is_done(task, hashed=False),
        cost=cost,
        seconds=_seconds(cost, rates),
        unit=task.unit or task.key,
        awaited=task.awaited,
    )


def _shape(parameters: float | str | Path) -> Shape:
    """The shape in a config.json, or of a model whose number of parameters is all that is told."""
    try:
        count = float(str(parameters))
    except ValueError:
        return shape_in(Path(str(parameters)))
    _require_size("parameters", count)
    left_out = "activations and KV cache are left out: `parameters` is no config.json"
    return Shape(parameters=count, used=count, notes=(left_out,))


def _require_size(name: str, value: float | None) -> None:
    if value is not None and not 0 < value < math.inf:
        raise InputError("not a number above 0", field=name, seen=value, remedy="Correct or leave it out.")


class _Unhashed(Workbench):
    """A workbench for a plan of which nothing is done, where the model need not be at hand."""

    def model_hash(self, model: AskedModel | None = None) -> str:
        return ""

    def template_hash(self, method: Method | None = None) -> str:
        return ""


def _seconds(cost: TaskCost | None, rates: tuple[float, float]) -> tuple[float, float] | None:
    if cost is None or cost.flops is None:
        return None if cost else (0.0, 0.0)
    least, most = SHARES[cost.trains]
    return cost.flops / (most * rates[cost.trains]), cost.flops / (least * rates[cost.trains])


def _total(kind: str, domain: str, steps: list[Step]) -> Total:
    left = [step for step in steps if not step.done]
    costs = [step.cost for step in left if step.cost]
    known = all(cost.flops is not None for cost in costs)
    times = [step.seconds or (0.0, 0.0) for step in left]
    return Total(
        kind=kind,
        domain=domain,
        tasks=len(steps),
        done=len(steps) - len(left),
        tokens=sum(cost.tokens for cost in costs),
        seconds=(sum(least for least, _ in times), sum(most for _, most in times)) if known else None,
        memory=max((cost.memory for cost in costs if cost.memory), key=lambda one: one.all, default=None),
        disk_bytes=sum(cost.disk_bytes or 0.0 for cost in costs) if known else None,
    )


def gpu_memory(model: AskedModel) -> float | None:
    """Bytes of the GPU that a model goes to on this machine; None for a CPU."""
    device = pick_device(model.device)
    return None if device == "cpu" else device_bytes(device)


def _rates(experiment: Experiment) -> tuple[float, float]:
    device = pick_device(experiment.model.device)
    training = "bfloat16" if experiment.training.precision == "bf16" else "float32"
    asking = experiment.model.dtype or training
    rates = {dtype: matrix_rate(device, dtype) for dtype in {asking, training}}
    return rates[asking], rates[training]


def matrix_rate(device: str, dtype: str = "float32") -> float:
    """Measured rate of matrix products on this machine, FLOP/s."""
    import torch

    size = 1024 if device == "cpu" else 8192
    a, b = (torch.randn(size, size, device=device, dtype=getattr(torch, dtype)) for _ in range(2))
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        (a @ b).sum().item()
        best = min(best, time.perf_counter() - started)
    return float(2 * size**3 / best)
