"""The embedded experiment: small language models whose knowledge is known, tuned in the paper's ways.

They are real experiments run as any other is; only models and data come
with the package (harmonia.world).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from harmonia.outputs import require_folder_place
from harmonia.parsing import table_of_settings
from harmonia.pipeline.experiment import Experiment
from harmonia.pipeline.manifest import require_run_place
from harmonia.pipeline.pool import WRITTEN
from harmonia.pipeline.settings_file import merged
from harmonia.types import SUITES, Method
from harmonia.world import DOMAINS, base_folder, shipped_seeds, write_lab_data


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """How much of the lab's experiment to run.

    Attributes:
        bases: Base models, of the shipped ones.
        domains: Domains of the lab.
        groups: Groups without a ratio.
        ratios: Shares of self-aligned rows of the mixed groups; 0 and 1 are the
            incompatible and the self-aligning group.
        seeds: Fine-tuning seeds.
        readouts: Methods asked beside letters.
    """

    bases: int
    domains: int
    ratios: tuple[float, ...]
    groups: tuple[str, ...] = (
        *("harmonious", "incompatible", "self_aligning", "contextualised"),
        "general_only",
    )
    seeds: int = 3
    readouts: tuple[Method, ...] = ("cloze",)


SMALL = Grid(bases=2, domains=1, ratios=(0.2, 0.6))
"""What fits into minutes on two cores."""

FULL = Grid(
    bases=len(shipped_seeds()),
    domains=len(DOMAINS),
    ratios=(0.05, 0.1, 0.2, 0.4, 0.6, 0.8),
    groups=(*SMALL.groups, "random_wrong", "permuted"),
    readouts=("cloze", "letter_cyclic"),
)
"""All there is."""


def demo_experiments(
    out: Path, grid: Grid = SMALL, changes: Mapping[str, Any] = MappingProxyType({})
) -> list[Experiment]:
    """Write the lab's data beside the runs and give one experiment for each base model.

    Args:
        out: The folder of all runs.
        grid: How much to run.
        changes: Settings of an experiment that are to be others.

    Returns:
        Experiments that share nothing, to be run side by side.

    Raises:
        InputError: The folder holds something of others where a run, its data or the
            judgement of all runs would be written, or a setting is wrong.
    """
    require_folder_place(out, names=WRITTEN, holds=WRITTEN[0])
    bases = shipped_seeds()[: grid.bases]
    for seed in bases:
        require_run_place(out / f"base{seed}")
        require_folder_place(out / "data" / f"base{seed}", holds="truth.jsonl")
    experiments = [_experiment(out, seed, grid, changes) for seed in bases]
    for seed in bases:
        write_lab_data(out / "data" / f"base{seed}", seed)
    return experiments


def _experiment(out: Path, base_seed: int, grid: Grid, changes: Mapping[str, Any]) -> Experiment:
    data = out / "data" / f"base{base_seed}"
    shots = {name: {"path": f"{name}/dev.jsonl", "domain": name} for name in DOMAINS}
    values = {
        "name": f"lab-base{base_seed}",
        "out": str(out / f"base{base_seed}"),
        "data_root": str(data),
        "model": {"path": str(base_folder(base_seed)), "device": "cpu"},
        "prompt": {"options_first": True},
        "groups": {
            "names": grid.groups,
            "ratios": grid.ratios,
            # Fewer than a base's confident wrong beliefs (157 or more), so that each seed draws others.
            "size": 120,
        },
        # An explanation of the lab is the fact itself: without the value nothing would be left to read.
        "writing": {"contexts": {"remove": "letter"}},
        "general": "general.jsonl",
        "training": {
            "learning_rate": 1e-3,
            "batch_size": 16,
            "precision": "fp32",
            "max_length": 512,
        },
        "seeds": list(range(grid.seeds)),
        "evaluation": {"readouts": grid.readouts},
        "domains": {
            name: {
                "train": {"path": f"{name}/train.jsonl", "domain": name},
                "shots": shots[name],
                "suites": {
                    suite: {
                        "items": {"path": f"{name}/{suite}.jsonl", "domain": name},
                        "shots": shots[name],
                    }
                    for suite in SUITES
                },
            }
            for name in list(DOMAINS)[: grid.domains]
        },
    }
    remedy = "`harmonia settings demo` says what it may be."
    return table_of_settings(Experiment, merged(values, dict(changes)), "", remedy=remedy)
