"""A run whose base model is served: all but fine-tunings, stopped by another model, taken up again."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from command_line import harmonia as command
from dialects import CONTEXT, TOKENIZER, Speaker
from recorder import Recorder, results_of

import harmonia
from harmonia.analysis.tables import FOLDER, RESULTS
from harmonia.compare.tables import COMPARED
from harmonia.errors import HarmoniaError, InputError
from harmonia.models.abilities import FIXED
from harmonia.pipeline.agenda import Agenda
from harmonia.pipeline.executors import Executor, perform
from harmonia.pipeline.experiment import ExecutionSettings, Experiment
from harmonia.pipeline.run import executor_of, run_experiment, run_experiments
from harmonia.pipeline.task import Task
from harmonia.probe import read_beliefs

pytestmark = pytest.mark.slow


@pytest.fixture
def settings(lab_data: Path, tmp_path: Path) -> dict[str, Any]:
    items = {"path": "person/homogeneous.jsonl", "domain": "person", "limit": 8}
    return {
        "name": "served",
        "out": str(tmp_path / "run"),
        "data_root": str(lab_data),
        "train": False,
        "prompt": {"options_first": True, "shots": 0},
        "groups": {"names": ["harmonious", "incompatible"], "ratios": [], "size": 2, "explanations": "none"},
        "domains": {
            "person": {
                "train": {"path": "person/train.jsonl", "domain": "person", "limit": 12},
                "suites": {"homogeneous": {"items": items}},
            }
        },
    }


def served(settings: dict[str, Any], server: Speaker, **more: Any) -> Experiment:
    model = {"served": server.url, "name": "m", "backoff_s": 0.01, **more}
    return Experiment.model_validate({**settings, "model": model})


def questions(server: Speaker) -> list[str]:
    """The prompts of which the server has been asked since, but for the fixed ones."""
    bodies = [body for path, body in server.asked if path == "/v1/completions"]
    prompts = [one["prompt"] for one in bodies]
    texts = [one if isinstance(one, str) else TOKENIZER.decode(one) for one in prompts]
    return [text for text in texts if "Answer" in text and text not in FIXED]


def test_a_run_asks_builds_and_shows_what_needs_no_weights(speaker, settings):
    server = speaker("llama")
    experiment = served(settings, server)
    run = run_experiment(experiment)
    manifest = json.loads((run / "manifest.json").read_text())
    assert {one["status"] for one in manifest["stages"].values()} == {"done"}
    assert {key.partition("/")[0] for key in manifest["stages"]} == {
        *("data", "leakage", "probe", "groups", "evaluate", "analyse", "report")
    }
    model = harmonia.serve(server.url, "m")
    assert (manifest["model"]["hash"], manifest["model"]["name"]) == (model.identity, "m")
    beliefs = read_beliefs(run / "beliefs" / "person.parquet")
    asked = harmonia.probe(model, [one.item for one in beliefs], form="icl0", prompt=experiment.prompt)
    assert [one.probs for one in beliefs] == [one.probs for one in asked]
    # The training files, as a trainer takes them: what the model has right, and what it has wrong.
    correct = {one.item.id: one.correct for one in beliefs}
    for name, right in (("harmonious", True), ("incompatible", False)):
        lines = (run / f"groups/person/seed0/{name}.jsonl").read_text().splitlines()
        rows = [json.loads(line) for line in lines]
        assert [correct[row["id"]] for row in rows] == [right] * 2
        assert [turn["role"] for row in rows for turn in row["messages"]] == ["user", "assistant"] * 2
    found = {(row.group, row.form, row.readout): row.accuracy for row in RESULTS.read(run / FOLDER)}
    assert {group for group, *_ in found} == {"base"}
    assert {readout for *_, readout in found} == {"letter", "cloze"}
    page = (run / "report.html").read_text()
    assert server.url in page and model.identity in page
    # All of it is done: only the fixed texts are asked.
    server.asked.clear()
    assert run_experiment(experiment) == run and not questions(server)


def test_a_run_that_another_model_stopped_goes_on_with_the_first(speaker, settings, tmp_path):
    server = speaker("llama")
    whole = run_experiment(served({**settings, "out": str(tmp_path / "whole")}, server))
    server.asked.clear()

    def change(number: int) -> None:
        server.model = int(len(questions(server)) > 20)

    server.fail = change
    with pytest.raises(HarmoniaError, match="as it did not before: another model is served now"):
        run_experiment(served(settings, server))
    server.fail, server.model = (lambda number: None), 0
    server.asked.clear()
    run = run_experiment(served(settings, server))
    assert len(questions(server)) > 0
    for path in (*whole.glob("predictions/**/*.parquet"), *whole.glob("beliefs/*.parquet")):
        same = run / path.relative_to(whole)
        assert [one.probs for one in read_beliefs(same)] == [one.probs for one in read_beliefs(path)]
    # Another model from the start has other addresses: nothing of the first one stands for it.
    before = json.loads((run / "manifest.json").read_text())["stages"]["probe/person"]["address"]
    server.model = 1
    run_experiment(served(settings, server))
    assert json.loads((run / "manifest.json").read_text())["stages"]["probe/person"]["address"] != before


def test_what_cannot_be_is_said_before_the_run(speaker, settings, tmp_path):
    server = speaker("openai", most=5, forces=False)
    file = tmp_path / "served.yaml"
    model = {"served": server.url, "name": "m"}
    file.write_text(yaml.safe_dump({**settings, "model": model, "train": True}))
    told = command("run", file)
    assert told.returncode == 2 and "a served model cannot be trained: set train: false" in told.stderr
    file.write_text(yaml.safe_dump({**settings, "model": {**model, "nam": "m"}}))
    told = command("run", file)
    assert told.returncode == 2 and "field 'model.nam'" in told.stderr and "served.yaml" in told.stderr
    TOKENIZER.save_pretrained(tmp_path / "tokenizer")
    server.complete, whole = None, server.complete
    server.complete = lambda body: whole({**body, "echo": False})
    with pytest.raises(InputError, match="by cloze a model is asked for whole texts") as caught:
        run_experiment(served(settings, server, tokenizer=str(tmp_path / "tokenizer"), max_tokens=CONTEXT))
    assert "evaluation.readouts=[]" in str(caught.value)
    assert not Path(settings["out"]).exists()


def test_two_served_models_are_compared_and_what_is_not_told_is_said(speaker, lab_data, tmp_path):
    TOKENIZER.save_pretrained(tmp_path / "tokenizer")
    how = [f"model.tokenizer={tmp_path / 'tokenizer'}", f"model.max_tokens={CONTEXT}"]
    how += ["prompt.shots=0", "model.backoff_s=0.01", "items.limit=8", "items.domain=person"]
    whole, other, few = speaker("llama"), speaker("llama", model=1), speaker("llama", most=4, forces=False)
    exam = lab_data / "person" / "homogeneous.jsonl"

    def compared(before: Speaker, after: Speaker, readouts: str) -> str:
        out = [
            "--items",
            exam,
            "--out",
            tmp_path / "compared",
            *how,
            f"readouts=[{readouts}]",
            "after.name=other",
        ]
        told = command("compare", "--before", before.url, "--after", after.url, *out)
        assert told.returncode == 0, told.stderr
        return told.stdout + told.stderr

    compared(whole, other, "letter,cloze")
    rows = COMPARED.read(tmp_path / "compared" / "tables")
    models = [harmonia.serve(one.url, "m") for one in (whole, other)]
    asked = [harmonia.probe(one, exam, form="icl0", limit=8, domain="person") for one in models]
    (letter,) = (row for row in rows if row.readout == "letter")
    assert (letter.accuracy_before, letter.accuracy_after) == tuple(
        sum(belief.correct for belief in beliefs) / 8 for beliefs in asked
    )
    assert {row.readout for row in rows} == {"letter", "cloze"} and letter.kl > 0
    said = compared(whole, few, "letter")
    assert "letters that the server did not list hold at most" in " ".join(said.split())
    # One model, asked in two ways: the same answers, whatever is not told.
    (row,) = COMPARED.read(tmp_path / "compared" / "tables")
    assert (row.lost, row.gained) == (0, 0)
    assert row.accuracy_before == row.accuracy_after == letter.accuracy_before


def test_a_plan_of_a_served_model_tells_tokens_and_no_time(speaker, settings, tmp_path):
    server = speaker("llama")
    experiment = served(settings, server)
    plan = harmonia.pipeline.plan.make_plan(experiment, tflops=1)
    assert plan.all.tokens > 0 and plan.all.seconds is None and plan.all.memory is None
    assert any("its own affair" in note for note in plan.notes)
    with pytest.raises(InputError, match="field 'parameters': the model is served"):
        harmonia.pipeline.plan.make_plan(experiment, tflops=1, parameters=7e9)
    file = tmp_path / "served.yaml"
    file.write_text(yaml.safe_dump({**settings, "model": {"served": server.url, "name": "m"}}))
    told = command("plan", file, "--tflops", 1)
    assert told.returncode == 0 and "reckoned with" not in told.stdout
    told = command("plan", file, "--tflops", 1, "--gpus", 4)
    assert told.returncode == 2 and "for a served model leave --gpus out" in told.stderr


class AllAtOnce(Executor):
    """Takes whatever it is given before it does any of it."""

    threads = 1
    splits = True

    def __init__(self) -> None:
        self.taken: list[list[Task]] = []

    def run(self, agenda: Agenda) -> None:
        while units := list(iter(agenda.take, None)):
            self.taken.append([unit.task for unit in units if unit.task])
            for unit in units:
                while unit.task:
                    unit.ended(perform(unit.task, unit.bench, unit.progress))


def most_at_once(server: Speaker) -> list[int]:
    """How many requests a server has had under way at a time, from now on; the last one is the most."""
    said, lock, now, most = server.said, threading.Lock(), 0, [0]

    def counted(path: str, body: Any) -> Any:
        nonlocal now
        with lock:
            now += 1
            most.append(max(now, most[-1]))
        time.sleep(0.003)
        try:
            return said(path, body)
        finally:
            with lock:
                now -= 1

    server.said = counted
    return most


def test_on_a_cluster_a_server_is_asked_as_by_one_place(speaker, settings, tmp_path, monkeypatch) -> None:
    """The same files, as many requests at a time, and what goes wrong is taken up: 40 questions, 4 tasks."""
    ray = pytest.importorskip("ray", reason="no Ray: pip install -e '.[dev]'")
    (domain,) = settings["domains"].values()
    letters = {"base_forms": ["icl0"], "readouts": []}
    settings |= {"evaluation": letters, "domains": {name: domain for name in ("person", "again")}}
    server, at_once, chosen = speaker("llama"), AllAtOnce(), ExecutionSettings(executor="ray")
    (whole,) = run_experiments([served({**settings, "out": str(tmp_path / "whole")}, server)], at_once)
    assert max(map(len, at_once.taken)) > 1
    assert max(sum(bool(task.servers) for task in tasks) for tasks in at_once.taken) == 1

    def gone(number: int) -> None:
        if len(questions(server)) > 20:
            raise ConnectionAbortedError  # the connection ends without an answer

    def change(number: int) -> None:
        server.model = int(len(questions(server)) > 10)

    monkeypatch.setenv("RAY_memory_monitor_refresh_ms", "0")  # other programs may have filled the memory
    ray.init(address="local", num_cpus=2, include_dashboard=False, object_store_memory=80_000_000)
    try:
        most = most_at_once(server)
        # Two tasks are done before it goes.
        for fail, said in ((gone, "no answer from the server"), (change, "as it did not before")):
            server.asked.clear()
            server.fail = fail
            recorder = Recorder()
            with pytest.raises(HarmoniaError, match=said):
                broken = served(settings, server, attempts=2, workers=3)
                run_experiments([broken], executor_of(chosen), recorder)
            assert recorder.ended["report"] == "done"
        # Of the two that are left only the first asked the other model.
        assert len(questions(server)) == 12
        server.fail, server.model = (lambda number: None), 0
        server.asked.clear()
        (run,) = run_experiments([served(settings, server, workers=3)], executor_of(chosen))
    finally:
        ray.shutdown()
    assert results_of(run) == results_of(whole)
    assert len(questions(server)) == 20 and most[-1] == 3
