"""The experiment as a list of stages, in the order they run.

Each function describes one kind of stage: its recipe (what decides the result), what it
needs, what it writes. The work itself is in `work.py`. A kind's VERSION is raised when
its code comes to give another result.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from harmonia.analysis.tables import FOLDER, LEAKAGE
from harmonia.data import ItemSource
from harmonia.groups import GroupSettings, PolicySettings
from harmonia.groups.confounds import CONFOUNDS, TARGET_LETTERS
from harmonia.groups.names import GroupName
from harmonia.hashing import result_settings, sha256_json
from harmonia.pipeline import overlaps, work
from harmonia.pipeline.analyse import OUTPUTS, analyse
from harmonia.pipeline.experiment import DomainSettings, Experiment
from harmonia.pipeline.stage import Stage
from harmonia.pipeline.texts import needed_texts, texts_recipe, write_texts
from harmonia.pipeline.workbench import Workbench
from harmonia.probe import ProbeSettings

VERSIONS = {
    **{"data": 3, "leakage": 2, "probe": 5, "write": 2, "groups": 4},
    **{"train": 4, "evaluate": 5, "analyse": 4, "report": 4},
}


def build_stages(bench: Workbench) -> list[Stage]:
    """All stages of the workbench's experiment.

    Raises:
        InputError: An input or the model is not there.
    """
    experiment = bench.experiment
    data = {name: _data(bench, name, domain) for name, domain in experiment.domains.items()}
    # Before anything costly: what is wrong with any domain's data is told at once.
    stages: list[Stage] = list(data.values())
    leakage = _leakage(bench, stages) if experiment.leakage.check else None
    if leakage:
        stages.append(leakage)
    asked: list[Stage] = []
    for name, domain in experiment.domains.items():
        probe = _probe(bench, name, domain, data[name])
        write = _write(bench, name, probe, leakage) if needed_texts(experiment).any else None
        groups = _groups(bench, name, probe, write, leakage)
        base = [
            _evaluate(bench, name, domain, data[name], None, form, suite)
            for form in experiment.base_forms
            for suite in domain.suites
        ]
        stages += [probe, *([write] if write else []), groups, *base]
        asked += base
        for group in experiment.trained_groups:
            for seed in experiment.seeds:
                train = _train(bench, name, group, seed, groups)
                tuned = [
                    _evaluate(bench, name, domain, data[name], train, form, suite)
                    for form in experiment.tuned_forms
                    for suite in domain.suites
                ]
                stages += [train, *tuned]
                asked += tuned
    grouped = [stage for stage in stages if stage.key.startswith("groups/")]
    analysed = _analyse(bench, asked, grouped, leakage)
    return [*stages, analysed, _report(experiment, analysed, stages)]


def _recipe(kind: str, **parts: Any) -> dict[str, Any]:
    return {"kind": kind, "version": VERSIONS[kind], **parts}


def _source(bench: Workbench, source: ItemSource | None) -> dict[str, Any] | None:
    if source is None:
        return None
    return {"settings": source.model_dump(mode="json"), "sha256": bench.input_hash(source.path)}


def _asking(bench: Workbench, settings: ProbeSettings) -> dict[str, Any]:
    """What decides an answer besides the model, the item and the form."""
    experiment = bench.experiment
    return {
        "prompt": result_settings(experiment.prompt),
        # A wording changed in the code changes every answer, whoever forgets to raise a VERSION.
        "template": bench.template().hash,
        "probe": result_settings(settings),
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
        outputs=(f"items/{name}.parquet", f"data/{name}.json", f"data/{name}.skipped.jsonl"),
        action=partial(work.read_data, domain_name=name),
    )


def _probe(bench: Workbench, name: str, domain: DomainSettings, data: Stage) -> Stage:
    recipe = _recipe(
        "probe",
        model=bench.model_hash(),
        asking=_asking(bench, bench.experiment.probe),
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


def _leakage(bench: Workbench, data: list[Stage]) -> Stage:
    return Stage(
        key="leakage",
        recipe=_recipe(
            "leakage",
            data={stage.key: stage.address for stage in data},
            ngram=bench.experiment.leakage.ngram,
        ),
        needs=tuple(stage.key for stage in data),
        outputs=LEAKAGE.files(FOLDER),
        action=overlaps.check_leakage,
    )


def _left_out(bench: Workbench, leakage: Stage | None, of: str) -> str | None:
    """Address of the leakage list where the settings take it out of `training` or `scores`."""
    return leakage.address if leakage and bench.experiment.leakage.exclude == of else None


def _write(bench: Workbench, name: str, probe: Stage, leakage: Stage | None) -> Stage:
    recipe = _recipe(
        "write",
        probe=probe.address,
        left_out=_left_out(bench, leakage, "training"),
        **texts_recipe(bench),
    )
    return Stage(
        key=f"write/{name}",
        recipe=recipe,
        needs=(probe.key, *([leakage.key] if leakage else [])),
        outputs=(f"explanations/{name}.jsonl", f"contexts/{name}.jsonl"),
        action=partial(write_texts, domain_name=name, address=sha256_json(recipe)),
    )


def _groups(bench: Workbench, name: str, probe: Stage, write: Stage | None, leakage: Stage | None) -> Stage:
    experiment = bench.experiment
    files = [f"groups/{name}/{group}.jsonl" for group in experiment.groups.group_names]
    return Stage(
        key=f"groups/{name}",
        recipe=_recipe(
            "groups",
            probe=probe.address,
            texts=write.address if write else None,
            left_out=_left_out(bench, leakage, "training"),
            settings=result_settings(experiment.groups),
            prompt=result_settings(experiment.prompt),
            general=bench.input_hash(experiment.general) if experiment.general else None,
        ),
        needs=(probe.key, *([write.key] if write else []), *([leakage.key] if leakage else [])),
        outputs=(
            *files,
            f"groups/{name}/summary.json",
            *CONFOUNDS.files(f"groups/{name}"),
            *TARGET_LETTERS.files(f"groups/{name}"),
        ),
        action=partial(work.build, domain_name=name),
    )


def _train(bench: Workbench, name: str, group: str, seed: int, groups: Stage) -> Stage:
    experiment = bench.experiment
    recipe = _recipe(
        "train",
        model=bench.model_hash(),
        prompt=result_settings(experiment.prompt),
        template=bench.template().hash,
        settings=result_settings(experiment.training),
        seed=seed,
        group=group,
        grouping=_grouping(experiment.groups, group),
        made_of={key: value for key, value in groups.recipe.items() if key not in ("settings", "kind")},
    )
    return Stage(
        key=f"train/{name}/{group}/seed{seed}",
        recipe=recipe,
        needs=(groups.key,),
        outputs=(f"models/{name}/{group}/seed{seed}",),
        action=partial(work.train, domain_name=name, group=group, seed=seed, address=sha256_json(recipe)),
    )


def _grouping(settings: GroupSettings, group: str) -> dict[str, Any]:
    """The settings that one group depends on.

    Which other groups are built does not change this one: a ratio added later retrains
    nothing. Policies share a budget, so that each of them depends on all.
    """
    alone = settings.model_copy(update={"names": (), "ratios": (), "match": (), "policies": PolicySettings()})
    policies = settings.policies.model_dump(mode="json") if GroupName.parse(group).policy else None
    return {**result_settings(alone), "policies": policies}


def _evaluate(
    bench: Workbench,
    name: str,
    domain: DomainSettings,
    data: Stage,
    train: Stage | None,
    form: str,
    suite: str,
) -> Stage:
    who = "base" if train is None else train.key.removeprefix(f"train/{name}/")
    recipe = _recipe(
        "evaluate",
        model=bench.model_hash() if train is None else train.address,
        dtype=bench.experiment.model.dtype,
        asking=_asking(bench, work.evaluation_settings(bench.experiment)),
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


def _analyse(bench: Workbench, asked: list[Stage], groups: list[Stage], leakage: Stage | None) -> Stage:
    return Stage(
        key="analyse",
        recipe=_recipe(
            "analyse",
            predictions={stage.key: stage.address for stage in asked},
            groups={stage.key: stage.address for stage in groups},
            left_out=_left_out(bench, leakage, "scores"),
        ),
        needs=(),
        outputs=OUTPUTS,
        action=partial(analyse, predictions=[stage.outputs[0] for stage in asked]),
    )


def _report(experiment: Experiment, analysed: Stage, stages: list[Stage]) -> Stage:
    return Stage(
        key="report",
        recipe=_recipe(
            "report",
            analyse=analysed.address,
            settings=experiment.model_dump(mode="json"),
            stages={stage.key: stage.address for stage in stages},
        ),
        needs=(analysed.key,),
        outputs=("report.html", "figures"),
        action=work.report,
    )
