"""A simulated schedule against ones worked by hand, and against bounds that no schedule can beat."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import harmonia

from harmonia.errors import InputError
from harmonia.pipeline.costs import TaskCost
from harmonia.pipeline.device_memory import Memory
from harmonia.pipeline.plan import Plan, Step, Total
from harmonia.pipeline.schedule import Job, jobs_of, simulate


def job(name: str, seconds: float, gpus: int = 1, *awaited: str) -> Job:
    return Job(name=name, seconds=seconds, gpus=gpus, awaited=awaited)


STUDY = [
    job("data", 0, 0),
    job("probe", 4, 1, "data"),
    job("groups", 0, 0, "probe"),
    job("base", 3, 1, "data"),
    job("a", 10, 2, "groups"),
    job("b", 10, 2, "groups"),
    job("c", 1, 1, "groups"),
    job("analyse", 0, 0, "a", "b", "c", "base"),
]


def test_a_schedule_worked_by_hand() -> None:
    # Two GPUs: probe and base side by side; c does not fit beside a, nor beside b.
    found = simulate(STUDY, 2)
    assert found.starts == dict(data=0, probe=0, base=0, groups=4, a=4, b=14, c=24, analyse=25)
    assert found.seconds == 25
    # 4 + 3 + 20 + 20 + 1 GPU seconds of the 50 that there are.
    assert found.work_s == 24 and found.idle == pytest.approx(2 / 50)
    assert found.bound.startswith("the number of GPUs")
    # Three: c goes beside a, though b comes before it and waits.
    found = simulate(STUDY, 3)
    assert (found.starts["a"], found.starts["c"], found.starts["b"], found.seconds) == (4, 4, 14, 24)
    # As many as there can be use for: the chain alone counts.
    found = simulate(STUDY, 100)
    assert (found.seconds, found.chain_s, found.chain) == (14, 14, ("probe", "a"))
    assert found.idle == pytest.approx(1 - 48 / 1400)
    assert found.bound == "the longest chain (100% of the time): probe > a"


def test_what_needs_more_than_there_is_is_refused() -> None:
    with pytest.raises(InputError, match="a needs 2 GPUs"):
        simulate(STUDY, 1)


def test_no_schedule_beats_its_bounds_and_greed_is_within_twice() -> None:
    chance = random.Random(0)
    for _ in range(100):
        jobs: list[Job] = []
        for number in range(chance.randrange(1, 30)):
            awaited = chance.sample([one.name for one in jobs], min(len(jobs), chance.randrange(3)))
            jobs.append(job(str(number), chance.random(), 1, *awaited))
        gpus = chance.randrange(1, 8)
        found = simulate(jobs, gpus)
        assert max(found.work_s, found.chain_s) <= found.seconds + 1e-9
        # Graham (1969): list scheduling takes at most work + (1 - 1 / m) chain.
        assert found.seconds <= found.work_s + (1 - 1 / gpus) * found.chain_s + 1e-9
        for one in jobs:
            ended = [found.starts[name] + jobs[int(name)].seconds for name in one.awaited]
            assert found.starts[one.name] >= max(ended, default=0)
            at_once = sum(
                found.starts[other.name] <= found.starts[one.name] < found.starts[other.name] + other.seconds
                for other in jobs
            )
            assert at_once <= gpus


def test_a_plan_becomes_units() -> None:
    def step(
        key: str, unit: str, seconds: float, memory: float, trains: bool = False, **rest: object
    ) -> Step:
        cost = TaskCost(what="", tokens=1, flops=1, memory=Memory(weights=memory), trains=trains)
        values = {"kind": "", "domain": "", "done": False, "cost": cost, "awaited": ("probe",), **rest}
        return Step(key=key, unit=unit, seconds=(seconds / 2, seconds), **values)  # type: ignore[arg-type]

    steps = (
        step("probe", "probe", 5, 10e9, awaited=()),
        step("train", "train", 90, 130e9, trains=True),
        step("evaluate", "train", 7, 10e9, awaited=("probe", "train")),
        step("old", "old", 7, 10e9, done=True),
    )
    total = Total(kind="", domain="", tasks=0, done=0, tokens=0, seconds=None, memory=None, disk_bytes=None)
    plan = Plan(steps=steps, totals=(), all=total, parameters=1.0, flops_per_s=(1, 1), notes=())
    split = replace(steps[0], cost=replace(steps[0].cost, parts=2))
    halves = [job("probe, part 1", 2.5), job("probe, part 2", 2.5)]
    joined = job("probe", 0, 0, "probe, part 1", "probe, part 2")
    assert jobs_of(replace(plan, steps=(split, *steps[1:])), gpu_bytes=80e9)[:3] == [*halves, joined]
    # 130 GB on GPUs of 80 GB of which 64 may be filled: three, which train and do not ask faster.
    assert jobs_of(plan, gpu_bytes=80e9) == [job("probe", 5), job("train", 37, 3, "probe")]
    assert [one.seconds for one in jobs_of(plan, gpu_bytes=80e9, most=False)] == [2.5, 18.5]


def test_the_command_simulates_the_schedule_and_refuses_too_few_gpus(experiment_file: Path) -> None:
    asked = ("plan", experiment_file, "--tflops", "1e-6", "--gpus")
    found = json.loads(harmonia(*asked, 3, "--json").stdout)
    least, most = found["schedules"]
    assert 0 < max(least["work_s"], least["chain_s"]) <= least["seconds"] < most["seconds"]
    # Two fine-tunings and the evaluations of the base: the longest chain is a probe and a fine-tuning.
    assert most["chain"][0] == "probe/person, part 1" and most["chain"][1].startswith("train/person/")
    told = harmonia(*asked, 3).stdout
    assert "on 3 GPUs: " in told and "what bounds it is " in told
    # The lab's model on GPUs of which none holds it: a unit takes several.
    few = harmonia(*asked, 1, "--parameters", "7e9", "--gpu-gb", 80)
    assert (
        few.returncode == 2
        and "saw '80 GB'. What fits: training.lora" in few.stderr
        and "FSDP over 2 GPUs" in few.stderr
    )


def test_a_rays_address_is_for_ray_alone(experiment_file: Path) -> None:
    told = harmonia("run", experiment_file, "--executor", "processes", "--ray-address", "auto")
    assert told.returncode == 2 and "only executor ray has one" in told.stderr
