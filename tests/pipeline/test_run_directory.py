"""What a run directory outlasts: damage, a move, files of others in it, and names of all kinds."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from recorder import Recorder, without_cost

from harmonia.analysis.tables import PROBE
from harmonia.errors import InputError
from harmonia.pipeline.experiment import Experiment
from harmonia.pipeline.manifest import Manifest
from harmonia.pipeline.run import run_experiment
from harmonia.pipeline.settings_file import apply_overrides, load_experiment
from harmonia.pipeline.workbench import Workbench
from harmonia.probe import ProbeSettings, ask
from harmonia.prompts import ShotPool, parse_form
from harmonia.report.question_data import QuestionData
from harmonia.report.rendered import Rendering
from harmonia.report.run_index import RunIndex

pytestmark = pytest.mark.slow

SMALL = [
    "groups.names=[harmonious]",
    "groups.ratios=[]",
    "evaluation.base_forms=[chat0]",
    "domains.person.train.limit=60",
    "groups.size=6",
]


def _experiment(settings: dict[str, Any], *changes: str) -> Experiment:
    copy = apply_overrides(json.loads(json.dumps(settings)), [*SMALL, *changes])
    return Experiment.model_validate(copy)


def _again(experiment: Experiment) -> set[str]:
    """The stages that run anew."""
    recorder = Recorder()
    run_experiment(experiment, recorder)
    return recorder.done()


@pytest.fixture(scope="module")
def finished(settings_of: Any, tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """A finished run; tests take copies of it."""
    place = tmp_path_factory.mktemp("finished") / "run"
    experiment = _experiment(settings_of(place))
    run_experiment(experiment)
    return experiment


@pytest.fixture
def copied(finished: Experiment, tmp_path: Path) -> Iterator[Experiment]:
    place = tmp_path / "copy"
    shutil.copytree(finished.run_directory, place)
    experiment = finished.model_copy(update={"out": str(place)})
    assert _again(experiment) == {"report"}  # it names the folder
    yield experiment


def test_the_page_shows_the_very_prompts_that_were_asked(finished: Experiment, tmp_path: Path) -> None:
    bench, person = Workbench(finished), finished.domains["person"]
    items = bench.items(person.train).items[:5]
    pool = ShotPool.of(bench.items(person.shots).items, finished.prompt)
    form, kept = parse_form("icl2"), ProbeSettings(keep_prompts=True)
    asked = ask(bench.base(), items, form, bench.template(), settings=kept, pool=pool)
    index = RunIndex.read(finished.run_directory)
    found = Rendering(index).prompts("person", PROBE, ("icl2", "letter"), items)
    assert found == [belief.prompt for belief in asked.beliefs] and len(set(found)) == 5
    data = json.loads(QuestionData(index).json()[0])
    assert not data["promptless"]
    assert {data["blocks"][one["block"]]["suite"] for one in data["prompts"]} == {PROBE, *person.suites}
    # Elsewhere the demonstrations are not at hand: the page says so, and has all else.
    shutil.copytree(finished.run_directory, tmp_path / "moved")
    settings = tmp_path / "moved" / "experiment.yaml"
    settings.write_text(settings.read_text().replace(f"data_root: {finished.root}", "data_root: nowhere"))
    moved = json.loads(QuestionData(RunIndex.read(tmp_path / "moved")).json()[0])
    assert "the file of demonstrations is not here" in moved["promptless"]
    assert moved["answers"] == data["answers"]


DAMAGES = {
    "cut": lambda text: text[:900],
    "cut in a character": lambda text: text[: len(text) // 2] + "\udcc3",
    "empty": lambda _: "",
    "nothing but NULs": lambda text: "\0" * len(text),
    "list": lambda _: "[]",
    "number": lambda _: "3",
    "null": lambda _: "null",
    "no stages": lambda _: "{}",
    "stages a list": lambda _: '{"stages": []}',
    "stages null": lambda _: '{"stages": null}',
    "stage empty": lambda _: '{"stages": {"probe/person": {}}}',
    "stage half": lambda _: '{"stages": {"probe/person": {"address": "x"}}}',
    "stage null": lambda _: '{"stages": {"probe/person": null}}',
    "outputs wrong": lambda text: text.replace('"outputs": {', '"outputs": {"x": 3, '),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_manifest_costs_no_work(damage: str, copied: Experiment) -> None:
    path = copied.run_directory / "manifest.json"
    whole = path.read_text()
    path.write_text(DAMAGES[damage](whole), errors="surrogateescape")
    assert _again(copied) == set()
    made, was = (json.loads(text) for text in (path.read_text(), whole))
    assert {**made, "command": was["command"]} == was


def test_a_manifest_that_is_gone_costs_no_work(copied: Experiment) -> None:
    (copied.run_directory / "manifest.json").unlink()
    assert _again(copied) == set()


def test_damaged_notes_of_stages_cost_only_their_own_work_or_none(
    copied: Experiment, caplog: pytest.LogCaptureFixture
) -> None:
    notes = copied.run_directory / "stages.jsonl"
    manifest = copied.run_directory / "manifest.json"
    lines = notes.read_text().splitlines(keepends=True)
    place = next(n for n, line in enumerate(lines) if json.loads(line)["key"] == "probe/person")
    lines[place] = lines[place].replace("0", "1")
    notes.write_text("".join(lines))
    assert _again(copied) == set() and "lines are damaged" in caplog.text
    lines = notes.read_text().splitlines(keepends=True)
    lines[place] = "\0" * 50 + "\n"
    notes.write_text("".join(lines))
    manifest.write_text("[]")
    assert _again(copied) == {"probe/person"}
    notes.unlink()
    assert _again(copied) == set()


@pytest.mark.parametrize("text", ["", "[]", "{", "\0" * 40, '{"train": null}'])
def test_a_damaged_note_of_the_data_is_made_again(text: str, copied: Experiment) -> None:
    path = copied.run_directory / "data" / "person.json"
    whole = path.read_bytes()
    path.write_text(text)
    assert _again(copied) == {"data/person"}
    assert path.read_bytes() == whole
    assert json.loads((copied.run_directory / "manifest.json").read_text())["data"]
    # One of a domain that the settings no longer have is nobody's concern.
    (copied.run_directory / "data" / "other.json").write_text(text)
    assert _again(copied) == set()


def test_a_report_made_alone_names_the_data(copied: Experiment) -> None:
    page = copied.run_directory / "report.html"
    whole = page.read_text()
    page.unlink()
    assert _again(copied) == {"report"}
    assert without_cost(page.read_text()) == without_cost(whole) and "person/train.jsonl" in whole


def test_damaged_results_are_made_again(copied: Experiment) -> None:
    run = copied.run_directory
    before = (run / "report.html").read_text()
    for path, stage in {
        "beliefs/person.parquet": "probe/person",
        "tables/results.csv": "analyse",
        "tables/leakage.parquet": "leakage",
        "groups/person/seed0/summary.json": "groups/person/seed0",
        "models/person/harmonious/seed0/training.json": "train/person/harmonious/seed0",
        "report.html": "report",
    }.items():
        whole = (run / path).read_bytes()
        (run / path).write_bytes(whole[: len(whole) // 2])
        assert _again(copied) == {stage}
        made = (run / path).read_bytes()
        # A stage that was made again took another time, which the page shows.
        assert made == whole if stage != "report" else without_cost(made.decode()) == without_cost(before)


def test_a_run_goes_on_where_it_was_moved_to(copied: Experiment, caplog: pytest.LogCaptureFixture) -> None:
    old = copied.run_directory
    moved = old.with_name("moved")
    old.rename(moved)
    found = load_experiment(moved / "experiment.yaml")
    assert found.run_directory == moved and f"goes on in {moved}" in caplog.text
    assert _again(found) == {"report"} and not old.exists()
    caplog.clear()
    assert load_experiment(moved / "experiment.yaml").run_directory == moved and not caplog.text
    # Where `out` is said it holds, and a file that lies elsewhere says it itself.
    assert load_experiment(moved / "experiment.yaml", ["out=there"]).run_directory == Path("there")
    shutil.copy(moved / "experiment.yaml", old.with_name("experiment.yaml"))
    assert load_experiment(old.with_name("experiment.yaml")).run_directory == moved


def test_a_run_without_a_place_of_its_own_goes_on_where_it_lies(
    copied: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = copied.run_directory
    path = run / "experiment.yaml"
    path.write_text(path.read_text().replace(f"out: {run}", "out: null"))
    monkeypatch.chdir(run)
    assert load_experiment(Path("experiment.yaml")).run_directory == run.resolve()
    monkeypatch.chdir(tmp_path)
    link = tmp_path / "link"
    link.symlink_to(run)
    assert load_experiment(link / "experiment.yaml").run_directory == run.resolve()


def test_a_folder_of_others_is_no_run_directory(settings: dict[str, Any], tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    for name in ("experiment.yaml", "manifest.json", "thesis.tex"):
        (mine / name).write_text("name: mine")
        with pytest.raises(InputError, match=f"'out'.*'{name}', which harmonia did not write"):
            run_experiment(_experiment(settings, f"out={mine}"))
        assert [path.name for path in mine.iterdir()] == [name]
        (mine / name).unlink()
    (tmp_path / "file").write_text("x")
    for out in ("file", "file/below"):
        with pytest.raises(InputError, match="is not a folder"):
            run_experiment(_experiment(settings, f"out={tmp_path / out}"))


def test_what_others_put_into_a_run_stays(copied: Experiment) -> None:
    run = copied.run_directory
    for place in (run, run / "figures", run / "models/person/harmonious/seed0"):
        (place / "mine.txt").write_text("mine")
    (run / "figures" / "loss-person.svg").unlink()
    (run / "models/person/harmonious/seed0/training.json").unlink()
    assert _again(copied) == {"report", "train/person/harmonious/seed0"}
    # The groups can no longer be built, and their models go.
    harder = copied.model_copy(update={"groups": copied.groups.model_copy(update={"threshold": 0.999999})})
    run_experiment(harder)
    assert not list(run.glob("models/**/*.safetensors"))
    for place in (run, run / "figures", run / "models/person/harmonious/seed0"):
        assert (place / "mine.txt").read_text() == "mine"


def test_a_run_killed_before_its_first_stage_is_taken_up(finished: Experiment, tmp_path: Path) -> None:
    place = tmp_path / "run"
    shutil.copytree(finished.run_directory, place)
    for path in place.iterdir():
        if path.name not in (".harmonia", ".partial"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert Manifest.read(place).stages == {}
    assert "probe/person" in _again(finished.model_copy(update={"out": str(place)}))


def test_what_another_run_did_before_this_one_holds_the_directory_stays_done(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = _experiment(settings)

    def check(*_: Any) -> None:
        monkeypatch.undo()
        run_experiment(experiment)

    monkeypatch.setattr("harmonia.pipeline.run.check", check)
    assert _again(experiment) == set()
