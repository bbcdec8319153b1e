"""The experiment as a list of stages, in the order they run.

Each function describes one kind of stage: its recipe (what decides the result), what it
needs, what it writes. The work itself is in `work.py`. A kind's VERSION is raised when
its code comes to give another result.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from harmonia.data import ItemSource
from harmonia.groups import GroupSettings
from harmonia.hashing import result_settings, sha256_json
from harmonia.pipeline import work
from harmonia.pipeline.experiment import DomainSettings, Experiment
from harmonia.pipeline.stage import Stage
from harmonia.pipeline.workbench import Workbench
from harmonia.types import SuiteName

VERSIONS = {"data": 1, "probe": 1, "groups": 1, "train": 1, "evaluate": 1, "analyse": 1, "report": 1}


def build_stages(bench: Workbench) -> list[Stage]:
    """All stages of the workbench's experiment.

    Raises:
        InputError: An input or the model is not there.
    """
    experiment = bench.experiment
    stages: list[Stage] = []
    asked: list[Stage] = []
    for name, domain in experiment.domains.items():
        data = _data(bench, name, domain)
        probe = _probe(bench, name, domain, data)
        groups = _groups(bench, name, probe)
        base = [
            _evaluate(bench, name, domain, data, None, form, suite)
            for form in experiment.base_forms
            for suite in domain.suites
        ]
        stages += [data, probe, groups, *base]
        asked += base
        for group in experiment.groups.group_names:
            for seed in experiment.seeds:
                train = _train(bench, name, group, seed, probe, groups)
                tuned = [
                    _evaluate(bench, name, domain, data, train, form, suite)
                    for form in experiment.tuned_forms
                    for suite in domain.suites
                ]
                stages += [train, *tuned]
                asked += tuned
    analyse = _analyse(bench, asked)
    return [*stages, analyse, _report(experiment, analyse, stages)]


def _recipe(kind: str, **parts: Any) -> dict[str, Any]:
    return {"kind": kind, "version": VERSIONS[kind], **parts}


def _source(bench: Workbench, source: ItemSource | None) -> dict[str, Any] | None:
    if source is None:
        return None
    return {"settings": source.model_dump(mode="json"), "sha256": bench.input_hash(source.path)}


def _asking(bench: Workbench) -> dict[str, Any]:
    """What decides an answer besides the model, the item and the form."""
    experiment = bench.experiment
    return {
        "prompt": result_settings(experiment.prompt),
        # A wording changed in the code changes every answer, whoever forgets to raise a VERSION.
        "template": bench.template().hash,
        "probe": result_settings(experiment.probe),
    }


def _data(bench: Workbench, name: str, domain: DomainSettings) -> Stage:
    suites = {
        suite: [_source(bench, one.items), _source(bench, one.shots)] for suite, one in domain.suites.items()
    }
    return Stage(
        key=f"data/{name}",
        recipe=_recipe(
            "data", train=_source(bench, domain.train), shots=_source(bench, domain.shots), suites=suites
        ),
        needs=(),
        outputs=(f"data/{name}.json", f"data/{name}.skipped.jsonl"),
        action=partial(work.read_data, domain_name=name),
    )


def _probe(bench: Workbench, name: str, domain: DomainSettings, data: Stage) -> Stage:
    recipe = _recipe(
        "probe",
        model=bench.model_hash(),
        asking=_asking(bench),
        items=_source(bench, domain.train),
        shots=_source(bench, domain.shots),
    )
    return Stage(
        key=f"probe/{name}",
        recipe=recipe,
        needs=(data.key,),
        outputs=(f"beliefs/{name}.parquet",),
        action=partial(work.probe, domain_name=name, address=sha256_json(recipe)),
    )


def _groups(bench: Workbench, name: str, probe: Stage) -> Stage:
    experiment = bench.experiment
    files = [f"groups/{name}/{group}.jsonl" for group in experiment.groups.group_names]
    return Stage(
        key=f"groups/{name}",
        recipe=_recipe(
            "groups",
            probe=probe.address,
            settings=result_settings(experiment.groups),
            general=bench.input_hash(experiment.general) if experiment.general else None,
        ),
        needs=(probe.key,),
        outputs=(*files, f"groups/{name}/summary.json"),
        action=partial(work.build, domain_name=name),
    )


def _train(bench: Workbench, name: str, group: str, seed: int, probe: Stage, groups: Stage) -> Stage:
    experiment = bench.experiment
    # Which other groups are built does not change this one: a ratio added later retrains nothing.
    alone = experiment.groups.model_copy(update={"names": (), "ratios": ()})
    recipe = _recipe(
        "train",
        model=bench.model_hash(),
        prompt=result_settings(experiment.prompt),
        template=bench.template().hash,
        settings=result_settings(experiment.training),
        seed=seed,
        group=group,
        grouping=_grouping(alone),
        probe=probe.address,
        general=bench.input_hash(experiment.general) if experiment.general else None,
    )
    return Stage(
        key=f"train/{name}/{group}/seed{seed}",
        recipe=recipe,
        needs=(groups.key,),
        outputs=(f"models/{name}/{group}/seed{seed}",),
        action=partial(work.train, domain_name=name, group=group, seed=seed, address=sha256_json(recipe)),
    )


def _grouping(settings: GroupSettings) -> dict[str, Any]:
    return {"version": VERSIONS["groups"], **result_settings(settings)}


def _evaluate(
    bench: Workbench,
    name: str,
    domain: DomainSettings,
    data: Stage,
    train: Stage | None,
    form: str,
    suite: SuiteName,
) -> Stage:
    who = "base" if train is None else train.key.removeprefix(f"train/{name}/")
    recipe = _recipe(
        "evaluate",
        model=bench.model_hash() if train is None else train.address,
        dtype=bench.experiment.model.dtype,
        asking=_asking(bench),
        form=form,
        items=_source(bench, domain.suites[suite].items),
        shots=_source(bench, domain.suites[suite].shots),
    )
    return Stage(
        key=f"evaluate/{name}/{who}/{form}/{suite}",
        recipe=recipe,
        needs=(data.key,) if train is None else (data.key, train.key),
        outputs=(f"predictions/{name}/{who}/{form}/{suite}.parquet",),
        action=partial(
            work.evaluate,
            domain_name=name,
            suite=suite,
            form=form,
            who=who,
            address=sha256_json(recipe),
        ),
    )


def _analyse(bench: Workbench, asked: list[Stage]) -> Stage:
    return Stage(
        key="analyse",
        recipe=_recipe("analyse", predictions={stage.key: stage.address for stage in asked}),
        needs=(),
        outputs=("results.csv", "consistency.csv"),
        action=partial(work.analyse, predictions=[stage.outputs[0] for stage in asked]),
    )


def _report(experiment: Experiment, analyse: Stage, stages: list[Stage]) -> Stage:
    return Stage(
        key="report",
        recipe=_recipe(
            "report",
            analyse=analyse.address,
            settings=experiment.model_dump(mode="json"),
            stages={stage.key: stage.address for stage in stages},
        ),
        needs=(analyse.key,),
        outputs=("report.html", "figures"),
        action=work.report,
    )
