"""`harmonia lab`: build a base of the lab world, or write the world's data."""

from __future__ import annotations

from typing import Annotated

import typer

from harmonia.cli import options as o

lab = typer.Typer(help="The lab world: a small model whose knowledge is known.", no_args_is_help=True)

Seed = Annotated[int, typer.Option(help="Seed of the world, the model and its training.")]


@lab.command()
def build(out: o.Out, seed: Seed = 0) -> None:
    """Train a base of the lab world, in minutes on one core.

    Example: `harmonia lab build --seed 0 --out my_base/`
    """
    from harmonia.cli.progress import err
    from harmonia.cli.progress import out as console
    from harmonia.world import Progress, build_base

    def tell(progress: Progress) -> None:
        losses = ", ".join(f"{name} {value:.3f}" for name, value in progress.losses.items())
        err.print(f"{progress.stage} {progress.step}/{progress.steps}: {losses}; {progress.wall_s:.0f} s")

    report = build_base(out, seed, progress=tell)
    console.print(f"{report.parameters:,} parameters in {report.wall_s:.0f} s; figures in {out / 'lab.json'}")
    console.print(str(out))


@lab.command()
def data(out: o.Out, seed: Seed = 0) -> None:
    """Write the exam files, instructions and truth that belong to a base's seed.

    Example: `harmonia lab data --seed 0 --out lab_data/`
    """
    from harmonia.world import write_lab_data

    write_lab_data(out, seed)
    print(out)
