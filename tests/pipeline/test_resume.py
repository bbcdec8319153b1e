"""A run killed in every stage ends with the same files as one that was not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from recorder import TIMES, without_cost

from harmonia.hashing import file_sha256

# Where to kill: the stage that must have begun, and what it must have left half done.
KILLS = [
    ("data/person", None),
    ("probe/person", ".partial/*.jsonl"),
    ("groups/person/seed0", None),
    ("evaluate/person/base/icl2/letter/in_domain", None),
    ("train/person/harmonious/seed0", ".partial/*/checkpoint-2/harmonia_complete"),
    ("evaluate/person/harmonious/seed0/chat0/letter/homogeneous", None),
    ("train/person/incompatible/seed0", None),
    ("analyse", None),
    ("report", None),
]


# The driver is killed here, too; the processes that work for it end with it.
IN_PROCESSES = [KILLS[1], KILLS[4], KILLS[5], KILLS[8]]


def _start(experiment: Path, out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, str(Path(__file__).with_name("told_run.py")), str(experiment), f"out={out}"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environment
    )


def _kill_in(experiment: Path, out: Path, stage: str, half_done: str | None) -> bool:
    """Kill a run inside a stage; False if the stage ended too soon for that."""
    process = _start(experiment, out)
    assert process.stderr is not None
    seen = []
    for line in process.stderr:
        seen.append(line)
        if line.strip() == f"{stage} ...":
            break
    else:
        raise AssertionError(f"{stage} never began:\n{''.join(seen)}")
    deadline = time.monotonic() + 60
    while half_done and process.poll() is None and not any(out.glob(half_done)):
        assert time.monotonic() < deadline, f"{half_done} never appeared"
        time.sleep(0.002)
    process.kill()
    process.wait()
    process.stderr.close()
    manifest = json.loads((out / "manifest.json").read_text())
    if stage not in manifest["stages"]:
        return True
    # A busy machine let the stage end first: take its note and all later ones away, to try again.
    noted = list(manifest["stages"])
    for key in noted[noted.index(stage) :]:
        del manifest["stages"][key]
    (out / "manifest.json").write_text(json.dumps(manifest))
    lines = (out / "stages.jsonl").read_text().splitlines(keepends=True)
    (out / "stages.jsonl").write_text("".join(x for x in lines if json.loads(x)["key"] in manifest["stages"]))
    return False


def _finish(experiment: Path, out: Path) -> str:
    process = _start(experiment, out)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return errors


def _files(run: Path) -> dict[str, str]:
    files = [path for path in run.rglob("*") if path.is_file() and ".partial" not in path.parts]
    return {
        path.relative_to(run).as_posix(): file_sha256(path)
        for path in files
        if path.name not in {"manifest.json", "stages.jsonl", *TIMES}
    }


def _manifest(run: Path) -> dict[str, Any]:
    """The manifest without what two runs cannot have alike: times, memory, where they lie."""
    manifest: dict[str, Any] = json.loads((run / "manifest.json").read_text())
    manifest.pop("command")
    for stage in manifest["stages"].values():
        stage.pop("seconds")
        stage.pop("peak_memory_mb")
        # experiment.yaml and the page name the run directory itself.
        stage["outputs"] = {k: v for k, v in stage["outputs"].items() if k != "report.html"}
    manifest["stages"].pop("report")
    return manifest


@pytest.mark.slow
@pytest.mark.parametrize(("executor", "kills"), [("local", KILLS), ("processes", IN_PROCESSES)])
def test_killed_run_ends_like_an_undisturbed_one(
    executor: str, kills: list[tuple[str, str | None]], settings: dict[str, Any], tmp_path: Path
) -> None:
    experiment_file = tmp_path / "small.yaml"
    experiment_file.write_text(
        yaml.safe_dump({**settings, "execution": {"executor": executor, "workers": 2}})
    )
    calm, killed = tmp_path / "a" / "run", tmp_path / "b" / "run"
    _finish(experiment_file, calm)
    for stage, half_done in kills:
        assert any(_kill_in(experiment_file, killed, stage, half_done) for _ in range(5)), stage
    resumed = _finish(experiment_file, killed)
    assert "probe/person: skipped" in resumed
    one, two = _files(calm), _files(killed)
    assert one.keys() == two.keys()
    assert {name for name in one if one[name] != two[name]} <= {"experiment.yaml", "report.html"}
    for name in ("experiment.yaml", "report.html"):
        texts = [without_cost((run / name).read_text()).replace(str(run), "RUN") for run in (calm, killed)]
        assert texts[0] == texts[1]
    assert _manifest(calm) == _manifest(killed)
    assert [path.name for path in (killed / ".partial").iterdir()] == ["lock"]
