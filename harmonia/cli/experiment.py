"""The whole experiment as commands: demo, run, plan, report."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from harmonia.cli import options as o

ExperimentFile = Annotated[Path, typer.Argument(help="The experiment's settings (YAML).")]
Overrides = Annotated[
    list[str] | None, typer.Argument(help="Settings to change, as KEY=VALUE: training.epochs=1 seeds=[0,1]")
]


def demo(
    out: Annotated[Path, typer.Option(help="Folder for data, runs and report.")] = Path("runs/demo"),
    full: Annotated[bool, typer.Option("--full", help="All base models, domains and ratios.")] = False,
    bases: Annotated[int | None, typer.Option(min=1, max=3, help="How many base models.")] = None,
    domains: Annotated[int | None, typer.Option(min=1, max=4, help="How many domains.")] = None,
    ratios: Annotated[str | None, typer.Option(help="Mixed groups between 0 and 1: 0.2,0.6.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="How many fine-tuning seeds.")] = None,
) -> None:
    """Run the whole experiment on the embedded lab models, in minutes on two cores.

    Without options it takes two of the three base models, one of the four domains, and two of
    the six ratios between 0 and 1, under three fine-tuning seeds.

    Example: `harmonia demo`
    """
    from dataclasses import replace

    from harmonia.cli.claims import print_claims
    from harmonia.cli.progress import RunBars
    from harmonia.cli.progress import out as console
    from harmonia.pipeline.demo import FULL, SMALL, demo_experiments
    from harmonia.pipeline.pool import pool
    from harmonia.pipeline.processes import Processes
    from harmonia.pipeline.run import run_experiments

    wanted = {"bases": bases, "domains": domains, "seeds": seeds, "ratios": ratios and _shares(ratios)}
    chosen = {name: value for name, value in wanted.items() if value is not None}
    grid = replace(FULL if full else SMALL, **chosen)  # type: ignore[arg-type]
    with RunBars() as bars:
        runs = run_experiments(demo_experiments(out, grid), Processes(), bars)
    for run in runs:
        console.print(run.name)
        console.print(_results(run))
    found = pool(runs)
    print_claims(found.document)
    console.print(str(found.write(out)))


def run(file: ExperimentFile, settings: Overrides = None) -> None:
    """Run the whole experiment on your model and data; run it again to resume.

    Example: `harmonia run examples/engineering.yaml model.path=MODEL data_root=DATA`
    """
    from harmonia.cli.progress import RunBars
    from harmonia.cli.progress import out as console
    from harmonia.pipeline.run import run_experiment
    from harmonia.pipeline.settings_file import load_experiment

    experiment = load_experiment(file, settings or ())
    with RunBars() as bars:
        folder = run_experiment(experiment, bars)
    console.print(_results(folder))
    console.print(str(folder / "report.html"))


def plan(
    file: ExperimentFile,
    settings: Overrides = None,
    parameters: Annotated[
        float | None, typer.Option(help="Parameters of the model, if it is not here: 6.7e9.")
    ] = None,
    tflops: Annotated[
        float | None, typer.Option(help="Rate to reckon with, in TFLOP/s; default measures this machine.")
    ] = None,
    json_: o.Json = False,
) -> None:
    """Show what would run, with estimated time, memory and disk; run nothing.

    Example: `harmonia plan examples/engineering.yaml model.path=MODEL data_root=DATA`
    """
    from rich.table import Table

    from harmonia.cli.progress import out as console
    from harmonia.pipeline.plan import make_plan
    from harmonia.pipeline.settings_file import load_experiment

    experiment = load_experiment(file, settings or ())
    found = make_plan(experiment, parameters=parameters, tflops=tflops)
    if json_:
        print(json.dumps(asdict(found)))
        return
    table = Table("stage", "what", "tokens", "time")
    for column in table.columns[:2]:
        column.overflow = "fold"
    for step in found.steps:
        table.add_row(step.key, step.what, _tokens(step.tokens), _time(found.seconds(step)))
    seconds = [found.seconds(step) for step in found.steps]
    known = [value for value in seconds if value is not None]
    total = sum(known) if len(known) == len(seconds) else None
    table.add_row("all", "", _tokens(sum(step.tokens or 0 for step in found.steps)), _time(total))
    console.print(table)
    disk = sum(step.disk_bytes for step in found.steps)
    memory = "unknown" if found.memory_bytes is None else f"{found.memory_bytes / 1e9:.1f} GB"
    console.print(
        f"memory for weights, gradients and optimizer: {memory}; models on disk: {disk / 1e9:.1f} GB; "
        f"reckoned at {found.flops_per_s / 1e12:.3g} TFLOP/s"
    )
    for note in found.notes:
        console.print(f"note: {note}")
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


def _results(folder: Path) -> object:
    """Accuracies of a finished run, for the screen: suites side by side, mean over seeds."""
    from collections import defaultdict

    from rich.table import Table

    from harmonia.analysis.tables import FOLDER, RESULTS

    rows = RESULTS.read(folder / FOLDER)
    cells: dict[tuple[str, str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        cells[row.domain, row.group, row.form][row.suite].append(row.accuracy)
    suites = list(dict.fromkeys(row.suite for row in rows))
    table = Table(title="accuracy, mean over seeds")
    for name in ("domain", "model", "form"):
        table.add_column(name, no_wrap=True)
    for suite in suites:
        table.add_column(suite.replace("_", " "), justify="right")
    for (domain, group, form), found in cells.items():
        means = [
            f"{sum(found[suite]) / len(found[suite]):.3f}" if suite in found else "-" for suite in suites
        ]
        table.add_row(domain, group, form, *means)
    return table


def _tokens(count: float | None) -> str:
    return "" if count is None else f"{count:,.0f}"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "unknown"
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
