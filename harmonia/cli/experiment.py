"""The whole experiment as commands: demo, run, plan, report."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harmonia.cli import options as o

if TYPE_CHECKING:
    from rich.table import Table

    from harmonia.pipeline.plan import Plan
    from harmonia.pipeline.schedule import Schedule

ExperimentFile = Annotated[Path, typer.Argument(help="The experiment's settings (YAML).")]
Overrides = Annotated[
    list[str] | None, typer.Argument(help="Settings to change, as KEY=VALUE: training.epochs=1 seeds=[0,1]")
]


def demo(
    out: Annotated[Path, typer.Option(help="Folder for data, runs and report.")] = Path("runs/demo"),
    full: Annotated[
        bool, typer.Option("--full", help="All base models, domains, ratios and controls.")
    ] = False,
    bases: Annotated[int | None, typer.Option(min=1, max=3, help="How many base models.")] = None,
    domains: Annotated[int | None, typer.Option(min=1, max=4, help="How many domains.")] = None,
    ratios: Annotated[
        str | None, typer.Option(help='Mixed groups between 0 and 1: 0.2,0.6; "" for none.')
    ] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="How many fine-tuning seeds.")] = None,
) -> None:
    """Run the whole experiment on the embedded lab models, in minutes on two cores.

    Without options it takes two of the three base models, one of the four domains, and two of
    the six ratios between 0 and 1, under three fine-tuning seeds. Of the controls it has general_only.

    Example: `harmonia demo groups.explanations=gold`
    """
    from dataclasses import replace

    from harmonia.cli.given import Given
    from harmonia.cli.progress import RunBars
    from harmonia.cli.summary import print_summary
    from harmonia.pipeline.demo import FULL, SMALL, demo_experiments
    from harmonia.pipeline.experiment import Experiment
    from harmonia.pipeline.pool import pool
    from harmonia.pipeline.processes import Processes
    from harmonia.pipeline.run import run_experiments

    wanted: dict[str, Any] = {
        "bases": bases,
        "domains": domains,
        "seeds": seeds,
        "ratios": None if ratios is None else _shares(ratios),
    }
    chosen = {name: value for name, value in wanted.items() if value is not None}
    grid = replace(FULL if full else SMALL, **chosen)
    experiments = demo_experiments(out, grid, Given.here().table(Experiment))
    with RunBars() as bars:
        runs = run_experiments(experiments, Processes(), bars)
    print_summary(runs, pool(runs).write(out))


def run(
    file: ExperimentFile,
    settings: Overrides = None,
    executor: Annotated[
        str | None, typer.Option(help="Who does the tasks: local, processes or ray; as execution.executor.")
    ] = None,
    ray_address: Annotated[
        str | None, typer.Option(help="HOST:PORT of a running Ray cluster, or auto; executor ray.")
    ] = None,
) -> None:
    """Run the whole experiment on your model and data; run it again to resume.

    Example: `harmonia run examples/arc.yaml`
    """
    from harmonia.cli.progress import RunBars
    from harmonia.cli.summary import print_summary
    from harmonia.errors import InputError
    from harmonia.pipeline.run import run_experiment
    from harmonia.pipeline.settings_file import load_experiment

    where = [f"execution.executor={executor}"] if executor else []
    if ray_address is not None:
        if executor not in (None, "ray"):
            remedy = "Leave one of the two options out."
            raise InputError("only executor ray has one", field="--ray-address", seen=executor, remedy=remedy)
        where = ["execution.executor=ray", f"execution.ray.address={json.dumps(ray_address)}"]
    experiment = load_experiment(file, [*(settings or ()), *where])
    with RunBars() as bars:
        folder = run_experiment(experiment, bars)
    print_summary([folder], folder / "report.html")


def plan(
    file: ExperimentFile,
    settings: Overrides = None,
    parameters: Annotated[
        str | None, typer.Option(help="config.json of the model, if it is not here; or how many: 6.7e9.")
    ] = None,
    tflops: Annotated[
        float | None, typer.Option(help="Rate to reckon with, in TFLOP/s; default measures this machine.")
    ] = None,
    gpus: Annotated[
        int | None, typer.Option(min=1, help="Simulate the schedule on so many GPUs, each of that rate.")
    ] = None,
    gpu_gb: Annotated[
        float | None,
        typer.Option(min=1, help="Memory of a GPU, in GB; what fits none is refused. 80 with --gpus."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Each task, not only how many of each kind.")] = False,
    json_: o.Json = False,
) -> None:
    """Show what is to be done and what is done already, with time, memory and disk; run nothing.

    What does not fit a GPU's memory (--gpu-gb, or this machine's) is refused, with what would.

    Example: `harmonia plan examples/arc.yaml`
    """
    from harmonia.cli.progress import out as console
    from harmonia.pipeline.plan import SHARES, make_plan
    from harmonia.pipeline.settings_file import load_experiment

    experiment = load_experiment(file, settings or ())
    if gpus and not gpu_gb:
        gpu_gb = 80.0
    found = make_plan(experiment, parameters=parameters, tflops=tflops, gpus=gpus or 1, gpu_gb=gpu_gb)
    times = _schedules(found, gpus, gpu_gb)
    if json_:
        print(json.dumps({**asdict(found), "schedules": [asdict(one) for one in times]}))
        return
    left = found.all
    console.print(
        f"{left.tasks - left.done:,} of {left.tasks:,} tasks are to be done: {_time(left.seconds)} one after "
        f"the other, {_size(left.disk_bytes)} of models on disk"
    )
    console.print(_table(found, every=every))
    if found.parameters:
        scoring, training = (
            f"{least:g} to {most:g} of the rate of matrix products for {what} ({rate / 1e12:.3g} TFLOP/s)"
            for what, (least, most), rate in zip(
                ("scoring", "training"), SHARES, found.flops_per_s, strict=True
            )
        )
        console.print(f"reckoned with {scoring}, with {training}")
    if left.memory:
        console.print(f"the most memory on one device: {left.memory}")
    for line in [*(f"note: {note}" for note in found.notes), *_said(times)]:
        console.print(line)
    console.print(f"run directory: {experiment.run_directory}")


def report(run_directory: Annotated[Path, typer.Argument(help="A run directory.")]) -> None:
    """Write the report of a run directory anew; it may have been moved.

    Example: `harmonia report runs/engineering`
    """
    from harmonia.cli.progress import out as console
    from harmonia.report import write_report

    console.print(str(write_report(run_directory)))


def _shares(text: str) -> tuple[float, ...]:
    from harmonia.errors import InputError

    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise InputError(
            "not a list of numbers", field="--ratios", seen=text, remedy="Write it like 0.2,0.6."
        ) from error


def _table(found: Plan, *, every: bool) -> Table:
    """A row for each task, or one for those of a kind and domain together."""
    from rich.table import Table

    if not every:
        table = Table("kind", "domain", "tasks", "done", "tokens", "time", "memory", "disk")
        for one in (*found.totals, found.all):
            counts = (f"{one.tasks:,}", f"{one.done:,}", f"{one.tokens:,.0f}")
            sizes = (_size(one.memory and one.memory.all), _size(one.disk_bytes))
            table.add_row(one.kind, one.domain, *counts, _time(one.seconds), *sizes)
        return table
    table = Table("task", "what", "tokens", "time", "memory")
    for column in table.columns[:2]:
        column.overflow = "fold"
    for step in found.steps:
        if (cost := step.cost) is None:
            table.add_row(step.key, "", "", "done" if step.done else "", "")
            continue
        time = "done" if step.done else _time(step.seconds)
        table.add_row(step.key, cost.what, f"{cost.tokens:,.0f}", time, _size(cost.memory_bytes))
    return table


def _schedules(found: Plan, gpus: int | None, gpu_gb: float | None) -> list[Schedule]:
    """The schedule in the least time, and in the most; none where no number of GPUs is given."""
    from harmonia.pipeline.schedule import jobs_of, simulate

    if gpus is None or gpu_gb is None:
        return []
    return [simulate(jobs_of(found, gpu_bytes=gpu_gb * 1e9, most=most), gpus) for most in (False, True)]


def _said(times: list[Schedule]) -> list[str]:
    if not times:
        return []
    least, most = times
    spent = f"{_time((least.seconds, most.seconds))}, with {most.idle:.0%} of the GPUs' time idle"
    return [f"on {most.gpus} GPUs: {spent}; what bounds it is {most.bound}"]


def _size(count: float | None) -> str:
    if count is None:
        return "unknown"
    return f"{count / 1e9:,.1f} GB" if count >= 1e8 or not count else f"{count / 1e6:,.1f} MB"


def _time(seconds: tuple[float, float] | None) -> str:
    """A range of times, both ends in the unit of the longer."""
    if seconds is None:
        return "unknown"
    most = seconds[1]
    size, unit = (1, "s") if most < 60 else (60, "min") if most < 5400 else (3600, "h")
    low, high = (f"{one / size:.0f}" if unit != "h" else f"{one / size:,.1f}" for one in seconds)
    return f"{high} {unit}" if low == high else f"{low} to {high} {unit}"
