"""What every executor keeps to: the same files, a failure that stops only what needs it, resuming."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import yaml
from models import REPOSITORY
from recorder import Recorder, results_of

from harmonia.errors import HarmoniaError, InputError
from harmonia.models import LocalModel
from harmonia.pipeline.agenda import Agenda, GivenUnit, Run
from harmonia.pipeline.executors import Executor, Local, perform
from harmonia.pipeline.experiment import ExecutionSettings, Experiment
from harmonia.pipeline.manifest import PARTIAL, Noted
from harmonia.pipeline.processes import Processes
from harmonia.pipeline.run import executor_of, run_experiments
from harmonia.pipeline.settings_file import apply_overrides
from harmonia.pipeline.workbench import Workbench
from harmonia.probe.fit import read_fit

SMALL = [
    "groups.names=[harmonious, incompatible]",
    "groups.ratios=[]",
    "groups.size=6",
    "domains.person.train.limit=60",
    "probe.draws=2",  # so that there are two parts
    "domains.person.suites.out_of_domain.items.limit=8",
    "evaluation={base_forms: [chat0], tuned_forms: [chat0], readouts: []}",
]
TRAINED = "train/person/harmonious/seed0"
TUNED = {"fit/person/harmonious/seed0"} | {
    f"evaluate/person/harmonious/seed0/chat0/letter/{suite}"
    for suite in ("homogeneous", "in_domain", "out_of_domain")
}


DROP = "execution.keep_models=none"


class InTurn(Executor):
    """Two places in this process, and a task of each in turn: an executor as CONTRIBUTING says."""

    threads = 1
    splits = True

    def run(self, agenda: Agenda) -> None:
        at_work: list[tuple[GivenUnit, Workbench]] = []
        while True:
            while len(at_work) < 2 and (unit := agenda.take()):
                at_work.append((unit, Workbench(unit.bench.experiment, unit.bench.fingerprints)))
            if not at_work:
                return
            for unit, bench in at_work:
                assert unit.task is not None
                unit.ended(perform(unit.task, bench, unit.progress))
            at_work = [(unit, bench) for unit, bench in at_work if unit.task]


SMALL_NODE = {"include_dashboard": False, "object_store_memory": 80_000_000}
EXECUTORS: dict[str, Callable[[], Executor]] = {
    "local": Local,
    "in turn": InTurn,
    "processes": lambda: Processes(2),
    "ray": lambda: executor_of(ExecutionSettings(executor="ray")),
}
"""Each with one thread a place, so that sums are taken in one order."""


@pytest.fixture(
    params=[
        pytest.param(name, marks=[pytest.mark.slow] * (name in ("processes", "ray"))) for name in EXECUTORS
    ]
)
def executor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Executor:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    if request.param == "ray":
        request.getfixturevalue("_cluster")
    made = EXECUTORS[request.param]()
    assert made.threads == 1
    return made


@pytest.fixture(scope="module")
def _cluster(_beside_others: None) -> Any:
    """A cluster of this machine, which an executor uses as it finds it."""
    import ray

    ray.init(address="local", num_cpus=2, **SMALL_NODE)
    yield
    ray.shutdown()


@pytest.fixture(scope="module", autouse=True)
def _beside_others() -> Any:
    """Ray yields to other programs: it ends workers where memory is short, and lets others go first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_memory_monitor_refresh_ms", "0")
        patch.setenv("RAY_worker_niceness", "0")
        yield


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Any:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _experiment(settings: dict[str, Any], *changes: str) -> Experiment:
    given = {change.partition("=")[0] for change in changes}
    small = [one for one in SMALL if one.partition("=")[0] not in given]
    return Experiment.model_validate(apply_overrides(json.loads(json.dumps(settings)), [*small, *changes]))


