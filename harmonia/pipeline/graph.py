"""An experiment as a graph of tasks.

Each function declares one kind of task: its recipe (what decides the result), what it
waits for, what it writes. The work itself is in `work.py`. A kind's VERSION is raised when
its code comes to give another result.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from itertools import product
from typing import Any

from harmonia.analysis import Place
from harmonia.analysis.run_answers import Who
from harmonia.analysis.tables import FOLDER, LEAKAGE
from harmonia.data import ItemSource, Suite
from harmonia.groups import GroupSettings, PolicySettings
from harmonia.groups.folder import folder_files
from harmonia.groups.names import BASE, GroupName
from harmonia.hashing import result_settings, sha256_json
from harmonia.models.server import ServedModelSettings
from harmonia.pipeline import overlaps, work
from harmonia.pipeline.analyse import OUTPUTS, analyse
from harmonia.pipeline.costs import Costs
from harmonia.pipeline.experiment import DomainSettings, Experiment
from harmonia.pipeline.task import Graph, Task
from harmonia.pipeline.texts import texts_recipe, write_texts, writers_of
from harmonia.pipeline.workbench import Workbench
from harmonia.probe import ProbeSettings
from harmonia.types import Method

VERSIONS = {
    **{"data": 4, "leakage": 3, "probe": 5, "write": 2, "groups": 8},
    **{"train": 4, "fit": 1, "evaluate": 5, "analyse": 18, "report": 12},
}


def build_graph(bench: Workbench) -> Graph:
    """All tasks of the workbench's experiment.

    Raises:
        InputError: An input or the model is not there.
    """
    experiment = bench.experiment
    # Before anything costly: what is wrong with any domain's data is told at once.
    data = {name: _data(bench, name, domain) for name, domain in experiment.domains.items()}
    leakage = _leakage(bench, list(data.values())) if experiment.leakage.check else None
    tasks = [*filter(None, (*data.values(), leakage))]
    for name, domain in experiment.domains.items():
        asked = partial(_evaluations, bench, name, domain, data[name])
        probe = _probe(bench, name, domain, data[name])
        write = _write(bench, name, probe, leakage) if writers_of(experiment) else None
        groups = {seed: _groups(bench, name, seed, probe, write, leakage) for seed in experiment.seeds}
        tasks += [*filter(None, (probe, write, *groups.values())), *asked(None, BASE, None)]
        for group in experiment.trained_groups:
            for seed in experiment.seeds:
                train = _train(bench, name, group, seed, groups[seed])
                fit = _fit(bench, train, groups[seed])
                tasks += [train, fit, *asked(train, group, seed)]
    analysed = _analyse(bench, tasks, leakage)
    return Graph([*tasks, analysed, _report(bench, analysed, tasks)])


def _recipe(kind: str, **parts: Any) -> dict[str, Any]:
    return {"kind": kind, "version": VERSIONS[kind], **parts}


def _addresses(tasks: list[Task]) -> dict[str, str]:
    return {task.key: task.address for task in tasks}


def _source(bench: Workbench, source: ItemSource | None) -> dict[str, Any] | None:
    if source is None:
        return None
    return {"settings": source.model_dump(mode="json"), "sha256": bench.input_hash(source.path)}


def _asking(bench: Workbench, settings: ProbeSettings, method: Method | None = None) -> dict[str, Any]:
    """What decides an answer besides the model, the item and the form; by the probe's method, or another."""
    prompt = bench.experiment.prompt
    return {
        "prompt": result_settings(prompt.model_copy(update={"method": method or prompt.method})),
        # A wording changed in the code changes every answer, whoever forgets to raise a VERSION.
        "template": bench.template_hash(method),
        "probe": result_settings(settings),
    }


def _servers(experiment: Experiment, who: Iterable[str]) -> tuple[str, ...]:
    """Addresses of the servers among those who answer: `base`, and the writer that is `served`."""
    model, writer = experiment.model, experiment.writing.served
    base = model.served if isinstance(model, ServedModelSettings) else None
    found = {"base": base, "served": writer and writer.url}
    return tuple(url for one in dict.fromkeys(who) if (url := found.get(one)))


