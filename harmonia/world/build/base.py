"""Build a lab base: train it and write it as an ordinary model folder.

    from pathlib import Path
    from harmonia.world.build import build_base
    build_base(Path("base"), seed=0)

The folder holds `config.json`, `model.safetensors` (fp16), the tokenizer's files and
`lab.json`: settings, seed, what each stage took, and what the base answers. Its
`command` is that of a build with the default settings; null for any other.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harmonia.files import write_json
from harmonia.outputs import fresh_directory
from harmonia.world.build.figures import figures
from harmonia.world.build.mixture import Mixture
from harmonia.world.build.pretrain import pretrain
from harmonia.world.build.tokenizer import build_tokenizer, vocabulary
from harmonia.world.build.training import PretrainingSettings, Progress, StageRecord
from harmonia.world.facts import World, WorldSettings

RECIPE_VERSION = 2
"""Raised whenever the same seed gives another base."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildReport:
    """What a build made.

    Attributes:
        stages: What each stage took, stages given up included.
        wall_s: Seconds of training.
        cpu_s: Processor seconds of training, which other programs do not lengthen.
        figures: By kind of fact and form, what the base answers.
    """

    folder: Path
    seed: int
    parameters: int
    stages: list[StageRecord]
    wall_s: float
    cpu_s: float
    threads: int
    figures: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)


def build_base(
    out: Path,
    seed: int,
    *,
    settings: WorldSettings | None = None,
    training: PretrainingSettings | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> BuildReport:
    """Train a base of the lab world and write its folder.

    The folder is replaced if it is there, and only when all is done. Progress is told every 50 steps.

    Raises:
        TrainingError: No initialisation learned to match values to letters.
        MissingExtraError: This torch has no Muon.
    """
    import torch

    world, training = World(seed, settings or WorldSettings()), training or PretrainingSettings()
    started, started_cpu = time.monotonic(), time.process_time()
    trained, stages = pretrain(
        Mixture(world, training.mixture), vocabulary(world), training, progress or (lambda _: None)
    )
    wall, cpu = time.monotonic() - started, time.process_time() - started_cpu
    model: Any = trained.eval().half().float()
    tokenizer = build_tokenizer(world)
    report = BuildReport(
        folder=out,
        seed=seed,
        parameters=sum(weights.numel() for weights in model.parameters()),
        stages=stages,
        wall_s=round(wall, 1),
        cpu_s=round(cpu, 1),
        threads=torch.get_num_threads(),
        figures=figures(model, tokenizer, world),
    )
    with fresh_directory(out) as partial:
        model.half().save_pretrained(partial)
        tokenizer.save_pretrained(partial)
        write_json(partial / "lab.json", _lab_json(report, world, training))
    return report


def _lab_json(report: BuildReport, world: World, training: PretrainingSettings) -> dict[str, Any]:
    import torch
    import transformers

    plain = world.settings == WorldSettings() and training == PretrainingSettings()
    return {
        "recipe_version": RECIPE_VERSION,
        "command": f"harmonia lab build --seed {report.seed} --out FOLDER" if plain else None,
        "world": asdict(world.settings),
        "training": asdict(training),
        **{name: value for name, value in asdict(report).items() if name != "folder"},
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
    }
