"""The embedded experiment: a small language model whose knowledge is known, tuned three ways.

It is a real experiment run by the same stages as any other; only model and data come
with the package (harmonia.world).
"""

from __future__ import annotations

from pathlib import Path

from harmonia.pipeline.experiment import Experiment
from harmonia.world import DOMAINS, base_folder, write_lab_data

SUITES = ("homogeneous", "in_domain", "out_of_domain")


def demo_experiment(
    out: Path, *, base_seed: int = 0, domains: int = 2, seeds: int = 2, ratios: tuple[float, ...] = (0.5,)
) -> Experiment:
    """Write the lab's data beside the run and give the experiment on it.

    Args:
        out: Folder for the run and, in `data/`, its data.
        base_seed: Which of the shipped base models.
        domains: How many of the lab's domains.
        seeds: Fine-tuning seeds.
        ratios: Shares of self-aligned rows for mixed groups.

    Raises:
        InputError: No such base is shipped.
    """
    data = out / "data"
    write_lab_data(data, base_seed)
    names = list(DOMAINS)[:domains]
    shots = {name: {"path": f"{name}/dev.jsonl", "domain": name} for name in DOMAINS}
    return Experiment.model_validate(
        {
            "name": f"demo-base{base_seed}",
            "out": str(out / f"base{base_seed}"),
            "data_root": str(data),
            "model": {"path": str(base_folder(base_seed)), "device": "cpu"},
            "prompt": {"options_first": True},
            "probe": {"batch_size": 64},
            "groups": {"ratios": ratios, "size": 200},
            "general": "general.jsonl",
            "training": {
                "learning_rate": 1e-3,
                "batch_size": 16,
                "micro_batch": 16,
                "precision": "fp32",
                "gradient_checkpointing": False,
                "max_length": 512,
            },
            "seeds": list(range(seeds)),
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
                for name in names
            },
        }
    )