def _data(bench: Workbench, name: str, domain: DomainSettings) -> Task:
    suites = {
        suite: [_source(bench, one.items), _source(bench, one.shots)] for suite, one in domain.suites.items()
    }
    return Task(
        key=f"data/{name}",
        recipe=_recipe(
            "data", train=_source(bench, domain.train), shots=_source(bench, domain.shots), suites=suites
        ),
        outputs=(f"items/{name}.parquet", f"data/{name}.json", f"data/{name}.skipped.jsonl"),
        action=partial(work.read_data, domain_name=name),
    )


def _probe(bench: Workbench, name: str, domain: DomainSettings, data: Task) -> Task:
    recipe = _recipe(
        "probe",
        model=bench.model_hash(),
        asking=_asking(bench, bench.experiment.probe),
        items=_source(bench, domain.train),
        shots=_source(bench, domain.shots),
    )
    questions = work.probe_questions(bench.experiment, name, sha256_json(recipe))
    return Task(
        key=f"probe/{name}",
        recipe=recipe,
        needs=(data.key,),
        outputs=(questions.out,),
        action=partial(work.ask_all, questions=questions),
        cost=partial(Costs.probe, domain=name),
        parts=partial(work.parts_to_ask, questions=questions),
        servers=_servers(bench.experiment, ["base"]),
    )


def _leakage(bench: Workbench, data: list[Task]) -> Task:
    return Task(
        key="leakage",
        recipe=_recipe(
            "leakage",
            data=_addresses(data),
            ngram=bench.experiment.leakage.ngram,
        ),
        needs=tuple(task.key for task in data),
        outputs=LEAKAGE.files(FOLDER),
        action=overlaps.check_leakage,
    )


def _left_out(bench: Workbench, leakage: Task | None, of: str) -> Task | None:
    """The leakage check where the settings take what it lists out of `training` or `scores`."""
    return leakage if bench.experiment.leakage.exclude == of else None


def _address(task: Task | None) -> str | None:
    return task.address if task else None


def _keys(*tasks: Task | None) -> tuple[str, ...]:
    return tuple(task.key for task in tasks if task)


def _write(bench: Workbench, name: str, probe: Task, leakage: Task | None) -> Task:
    left_out = _left_out(bench, leakage, "training")
    recipe = _texts(bench, probe, left_out) | {"seeds": list(bench.experiment.seeds)}
    return Task(
        key=f"write/{name}",
        recipe=recipe,
        needs=_keys(probe, left_out),
        outputs=(f"explanations/{name}.jsonl", f"contexts/{name}.jsonl"),
        action=partial(write_texts, domain_name=name, address=sha256_json(recipe)),
        cost=partial(Costs.write, domain=name),
        servers=_servers(bench.experiment, writers_of(bench.experiment).values()),
    )


def _texts(bench: Workbench, probe: Task, left_out: Task | None) -> dict[str, Any]:
    """What decides a text; not the seeds, by which another may be written beside it."""
    return _recipe("write", probe=probe.address, left_out=_address(left_out), **texts_recipe(bench))


def _groups(
    bench: Workbench, name: str, seed: int, probe: Task, write: Task | None, leakage: Task | None
) -> Task:
    experiment = bench.experiment
    settings = experiment.groups_of(seed)
    left_out = _left_out(bench, leakage, "training")
    return Task(
        key=f"groups/{name}/seed{seed}",
        recipe=_recipe(
            "groups",
            probe=probe.address,
            texts=sha256_json(_texts(bench, probe, left_out)) if write else None,
            left_out=_address(left_out),
            settings=result_settings(settings),
            prompt=result_settings(experiment.prompt),
            general=bench.input_hash(experiment.general) if experiment.general else None,
        ),
        needs=_keys(probe, write, left_out),
        outputs=folder_files(settings.group_names, f"groups/{name}/seed{seed}"),
        action=partial(work.build, domain_name=name, seed=seed),
    )


def _train(bench: Workbench, name: str, group: str, seed: int, groups: Task) -> Task:
    experiment = bench.experiment
    recipe = _recipe(
        "train",
        model=bench.model_hash(),
        prompt=result_settings(experiment.prompt),
        template=bench.template_hash(),
        settings=result_settings(experiment.training),
        seed=seed,
        group=group,
        grouping=_grouping(experiment.groups_of(seed), group),
        made_of={key: value for key, value in groups.recipe.items() if key not in ("settings", "kind")},
    )
    key = f"train/{name}/{group}/seed{seed}"
    return Task(
        key=key,
        unit=key,
        recipe=recipe,
        needs=(groups.key,),
        outputs=(f"models/{name}/{group}/seed{seed}",),
        action=partial(work.train, domain_name=name, group=group, seed=seed, address=sha256_json(recipe)),
        cost=partial(Costs.train, domain=name, group=group, seed=seed),
    )


