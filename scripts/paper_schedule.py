"""Simulate the schedule of several experiments together on so many GPUs, from what their plans say.

python scripts/paper_schedule.py --gpus 8 64 512 --tflops 300 \
    examples/paper/mistral-7b.yaml examples/paper/llama-2-7b.yaml ...

Beside FILE.yaml lies FILE.config.json, the model's. Settings for all of them (KEY=VALUE) come behind --set.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from harmonia.pipeline.plan import make_plan
from harmonia.pipeline.schedule import Job, jobs_of, simulate
from harmonia.pipeline.settings_file import load_experiment


def main() -> None:
    """Print a row for each number of GPUs, and one for each experiment alone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="FILE", type=Path)
    parser.add_argument("--gpus", nargs="+", type=int, default=[8, 64, 512])
    parser.add_argument("--gpu-gb", type=float, default=80.0)
    parser.add_argument("--tflops", type=float, default=300.0)
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE")
    given = parser.parse_args()
    studies: dict[str, list[list[Job]]] = {}
    for file in given.files:
        experiment = load_experiment(file, given.set)
        config = file.with_suffix(".config.json")
        most = {"gpus": 10**6, "gpu_gb": given.gpu_gb}
        plan = make_plan(experiment, parameters=config, tflops=given.tflops, **most)
        # Least and most time; names of their own, to be done side by side with the others.
        studies[experiment.name] = [
            _named(experiment.name, jobs_of(plan, gpu_bytes=given.gpu_gb * 1e9, most=most))
            for most in (False, True)
        ]
    if len(studies) > 1:
        studies["all"] = [
            [job for jobs in found for job in jobs] for found in zip(*studies.values(), strict=True)
        ]
    for name, (least, most) in studies.items():
        work = sum(job.seconds * job.gpus for job in most) / 3600
        print(
            f"{name}: {len(most)} units, at most {max(job.gpus for job in most)} GPUs each, {work:.0f} GPU h"
        )
        for gpus in given.gpus:
            if (large := max(job.gpus for job in most)) > gpus:
                print(f"  {gpus} GPUs: cannot be, a fine-tuning needs {large}")
                continue
            low, high = simulate(least, gpus), simulate(most, gpus)
            hours = f"{low.seconds / 3600:.2f} to {high.seconds / 3600:.2f} h"
            print(f"  {gpus} GPUs: {hours}, {high.idle:.0%} idle; {high.bound}")


def _named(name: str, jobs: list[Job]) -> list[Job]:
    return [
        replace(job, name=f"{name}:{job.name}", awaited=tuple(f"{name}:{one}" for one in job.awaited))
        for job in jobs
    ]


if __name__ == "__main__":
    main()