@pytest.fixture(scope="module")
def finished(settings_of: Any, tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """A finished run, by the local executor."""
    experiment = _experiment(settings_of(tmp_path_factory.mktemp("finished") / "run"))
    run_experiments([experiment], Local())
    return experiment


@pytest.fixture
def copied(finished: Experiment, tmp_path: Path) -> Experiment:
    shutil.copytree(finished.run_directory, tmp_path / "copy")
    return finished.model_copy(update={"out": str(tmp_path / "copy")})


def _statuses(run: Path) -> dict[str, str]:
    stages = json.loads((run / "manifest.json").read_text())["stages"]
    return {key: noted["status"] for key, noted in stages.items()}


@pytest.mark.slow
def test_the_files_are_the_same(executor: Executor, finished: Experiment, tmp_path: Path) -> None:
    twins = [
        finished.model_copy(update={"out": str(tmp_path / name), "name": name}) for name in ("one", "two")
    ]
    recorder = Recorder()
    assert run_experiments(twins, executor, recorder) == [tmp_path / "one", tmp_path / "two"]
    wanted = results_of(finished.run_directory)
    assert {name.split("/")[0] for name in wanted} >= {"beliefs", "groups", "predictions", "tables", "models"}
    for twin in twins:
        found = results_of(twin.run_directory)
        found["claims.json"] = found["claims.json"].replace(f'"{twin.name}"'.encode(), b'"small"')
        differing = {name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name)}
        # Tables that name the run do so.
        assert {name for name in differing if not name.startswith("tables/differences")} == set()
        assert set(_statuses(twin.run_directory).values()) == {"done"}
        assert list((twin.run_directory / ".partial").iterdir()) == [twin.run_directory / ".partial" / "lock"]
    # Each task has been begun after all it waits for, and nothing is done twice.
    assert len(recorder.order) == 2 * len(_statuses(twins[0].run_directory))
    recorder = Recorder()
    run_experiments(twins, executor, recorder)
    assert recorder.done() == set()


class _Meddler(Recorder):
    """Does something when a task has ended, or is at work."""

    def __init__(
        self, key: str, *, ended: Callable[[], None] | None = None, at_work: Callable[[], None] | None = None
    ) -> None:
        super().__init__()
        self._key, self._do_ended, self._do_at_work = key, ended, at_work

    def end(self, run: str, key: str, outcome: str) -> None:
        super().end(run, key, outcome)
        if key == self._key and self._do_ended:
            self._do_ended()

    def progress(self, run: str, key: str, done: int, total: int) -> None:
        if key == self._key and self._do_at_work:
            self._do_at_work()
            self._do_at_work = None


@pytest.mark.slow
def test_what_fails_stops_what_needs_it_and_no_other(executor: Executor, copied: Experiment) -> None:
    run = copied.run_directory
    whole = results_of(run)
    group = run / "groups/person/seed0/harmonious.jsonl"
    shutil.rmtree(run / "models")
    for answers in ("predictions", "fit"):
        shutil.rmtree(run / answers / "person/harmonious")
    meddler = _Meddler("groups/person/seed0", ended=lambda: group.write_text("{}\n"))
    with pytest.raises(HarmoniaError) as caught:
        run_experiments([copied], executor, meddler)
    assert not isinstance(caught.value, InputError)
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{run}: 1 of {len(_statuses(run))} tasks failed."
    assert lines[1].startswith(f"  {TRAINED}: ") and "harmonious.jsonl, row 1" in lines[1]
    assert lines[2].startswith("  Not computed because of that: fit/person/harmonious/seed0, evaluate/")
    statuses = _statuses(run)
    assert {key for key, status in statuses.items() if status == "failed"} == {TRAINED}
    assert {key for key, status in statuses.items() if status == "not_computed"} == TUNED
    assert meddler.ended["train/person/incompatible/seed0"] == meddler.ended["report"] == "done"
    results = (run / "tables/results.csv").read_text()
    assert "incompatible" in results and "harmonious" not in results
    assert not (run / "predictions/person/harmonious").exists() or not list(
        (run / "predictions/person/harmonious").rglob("*.parquet")
    )
    page = (run / "report.html").read_text()
    assert "failed: " in page and TRAINED in page
    # Started again it takes up what failed, and what was made without it.
    recorder = Recorder()
    run_experiments([copied], executor, recorder)
    assert recorder.done() == {"groups/person/seed0", TRAINED, *TUNED, "analyse", "report"}
    assert results_of(run) == whole


@pytest.mark.slow
def test_a_stopped_run_is_taken_up_and_nothing_is_done_twice(executor: Executor, copied: Experiment) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    run = copied.run_directory
    whole = results_of(run)
    for folder in ("beliefs", "models/person/harmonious", "predictions/person/harmonious"):
        shutil.rmtree(run / folder)
    stopped, again = _Meddler(TRAINED, ended=stop), Recorder()
    with pytest.raises(KeyboardInterrupt):
        run_experiments([copied], executor, stopped)
    assert stopped.done() == {"probe/person", TRAINED}
    run_experiments([copied], executor, again)
    assert again.done() == TUNED - {"fit/person/harmonious/seed0"} | {"report"}
    assert results_of(run) == whole


