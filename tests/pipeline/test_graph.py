"""The graph checks itself, and the addresses of an experiment's tasks are what they have always been."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from harmonia.pipeline.agenda import Run
from harmonia.pipeline.costs import Costs
from harmonia.pipeline.experiment import Experiment
from harmonia.pipeline.graph import VERSIONS, build_graph
from harmonia.pipeline.manifest import Manifest, Noted, claim_run
from harmonia.pipeline.settings_file import apply_overrides
from harmonia.pipeline.task import Graph, Task
from harmonia.pipeline.watcher import Watcher
from harmonia.pipeline.workbench import Workbench


def _task(key: str, **given: Any) -> Task:
    return Task(**{"key": key, "recipe": {}, "outputs": (key,), "action": lambda bench: [], **given})


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ([_task("a"), _task("a")], "two tasks are called a"),
        ([_task("a", needs=("b",))], "a waits for b, which does not come before it"),
        (
            [_task("a", after=("b",)), _task("b", needs=("a",))],
            "a waits for b, which does not come before it",
        ),
        ([_task("a", needs=("a",))], "a waits for a"),
        ([_task("a", outputs=("x", "y")), _task("b", outputs=("y",))], "a and b both write y"),
        ([_task("a", outputs=("x",)), _task("b", outputs=("x/y/z",))], "a and b both write x/y/z"),
        ([_task("a", outputs=("x/y",)), _task("b", outputs=("x",))], "b and a both write x/y"),
        (
            [_task("a", unit="u"), _task("b", needs=("a",)), _task("c", unit="u", after=("b",))],
            "units wait for each other: .*u, b, u|b, u, b",
        ),
    ],
)
def test_a_graph_that_cannot_be_done_is_refused(tasks: list[Task], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Graph(tasks)


def test_what_waits_and_what_is_blocked() -> None:
    graph = Graph(
        [
            _task("a"),
            _task("b", needs=("a",)),
            _task("c", needs=("b",)),
            _task("d", after=("c",)),
            _task("e"),
            _task("f", needs=("d",)),
        ]
    )
    assert graph.needing({"a"}) == {"b", "c"} and graph.made_without({"a"}) == set()
    assert graph.made_without({"c"}) == {"d", "f"} and graph.needing({"e"}) == set()


def test_what_waits_for_what_in_an_experiment(settings: dict[str, Any]) -> None:
    graph = build_graph(Workbench(Experiment.model_validate(settings)))
    tuned = [key for key in graph.tasks if key.startswith("evaluate/person/harmonious/")]
    assert [task.key for task in graph.units["train/person/harmonious/seed0"]] == [
        "train/person/harmonious/seed0",
        "fit/person/harmonious/seed0",
        *tuned,
    ]
    assert len(tuned) == 3
    # The analysis waits for all that it reads and is blocked by nothing; the page waits for all.
    analyse, report = graph.tasks["analyse"], graph.tasks["report"]
    read = {
        key for key in graph.tasks if key.startswith(("leakage", "probe/", "groups/", "fit/", "evaluate/"))
    }
    assert set(analyse.after) == read and not analyse.needs
    assert report.needs == ("analyse",) and {*report.awaited, "report"} == graph.tasks.keys()
    # What is trained and asked behind the groups needs them, and nothing else does.
    assert graph.needing({"groups/person/seed0"}) == {
        key for key in graph.tasks if "/seed0" in key and not key.startswith("groups/")
    }
    # Leaked items are taken out of groups only where the settings say so.
    assert "leakage" not in graph.tasks["groups/person/seed0"].awaited
    strict = apply_overrides(json.loads(json.dumps(settings)), ["leakage.exclude=training"])
    graph = build_graph(Workbench(Experiment.model_validate(strict)))
    assert "leakage" in graph.tasks["groups/person/seed0"].needs


def test_each_seed_has_groups_of_its_own(settings: dict[str, Any]) -> None:
    changes = ["groups.names=[harmonious,contextualised]", "groups.ratios=[]"]
    one, two = (
        build_graph(Workbench(Experiment.model_validate(apply_overrides(settings, [*changes, seeds])))).tasks
        for seeds in ("seeds=[0]", "seeds=[0,1]")
    )
    drawn = [two[f"groups/person/seed{seed}"] for seed in (0, 1)]
    assert drawn[0].recipe["settings"]["seed"] != drawn[1].recipe["settings"]["seed"]
    assert not set(drawn[0].outputs) & set(drawn[1].outputs)
    assert two["train/person/harmonious/seed1"].needs == ("groups/person/seed1",)
    # A seed that is added later draws, trains and asks nothing of the others anew; texts are written for all.
    assert {key for key in one if one[key].address != two[key].address} == {
        "write/person",
        "analyse",
        "report",
    }


def test_which_groups_are_built_later_train_others_anew(settings: dict[str, Any]) -> None:
    def address(*changes: str) -> str:
        changed = apply_overrides(json.loads(json.dumps(settings)), changes)
        graph = build_graph(Workbench(Experiment.model_validate(changed)))
        return graph.tasks["train/person/harmonious/seed0"].address

    def named(names: str, how: str) -> str:
        return address(f"groups={{names: [harmonious,{names}], explanations: {how}}}")

    alone = named("incompatible", "none")
    assert named("incompatible,self_aligning,general_only,permuted", "none") == alone
    assert address("groups={ratios: [0.5], explanations: none}") == alone
    # Items of two options leave all groups with `random_wrong`.
    assert named("incompatible,random_wrong", "none") != alone
    # Explanations are equal: where one group cannot have them none has.
    equal = named("incompatible", "equal")
    assert named("incompatible,general_only", "equal") == equal
    assert named("incompatible,self_aligning", "equal") != equal
    assert named("incompatible,self_aligning", "equal") == named("incompatible,self_aligning", "none")
    # What lacks a text leaves all groups.
    own = named("self_aligning", "own")
    assert named("self_aligning,incompatible", "own") == own != named("self_aligning,permuted", "own")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _address(recipe: dict[str, Any]) -> str:
    text = json.dumps(recipe, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def test_addresses_are_made_of_this_and_nothing_else(settings: dict[str, Any], lab_data: Path) -> None:
    """Worked out by hand, so that runs of earlier versions go on where they were."""
    experiment = Experiment.model_validate(settings)
    bench = Workbench(experiment)
    tasks = build_graph(bench).tasks

    def source(name: str, **settings: Any) -> dict[str, Any]:
        base = {"path": f"person/{name}.jsonl", "domain": "person"}
        known = experiment.domains["person"].train.model_dump(mode="json") | {"limit": None}
        return {"settings": known | base | settings, "sha256": _sha256(lab_data / "person" / f"{name}.jsonl")}

    suites = {
        name: [source(name, limit=40), source("dev")]
        for name in ("homogeneous", "in_domain", "out_of_domain")
    }
    data = {"kind": "data", "version": VERSIONS["data"], "train": source("train"), "shots": source("dev")}
    data["suites"] = suites
    assert tasks["data/person"].address == _address(data)
    leakage = {"kind": "leakage", "version": VERSIONS["leakage"], "ngram": experiment.leakage.ngram}
    assert tasks["leakage"].address == _address({**leakage, "data": {"data/person": _address(data)}})
    evaluate: dict[str, Any] = tasks["evaluate/person/base/chat0/letter/in_domain"].recipe
    assert {key: evaluate[key] for key in ("kind", "version", "model", "dtype", "form")} == {
        "kind": "evaluate",
        "version": VERSIONS["evaluate"],
        "model": bench.model_hash(),
        "dtype": "float32",
        "form": "chat0",
    }
    assert [evaluate["items"], evaluate["shots"]] == suites["in_domain"]
    assert evaluate["asking"]["template"] == bench.template().hash
    assert {"device", "batch_tokens", "executor", "workers"}.isdisjoint(json.dumps(evaluate).split('"'))
    # Where the work is done is in no address.
    placed = apply_overrides(settings, ["execution={executor: processes, workers: 3}"])
    other = build_graph(Workbench(Experiment.model_validate(placed))).tasks
    assert {key: task.address for key, task in tasks.items()} == {
        k: task.address for k, task in other.items()
    }


def test_the_manifest_lists_tasks_as_the_graph_does_whichever_ended_first(tmp_path: Path) -> None:
    manifest = Manifest.read(tmp_path)
    manifest.keep(Graph([_task("a"), _task("b"), _task("c", after=("a", "b"))]))
    for key in ("b", "a"):
        manifest.note(key, Noted(status="done"))
        assert "c" not in Manifest.read(tmp_path).stages
    assert list(json.loads((tmp_path / "manifest.json").read_text())["stages"]) == ["a", "b"]


def test_answers_of_an_earlier_version_are_told_and_asked_anew(
    settings: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = tmp_path / "run"
    left = {"status": "done", "address": "0" * 64, "outputs": {}}
    old = {"predictions/person/base/chat0/in_domain.parquet": {"size": 1, "sha256": "0"}}
    stages = {"probe/person": left, "evaluate/person/base/chat0/in_domain": left | {"outputs": old}}
    claim_run(run)
    (run / "manifest.json").write_text(json.dumps({"stages": stages}))
    made = Run(Workbench(Experiment.model_validate(settings)), Watcher())
    (said,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "1 files of answers lie where an earlier version put them" in said and str(run) in said
    asked = made.graph.tasks["evaluate/person/base/chat0/letter/in_domain"]
    assert (
        not made.manifest.is_done(asked)
        and "evaluate/person/base/chat0/in_domain" not in made.manifest.stages
    )


def test_what_servers_alone_write_needs_no_model_here(settings: dict[str, Any]) -> None:
    url = "http://127.0.0.1:1/v1"
    changes = [
        "groups.names=[contextualised, self_aligning]",
        "groups.explanations=own",
        f"writing.served={{url: '{url}', model: m}}",
        "writing.contexts.writer=served",
    ]
    for own, needs_model in (("served", False), ("base", True)):
        given = apply_overrides(settings, [*changes, f"writing.explanations.own={own}"])
        bench = Workbench(Experiment.model_validate(given))
        tasks = build_graph(bench).tasks
        assert {key: task.servers for key, task in tasks.items() if task.servers} == {"write/person": (url,)}
        cost = tasks["write/person"].cost
        assert cost is not None and (cost(Costs(bench)).memory is not None) == needs_model