def _fit(bench: Workbench, train: Task, groups: Task) -> Task:
    who = train.key.removeprefix("train/")
    recipe = _recipe(
        "fit",
        model=train.address,
        dtype=bench.experiment.model.dtype,
        asking=_asking(bench, work.evaluation_settings(bench.experiment)),
    )
    return Task(
        key=f"fit/{who}",
        unit=train.unit,
        recipe=recipe,
        needs=(groups.key, train.key),
        outputs=(f"fit/{who}.parquet",),
        action=partial(work.fit, who=Who.of_fit(f"fit/{who}.parquet"), address=sha256_json(recipe)),
        cost=partial(Costs.fit, domain=who.split("/")[0], group=who.split("/")[1]),
    )


def _grouping(settings: GroupSettings, group: str) -> dict[str, Any]:
    """The settings that one group depends on.

    Which other groups are built does not change this one: a ratio added later retrains
    nothing. Policies share a budget, so that each of them depends on all.
    """
    alone = settings.alone.model_copy(update={"match": (), "policies": PolicySettings()})
    policies = settings.policies.model_dump(mode="json") if GroupName.parse(group).policy else None
    return {**result_settings(alone), "argued": settings.argued, "policies": policies}


def _evaluations(
    bench: Workbench,
    name: str,
    domain: DomainSettings,
    data: Task,
    train: Task | None,
    group: str,
    seed: int | None,
) -> list[Task]:
    """What asks the base model, or a tuned one, every suite in its forms, by every method."""
    experiment = bench.experiment
    places = product(
        experiment.tuned_forms if train else experiment.base_forms,
        experiment.methods,
        domain.suites.items(),
    )
    return [
        _evaluate(
            bench,
            data,
            train,
            of,
            Place(domain=name, group=group, seed=seed, form=form, readout=method, suite=suite),
        )
        for form, method, (suite, of) in places
    ]


def _evaluate(bench: Workbench, data: Task, train: Task | None, of: Suite, place: Place) -> Task:
    recipe = _recipe(
        "evaluate",
        model=bench.model_hash() if train is None else train.address,
        dtype=bench.experiment.model.dtype,
        asking=_asking(bench, work.evaluation_settings(bench.experiment), place.readout),
        form=place.form,
        items=_source(bench, of.items),
        shots=_source(bench, of.shots),
    )
    questions = work.suite_questions(bench.experiment, place, sha256_json(recipe))
    return Task(
        key=f"evaluate/{place.where}",
        unit=train.unit if train else None,
        recipe=recipe,
        needs=_keys(data, train),
        outputs=(questions.out,),
        action=partial(work.ask_all, questions=questions),
        cost=partial(Costs.evaluate, place=place),
        parts=partial(work.parts_to_ask, questions=questions),
        servers=() if train else _servers(bench.experiment, ["base"]),
    )


def _analyse(bench: Workbench, tasks: list[Task], leakage: Task | None) -> Task:
    asked = [task for task in tasks if task.kind in ("fit", "evaluate")]
    return Task(
        key="analyse",
        recipe=_recipe(
            "analyse",
            predictions=_addresses(asked),
            groups=_addresses([task for task in tasks if task.kind == "groups"]),
            left_out=_address(_left_out(bench, leakage, "scores")),
        ),
        # It takes what is there of all of them.
        after=_keys(
            *(task for task in tasks if task.kind in ("leakage", "probe", "groups", "fit", "evaluate"))
        ),
        outputs=OUTPUTS,
        action=partial(analyse, predictions=[task.outputs[0] for task in asked]),
    )


def _report(bench: Workbench, analysed: Task, tasks: list[Task]) -> Task:
    return Task(
        key="report",
        recipe=_recipe(
            "report",
            analyse=analysed.address,
            settings=bench.experiment.model_dump(mode="json", exclude={"execution"}),
            stages=_addresses(tasks),
        ),
        needs=(analysed.key,),
        after=_keys(*tasks),
        outputs=("report.html", "figures"),
        action=work.report,
    )
