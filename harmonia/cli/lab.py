"""`harmonia lab`: build a base of the lab world, check a rebuilt one, or write the world's data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harmonia.cli import options as o
from harmonia.cli.progress import err, print_table
from harmonia.cli.progress import out as console

lab = typer.Typer(help="The lab world: a small model whose knowledge is known.", no_args_is_help=True)

Seed = Annotated[
    int, typer.Option(min=0, max=2**32 - 1, help="Seed of the world, the model and its training.")
]
Rebuilt = Annotated[Path, typer.Argument(help="Folder that `harmonia lab build` wrote.")]


@lab.command()
def build(out: o.Out, seed: Seed = 0) -> None:
    """Train a base of the lab world, in minutes on one core.

    Example: `harmonia lab build --seed 0 --out my_base/`
    """
    from harmonia.outputs import require_folder_place
    from harmonia.world.build import Progress, build_base

    require_folder_place(out, holds="lab.json")

    def tell(progress: Progress) -> None:
        losses = ", ".join(f"{name} {value:.3f}" for name, value in progress.losses.items())
        err.print(f"{progress.stage} {progress.step}/{progress.steps}: {losses}; {progress.wall_s:.0f} s")

    report = build_base(out, seed, progress=tell)
    console.print(f"{report.parameters:,} parameters in {report.wall_s:.0f} s; figures in {out / 'lab.json'}")
    console.print(str(out))


@lab.command()
def check(rebuilt: Rebuilt) -> None:
    """Compare a rebuilt base with the shipped one of its seed; exit 1 if it behaves otherwise.

    Example: `harmonia lab check my_base/`
    """
    from harmonia.world.build import compare_builds

    differences = compare_builds(rebuilt)
    rows = [
        (
            one.kind,
            one.form,
            one.measure,
            f"{one.shipped:.3f}",
            f"{one.rebuilt:.3f}",
            f"{one.bound:.2f}",
            "" if one.within else "outside",
        )
        for one in differences
    ]
    print_table(("kind", "form", "figure", "shipped", "rebuilt", "bound", ""), rows)
    outside = sum(not one.within for one in differences)
    console.print(f"{outside} of {len(differences)} figures outside their bounds")
    if outside:
        raise typer.Exit(1)


@lab.command()
def data(out: o.Out, seed: Seed = 0) -> None:
    """Write the exam files, instructions and truth that belong to a base's seed.

    Example: `harmonia lab data --seed 0 --out lab_data/`
    """
    from harmonia.outputs import require_folder_place
    from harmonia.world import write_lab_data

    require_folder_place(out, holds="truth.jsonl")
    write_lab_data(out, seed)
    console.print(str(out))