@pytest.mark.slow
def test_parts_that_were_asked_are_not_asked_again(
    settings: dict[str, Any], finished: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    asked = LocalModel.loglikelihoods

    def counted(model: LocalModel, requests: Any, **how: Any) -> Any:
        calls.append(len(requests))
        return asked(model, requests, **how)

    def stop() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(LocalModel, "loglikelihoods", counted)
    experiment = _experiment(settings)
    with pytest.raises(KeyboardInterrupt):
        run_experiments([experiment], InTurn(), _Meddler("probe/person", at_work=stop))
    assert calls.count(60) == 1
    # Another executor takes it up.
    run_experiments([experiment], Local())
    assert calls.count(60) == 2
    assert results_of(experiment.run_directory) == results_of(finished.run_directory)


@pytest.mark.slow
def test_an_item_that_fails_is_named_and_fails_its_task_alone(
    executor: Executor, settings: dict[str, Any], tmp_path: Path
) -> None:
    lines = (Path(settings["data_root"]) / "person/train.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines[:60]]
    rows[7]["question"] += " And of who else?" * 200  # more than the model reads
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    train = f"domains.person.train.path={tmp_path / 'train.jsonl'}"
    recorder = Recorder()
    with pytest.raises(HarmoniaError, match=rf"1 of \d+ tasks failed.\n  probe/person: .*{rows[7]['id']}"):
        run_experiments([_experiment(settings, train)], executor, recorder)
    failed = {key for key, outcome in recorder.ended.items() if outcome.startswith("failed")}
    assert failed == {"probe/person"}
    assert recorder.ended["evaluate/person/base/chat0/letter/homogeneous"] == "done"
    assert recorder.ended[TRAINED].startswith("not computed")


@pytest.mark.slow
def test_a_loss_that_is_no_number_fails_the_training_alone(copied: Experiment) -> None:
    wild = copied.model_copy(update={"training": copied.training.model_copy(update={"learning_rate": 1e30})})
    recorder = Recorder()
    with pytest.raises(HarmoniaError, match=r"2 of \d+ tasks failed") as caught:
        run_experiments([wild], Local(), recorder)
    assert re.search(r"(loss|grad_norm) is (nan|inf) at optimizer step", str(caught.value))
    assert {key for key, outcome in recorder.ended.items() if outcome.startswith("failed: ")} == {
        TRAINED,
        "train/person/incompatible/seed0",
    }
    assert recorder.done() == {"analyse", "report"}


@pytest.mark.slow
def test_a_process_that_dies_fails_its_task_alone(
    copied: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    run = copied.run_directory
    whole = results_of(run)
    shutil.rmtree(run / "models")
    for answers in ("predictions", "fit"):
        shutil.rmtree(run / answers / "person/harmonious")

    def kill() -> None:
        (worker,) = (one for one in psutil.Process().children() if "spawn_main" in " ".join(one.cmdline()))
        worker.kill()

    meddler = _Meddler(TRAINED, at_work=kill)
    with pytest.raises(HarmoniaError, match=f"{TRAINED}: its process ended with exit code -9"):
        run_experiments([copied], Processes(1), meddler)
    assert {key for key, status in _statuses(run).items() if status != "done"} == {TRAINED, *TUNED}
    assert meddler.ended["train/person/incompatible/seed0"] == "done"
    recorder = Recorder()
    run_experiments([copied], Processes(1), recorder)
    assert recorder.done() == {TRAINED, *TUNED, "analyse", "report"}
    assert results_of(run) == whole


def test_wrong_input_of_one_experiment_is_told_before_any_is_begun(
    executor: Executor, settings: dict[str, Any], tmp_path: Path
) -> None:
    good = _experiment(settings, f"out={tmp_path / 'good'}")
    for change, words in (
        ("general=nothing.jsonl", "nothing.jsonl"),
        ("domains.person.train.path=general.jsonl", "general.jsonl"),
    ):
        with pytest.raises(InputError, match=words):
            run_experiments([good, _experiment(settings, f"out={tmp_path / 'bad'}", change)], executor)
    assert not list(tmp_path.iterdir())


def test_settings_say_who_does_it() -> None:
    assert isinstance(executor_of(ExecutionSettings()), Local)
    chosen = executor_of(ExecutionSettings(executor="processes", workers=3))
    assert isinstance(chosen, Processes) and chosen.threads >= 1
    words = ("torchrun", "--nproc-per-node", "2", "a b")
    for launch in (words, ["torchrun", "--nproc-per-node", 2, "a b"], "torchrun --nproc-per-node 2 'a b'"):
        assert ExecutionSettings.model_validate({"launch": launch}).launch == words


@pytest.mark.slow
def test_models_that_are_not_kept_are_gone_once_they_were_asked(
    executor: Executor, settings: dict[str, Any], finished: Experiment
) -> None:
    """All else is as in a run that keeps them; for one suite more its models are trained anew."""
    experiment = _experiment(settings, DROP)
    run_experiments([experiment], executor, Recorder())
    wanted, found = results_of(finished.run_directory), results_of(experiment.run_directory)
    gone = {path.rpartition("/")[2] for path in wanted.keys() - found.keys()}
    assert "model.safetensors" in gone and "loss.jsonl" not in gone
    assert found == {path: held for path, held in wanted.items() if path in found}
    assert {path for path in wanted if not path.startswith("models/")} <= found.keys()
    again, more = Recorder(), Recorder()
    run_experiments([experiment], executor, again)
    assert not again.done()
    asked = "domains.person.suites.more={items: {path: person/dev.jsonl, domain: person, limit: 4}}"
    run_experiments([_experiment(settings, DROP, asked)], executor, more)
    trained = {key for key in more.done() if key.startswith("train/")}
    assert trained == {TRAINED, TRAINED.replace("harmonious", "incompatible")}
    assert not TUNED & more.done()


@pytest.mark.slow
def test_a_model_whose_evaluation_failed_is_not_dropped(copied: Experiment) -> None:
    none = copied.execution.model_copy(update={"keep_models": "none"})
    run = Run(Workbench(copied.model_copy(update={"execution": none})), Recorder())
    unit, weights = run.graph.units[TRAINED], copied.run_directory / "models/person/harmonious/seed0"
    asked = unit[-1].key
    answered = run.manifest.stages[asked]
    run.manifest.note(asked, Noted(status="failed", address=answered.address, reason="no memory"))
    run.drop_model(unit)
    assert (weights / "model.safetensors").is_file()
    run.manifest.note(asked, answered)
    run.drop_model(unit)
    assert not (weights / "model.safetensors").exists()


@pytest.mark.slow
def test_the_last_seed_is_kept(settings: dict[str, Any]) -> None:
    experiment = _experiment(settings, "execution.keep_models=last", "seeds=[4, 2]")
    run_experiments([experiment], Local(), Recorder())
    whole = experiment.run_directory.glob("models/*/*/*/model.safetensors")
    assert {path.parent.name for path in whole} == {"seed2"}


@pytest.mark.slow
def test_a_worker_has_a_launcher_train_in_processes_that_hold_parts_of_the_model(
    finished: Experiment, tmp_path: Path, _cluster: None
) -> None:
    """FSDP2 on gloo, started by a worker of Ray: the losses of one process, and a model that is asked."""
    shared = yaml.safe_load((REPOSITORY / "examples/accelerate/fsdp2.yaml").read_text())["fsdp_config"]
    launch = ["env", "ACCELERATE_USE_FSDP=true"]
    launch += [f"{name.upper()}={str(value).lower()}" for name, value in shared.items()]
    launch += [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    launch += [str(REPOSITORY / "tests/training/fsdp_on_cpu.py")]
    run, key = tmp_path / "run", "person/harmonious/seed0"
    shutil.copytree(finished.run_directory, run)
    for made in (f"models/{key}", f"fit/{key}.parquet"):
        shutil.move(run / made, tmp_path / made.replace("/", "-"))
    execution = ExecutionSettings.model_validate({"executor": "ray", "launch": launch})
    steps: list[int] = []

    class Told(Recorder):
        def progress(self, run: str, key: str, done: int, total: int) -> None:
            if key == TRAINED:
                steps.append(done)

    recorder = Told()
    experiment = finished.model_copy(update={"out": str(run), "execution": execution})
    run_experiments([experiment], executor_of(execution), recorder)
    assert {TRAINED, f"fit/{key}"} <= recorder.done() and steps
    losses = [
        [json.loads(line)["loss"] for line in path.read_text().splitlines()]
        for path in (
            run / f"models/{key}/loss.jsonl",
            tmp_path / f"models-{key.replace('/', '-')}/loss.jsonl",
        )
    ]
    assert losses[0] == pytest.approx(losses[1], abs=1e-4) and len(losses[0]) == 3
    here = read_fit(tmp_path / f"fit-{key.replace('/', '-')}.parquet")
    for one, other in zip(read_fit(run / f"fit/{key}.parquet"), here, strict=True):
        assert one.trained_target == pytest.approx(other.trained_target, abs=1e-3)


@pytest.mark.slow
def test_a_launcher_that_fails_fails_the_task_with_what_it_said(copied: Experiment) -> None:
    run = copied.run_directory
    shutil.rmtree(run / "models/person/harmonious")
    launch = (sys.executable, "-c", "raise SystemExit('nobody here')")
    execution = copied.execution.model_copy(update={"launch": launch})
    with pytest.raises(HarmoniaError, match="exit code 1 and without a model: nobody here"):
        run_experiments([copied.model_copy(update={"execution": execution})], Local())
    assert _statuses(run)[TRAINED] == "failed"
    (log,) = (run / PARTIAL).glob("*/launched.log")
    reason = json.loads((run / "manifest.json").read_text())["stages"][TRAINED]["reason"]
    assert log.read_text() == "nobody here\n" and str(log) in reason


@pytest.mark.slow
@pytest.mark.parametrize(
    "script",
    [
        '"$0" "$@" <&- >/dev/null 2>&1',  # nothing to read from, and nothing is heard
        "printf '\\351\\n'; : | \"$0\" \"$@\" | sed 's/^/[rank0]:/'",  # no UTF-8, a pipe that ends, labels
    ],
)
def test_what_a_launcher_does_with_what_is_said_changes_nothing(copied: Experiment, script: str) -> None:
    run = copied.run_directory
    whole = results_of(run)
    shutil.rmtree(run / "models/person/harmonious")
    launch = ("sh", "-c", script, sys.executable)
    execution = copied.execution.model_copy(update={"launch": launch})
    run_experiments([copied.model_copy(update={"execution": execution})], Local())
    assert results_of(run) == whole
    assert not list((run / PARTIAL).glob("*/launched.log"))


@pytest.mark.slow
@pytest.mark.parametrize("stopped", [True, False], ids=["the run is stopped", "the launcher is killed"])
def test_nothing_that_was_launched_survives_and_what_it_did_is_taken_up(
    copied: Experiment, monkeypatch: pytest.MonkeyPatch, stopped: bool
) -> None:
    """A launcher that does not heed to be ended, and a process that it left to itself."""
    monkeypatch.setattr("harmonia.training.launched._PATIENCE_S", 0.2)
    run = copied.run_directory
    whole = results_of(run)
    shutil.rmtree(run / "models/person/harmonious")
    script = 'trap \'\' TERM; "$0" "$@"; true'
    launch = ("sh", "-c", script, sys.executable)
    execution = copied.execution.model_copy(update={"launch": launch})
    launched = copied.model_copy(update={"execution": execution})
    left: list[psutil.Process] = []

    def disturb() -> None:
        # Beside it there may be a cluster of the other tests.
        (launcher,) = (one for one in psutil.Process().children() if script in one.cmdline())
        left.extend((launcher, *launcher.children(recursive=True)))
        assert len(launcher.children()) == 1
        if stopped:
            raise KeyboardInterrupt
        launcher.kill()

    with pytest.raises(KeyboardInterrupt if stopped else HarmoniaError, match=None if stopped else "code -9"):
        run_experiments([launched], Local(), _Meddler(TRAINED, at_work=disturb))
    gone, alive = psutil.wait_procs(left, timeout=10)
    assert len(gone) >= 2 and not alive
    run_experiments([launched], Local())
    assert results_of(run) == whole


def test_a_launched_process_ends_when_whoever_waits_for_it_is_killed(tmp_path: Path) -> None:
    """The one has its place held by a lock, which ends with it; the other finds the lock free."""
    holds = "import sys; from filelock import FileLock; lock = FileLock(sys.argv[1]); lock.acquire()"
    holds += "; print(flush=True); input()"
    lock = str(tmp_path / "waiting")
    pipe = subprocess.PIPE
    waiting = subprocess.Popen([sys.executable, "-c", holds, lock], stdin=pipe, stdout=pipe)
    assert waiting.stdout is not None and waiting.stdout.read(1)
    code = "import sys, time; from pathlib import Path; from harmonia.training import launched\n"
    code += "launched.end_with_the_waiting(Path(sys.argv[1])); print(flush=True); time.sleep(60)"
    left = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert left.stdout is not None and left.stdout.read(1)
    with pytest.raises(subprocess.TimeoutExpired):
        left.wait(1)
    waiting.kill()
    waiting.communicate()
    left.communicate(timeout=30)
    assert left.returncode == 1


@pytest.mark.slow
def test_what_a_cluster_lacks_is_told_before_anything_is_written(
    settings: dict[str, Any], tmp_path: Path, _cluster: None
) -> None:
    experiment = _experiment(settings, f"out={tmp_path / 'run'}")
    large = ExecutionSettings.model_validate({"executor": "ray", "ray": {"gpus": 8}})
    with pytest.raises(InputError, match=r"a worker of 1 CPUs, 8 GPUs .*saw 'at most 2 CPUs, 0 GPUs"):
        run_experiments([experiment], executor_of(large))
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_machines_that_die_while_probing_and_while_training_change_nothing(
    settings: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import ray
    from ray.cluster_utils import Cluster

    # Long enough to be seen at work.
    longer = ("probe.draws=8", "training.epochs=8")
    calm = _experiment(settings, f"out={tmp_path / 'calm'}", *longer)
    run_experiments([calm], Local())
    ray.shutdown()  # of the other tests
    # One machine has the driver and no room for a model; one worker is on one of the others.
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **SMALL_NODE})
    for _ in range(3):
        cluster.add_node(num_cpus=1, object_store_memory=80_000_000)
    killed = []

    class Killer(Recorder):
        def progress(self, run: str, key: str, done: int, total: int) -> None:
            if key in {"probe/person", TRAINED}.difference(killed) and done < total:
                alive = [one for one in ray._private.state.actors().values() if one["State"] == "ALIVE"]
                places = {one["Address"]["NodeID"] for one in alive}
                (node,) = (one for one in cluster.worker_nodes if one.node_id in places)
                cluster.remove_node(node, allow_graceful=False)
                killed.append(key)

    execution = ExecutionSettings.model_validate(
        {"executor": "ray", "workers": 1, "ray": {"address": cluster.address}}
    )
    copy = calm.model_copy(update={"out": str(tmp_path / "run"), "execution": execution})
    killer = Killer()
    try:
        run_experiments([copy], executor_of(execution), killer)
        assert not ray.is_initialized()
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert killed == ["probe/person", TRAINED]
    assert set(killer.ended.values()) == {"done"}
    assert results_of(copy.run_directory) == results_of(calm.run_directory)
    lost = [line for line in caplog.messages if "its worker was lost" in line]
    # The first machine may be gone between two parts of the probe, and the worker of the second may have
    # taken up another task of the fine-tuning before, or the next one.
    *probed, trained = (line.split(":")[0] for line in lost)
    assert set(probed) <= {"probe/person"} and trained.startswith(("train/", "fit/", "evaluate/"))


def test_a_task_whose_workers_are_lost_each_time_fails_at_the_fifth(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray sends it again without end (`max_task_retries`): the board, which outlives workers, counts."""
    import ray

    from harmonia.pipeline.ray_worker import Board, RayWorker

    board, told, experiment = Board(), [], _experiment(settings)
    begin = SimpleNamespace(remote=board.begin)
    monkeypatch.setattr(ray, "get_actor", lambda name: SimpleNamespace(begin=begin))
    monkeypatch.setattr(ray, "get", lambda given: given)
    monkeypatch.setattr("harmonia.pipeline.ray_worker.require_same", lambda *_: told.append("begun"))
    monkeypatch.setattr("harmonia.pipeline.ray_worker.perform", lambda task, *_: task)
    task = Run(Workbench(experiment), Recorder()).graph.tasks[TRAINED]
    for times in range(1, 5):
        worker = RayWorker("folder", "mark", "version", threads=1)  # another each time
        assert worker.do(experiment, {}, task, 7, None) == (task, times)
    left, times = worker.do(experiment, {}, task, 7, None)
    assert (left.status, left.address, times, len(told)) == ("failed", task.address, 5, 4)
    assert left.reason == "each of 4 workers that were at it was lost"
    assert worker.do(experiment, {}, task, 8, None) == (task, 1)


@pytest.mark.slow
def test_a_cluster_of_this_machine_is_started_and_stopped(finished: Experiment) -> None:
    import ray

    ray.shutdown()  # of the other tests
    ended = signal.getsignal(signal.SIGTERM)
    recorder = Recorder()
    run_experiments([finished], executor_of(ExecutionSettings(executor="ray")), recorder)
    assert set(recorder.ended.values()) == {"skipped"}
    assert not ray.is_initialized() and signal.getsignal(signal.SIGTERM) is ended
    assert not [one for one in psutil.Process().children(recursive=True) if "raylet" in one.name()]


def test_an_address_that_nothing_answers_at_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    def init(**_: object) -> None:
        raise ConnectionError("Could not find any running Ray instance")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    settings = ExecutionSettings.model_validate({"executor": "ray", "ray": {"address": "127.0.0.1:1"}})
    with pytest.raises(InputError, match=r"no Ray cluster answers there, or .*127\.0\.0\.1:1"):
        executor_of(settings).require([])


def test_a_ray_client_is_refused() -> None:
    with pytest.raises(ValueError, match="ray job submit"):
        ExecutionSettings.model_validate({"ray": {"address": "ray://head:10001"}})


def test_a_worker_that_is_not_set_up_for_the_run_says_so(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harmonia import __version__
    from harmonia.pipeline.ray_files import Sent
    from harmonia.pipeline.ray_worker import MARK, require_same

    monkeypatch.chdir(tmp_path)
    experiment = _experiment(settings, "out=here")
    with pytest.raises(InputError, match="another version of harmonia"):
        require_same(experiment, str(tmp_path), "mark", "0.0", None)
    # Another folder of the same name, or none.
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(InputError, match="does not see the run directory"):
            require_same(experiment, str(folder), "mark", __version__, None)
    (tmp_path / "here" / MARK).parent.mkdir(parents=True)
    (tmp_path / "here" / MARK).write_text("mark")
    require_same(experiment, str(tmp_path), "mark", __version__, None)
    # Where files are returned the data must be those of the driver.
    sent = Sent.of(Run(Workbench(_experiment(settings, "out=there")), Recorder()))
    require_same(experiment, str(tmp_path), "", __version__, sent)
    other = replace(sent, data={**sent.data, "person/dev.jsonl": "0"})
    with pytest.raises(InputError, match=r"person/dev\.jsonl: machine .* does not have the data .*Copy data"):
        require_same(experiment, str(tmp_path), "", __version__, other)


HIDING = """
import os, sys
hidden = os.environ.get("HIDDEN")
def hide(event, args):
    path = args[0] if args and event in ("open", "os.mkdir", "os.rename", "os.remove") else None
    if hidden and isinstance(path, (str, os.PathLike)) and os.path.abspath(path).startswith(hidden):
        raise FileNotFoundError(path)
sys.addaudithook(hide)
"""


@pytest.mark.slow
def test_machines_that_do_not_see_the_run_directory_return_the_files(
    settings: dict[str, Any], finished: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray
    from ray.cluster_utils import Cluster

    ray.shutdown()  # of the other tests
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(HIDING)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **SMALL_NODE})
    with monkeypatch.context() as machine:
        machine.setenv("PYTHONPATH", str(tmp_path / "site"), prepend=os.pathsep)
        machine.setenv("HIDDEN", str(tmp_path / "run"))
        cluster.add_node(num_cpus=2, object_store_memory=80_000_000)

    def run(files: str) -> Recorder:
        chosen = {"executor": "ray", "ray": {"address": cluster.address, "files": files}}
        execution, recorder = ExecutionSettings.model_validate(chosen), Recorder()
        experiment = _experiment(settings).model_copy(update={"execution": execution})
        try:
            run_experiments([experiment], executor_of(execution), recorder)
        except InputError as error:
            assert "does not see the run directory" in str(error)
            assert "execution.ray.files=returned" in str(error)
        return recorder

    try:
        assert not run("shared").ended
        assert set(run("returned").ended.values()) == {"done"}
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert results_of(tmp_path / "run") == results_of(finished.run_directory)
    assert [path.name for path in (tmp_path / "run/.partial").iterdir()] == ["lock"]
    assert not list(Path(tempfile.gettempdir()).glob("harmonia-*/*/beliefs"))
