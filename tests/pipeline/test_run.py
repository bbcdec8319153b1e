"""What a run leaves, what is done again and what is not."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from recorder import Recorder

from harmonia.errors import HarmoniaError, InputError
from harmonia.pipeline.experiment import Experiment
from harmonia.pipeline.graph import build_graph
from harmonia.pipeline.manifest import claim_run
from harmonia.pipeline.run import run_experiment
from harmonia.pipeline.settings_file import apply_overrides, load_experiment
from harmonia.pipeline.workbench import Workbench
from harmonia.probe import read_beliefs
from harmonia.probe.fit import read_fit

PROMISED = (
    "experiment.yaml",
    "manifest.json",
    "beliefs/person.parquet",
    "groups/person/seed0/harmonious.jsonl",
    "groups/person/seed0/mixed_1.jsonl",
    "models/person/harmonious/seed0/model.safetensors",
    "predictions/person/base/icl2/letter/homogeneous.parquet",
    "predictions/person/incompatible/seed0/chat0/letter/out_of_domain.parquet",
    "predictions/person/incompatible/seed0/chat0/cloze/out_of_domain.parquet",
    "fit/person/incompatible/seed0.parquet",
    "tables/fit.csv",
    "tables/consistency.csv",
    "tables/results.csv",
    "report.html",
)
"""The layout that DESIGN.md promises."""

HEAD = [
    "versions",
    "command",
    "seeds",
    "model",
    "preset",
    "template_hash",
    "answer_tokens",
    "machine",
    "data",
]


def _run(settings: dict[str, Any], *changes: str) -> tuple[Path, Recorder]:
    recorder = Recorder()
    copy = json.loads(json.dumps(settings))
    return run_experiment(Experiment.model_validate(apply_overrides(copy, changes)), recorder), recorder


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.mark.slow
def test_run_directory_and_what_is_run_again(settings: dict[str, Any], lab_data: Path) -> None:
    settings["evaluation"]["readouts"] = ["cloze"]
    run, recorder = _run(settings)
    assert len(recorder.done()) == 4 + 12 + 3 * (1 + 1 + 6) + 2
    for path in PROMISED:
        assert (run / path).is_file(), path
    assert any((run / "figures").glob("*.png"))
    manifest = json.loads((run / "manifest.json").read_text())
    for key in HEAD:
        assert manifest[key], key
    stage = manifest["stages"]["train/person/harmonious/seed0"]
    assert stage["seconds"] > 0 and stage["peak_memory_mb"] > 100
    # 12 rows and 12 general ones, twice, 8 at a time.
    assert stage["notes"][0].startswith("6 optimizer steps of up to 8 rows: fewer than 10")

    # results.csv against the prediction files, counted here.
    for row in _rows(run / "tables/results.csv"):
        who = "base" if row["group"] == "base" else f"{row['group']}/seed{row['seed']}"
        place = f"{who}/{row['form']}/{row['readout']}/{row['suite']}"
        beliefs = read_beliefs(run / f"predictions/person/{place}.parquet")
        assert {belief.method for belief in beliefs} == {row["readout"]}
        right = [b.probs.index(max(b.probs)) == b.item.answer for b in beliefs]
        assert float(row["accuracy"]) == sum(right) / len(right) and int(row["n"]) == len(right) == 40
    cells = {(r["group"], r["before_form"], r["after_form"]) for r in _rows(run / "tables/consistency.csv")}
    assert cells == {("base", "icl2", "chat0")} | {
        (group, before, "chat0")
        for group in ("harmonious", "incompatible", "mixed_1")
        for before in ("icl2", "chat0")
    }

    _numbers_are_those_of_plain_transformers(run)

    # Nothing is run again: not for the same settings, not for ones that cannot change a result.
    assert _run(settings)[1].done() == set()
    assert _run(settings, "probe.batch_tokens=300", "training.micro_tokens=300")[1].done() == {"report"}
    # A ratio more: the groups are rewritten, but only the new model is trained.
    more = _run(settings, "groups.ratios=[0.5,1.0]")[1].done()
    assert {key for key in more if key.startswith("train/")} == {"train/person/mixed_0.5/seed0"}
    assert not {key for key in more if key.startswith(("probe/", "evaluate/person/base"))}
    # A file touched by hand is made again; a lost model too.
    (run / "groups/person/seed0/harmonious.jsonl").write_text("{}\n")
    shutil.rmtree(run / "models/person/incompatible")
    assert _run(settings, "groups.ratios=[0.5,1.0]")[1].done() >= {
        "groups/person/seed0",
        "train/person/incompatible/seed0",
    }
    _damaged_weights_are_made_again(run, settings)


def _numbers_are_those_of_plain_transformers(run: Path) -> None:
    """One answer in words and one trained row, by a forward pass for each option."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = run / "models/person/harmonious/seed0"
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    system = (
        "A chat between a curious user and an artificial intelligence assistant. The assistant gives "
        "helpful, detailed, and polite answers to the user's questions."
    )

    def probs(question: str, answers: Sequence[str]) -> list[float]:
        asked = f"{system} USER: {question} ASSISTANT:"
        start, sums = len(tokenizer(asked).input_ids), []
        for answer in answers:
            ids = tokenizer(f"{asked} {answer}").input_ids
            with torch.no_grad():
                logprobs = model(torch.tensor([ids])).logits[0].log_softmax(-1)
            sums.append(sum(logprobs[k - 1, ids[k]].item() for k in range(start, len(ids))))
        return torch.tensor(sums).softmax(0).tolist()

    belief = read_beliefs(run / "predictions/person/harmonious/seed0/chat0/cloze/in_domain.parquet")[7]
    expected = probs(f"{belief.item.question}\nAnswer:", belief.item.choices)
    assert belief.probs == pytest.approx(expected, abs=1e-4)
    fitted = read_fit(run / "fit/person/harmonious/seed0.parquet")[3]
    lines = (run / "groups/person/seed0/harmonious.jsonl").read_text().splitlines()
    row = json.loads(lines[fitted.row - 1])
    assert (row["id"], row["target"]) == (fitted.id, fitted.target)
    trained = probs(row["messages"][0]["content"], "ABCD"[: len(row["choices"])])
    assert fitted.trained_target == pytest.approx(trained[fitted.target], abs=1e-4)
    assert fitted.trained == trained.index(max(trained))


def _damaged_weights_are_made_again(run: Path, settings: dict[str, Any]) -> None:
    folder = "models/person/harmonious/seed0"
    weights = run / folder / "model.safetensors"
    whole = weights.read_bytes()
    for damaged in (whole[:-1000], whole[:-1000] + bytes(1000)):
        weights.write_bytes(damaged)
        assert _run(settings, "groups.ratios=[0.5,1.0]")[1].done() == {"train/person/harmonious/seed0"}
        assert weights.read_bytes() == whole
    # And between two stages of one run.
    weights.write_bytes(whole[:-1000] + bytes(1000))
    with pytest.raises(InputError, match="the tuned model has changed since this run noted it"):
        Workbench(Experiment.model_validate(settings)).tuned(folder)
    weights.write_bytes(whole)


def test_a_base_that_changes_during_a_run_is_refused(settings: dict[str, Any], tmp_path: Path) -> None:
    base = Path(shutil.copytree(settings["model"]["path"], tmp_path / "base"))
    settings["model"]["path"] = str(base)
    bench = Workbench(Experiment.model_validate(settings))
    bench.model_hash()
    with (base / "model.safetensors").open("r+b") as handle:
        handle.seek(-1000, 2)
        handle.write(bytes(1000))
    with pytest.raises(InputError, match="have changed since this run noted them"):
        bench.base()


def test_the_tokenizer_of_a_base_is_read_once_and_must_stay(settings: dict[str, Any], tmp_path: Path) -> None:
    base = Path(shutil.copytree(settings["model"]["path"], tmp_path / "base"))
    settings["model"]["path"] = str(base)
    bench, another = (Workbench(Experiment.model_validate(settings)) for _ in range(2))
    assert bench.base().tokenizer is bench.template().chat.tokenizer
    another.template()
    with (base / "tokenizer.json").open("a") as handle:
        handle.write("\n")
    with pytest.raises(InputError, match="have changed since this run noted them"):
        another.base()


@pytest.mark.slow
def test_domain_without_groups_is_told_and_the_rest_goes_on(settings: dict[str, Any]) -> None:
    run, recorder = _run(settings, "groups.threshold=0.999999")
    assert recorder.ended["groups/person/seed0"].startswith("not computed: ")
    assert "which could not be computed" in recorder.ended["train/person/harmonious/seed0"]
    assert recorder.ended["analyse"] == recorder.ended["report"] == "done"
    assert {row["group"] for row in _rows(run / "tables/results.csv")} == {"base"}
    assert "no group can be built" in (run / "report.html").read_text()


def test_addresses_know_what_decides_a_result(settings: dict[str, Any]) -> None:
    def addresses(*changes: str) -> dict[str, str]:
        copy = apply_overrides(json.loads(json.dumps(settings)), changes)
        return {
            s.key: s.address for s in build_graph(Workbench(Experiment.model_validate(copy))).tasks.values()
        }

    before = addresses()
    for neutral in (
        "probe.batch_tokens=1",
        "model.device=auto",
        "training.micro_tokens=100",
        "training.save_steps=7",
        "training.gradient_checkpointing=true",
        "out=elsewhere",
    ):
        after = addresses(neutral)
        assert {k for k in before if before[k] != after[k]} <= {"report"}, neutral
    changed = {
        "model.dtype=bfloat16": "probe/person",
        "prompt.shots=1": "probe/person",
        "prompt.options_first=false": "probe/person",
        "probe.normalisation=char": "probe/person",
        "groups.threshold=0.6": "groups/person/seed0",
        "groups.seed=1": "train/person/harmonious/seed0",
        "training.learning_rate=0.5": "train/person/harmonious/seed0",
        "training.precision=bf16": "train/person/harmonious/seed0",
        "domains.person.train.limit=9": "probe/person",
    }
    for change, key in changed.items():
        assert addresses(change)[key] != before[key], change
    assert addresses("training.epochs=9")["probe/person"] == before["probe/person"]


def test_two_runs_cannot_share_a_directory(settings: dict[str, Any]) -> None:
    from filelock import FileLock

    lock = Path(settings["out"]) / ".partial" / "lock"
    lock.parent.mkdir(parents=True)
    claim_run(Path(settings["out"]))
    with FileLock(lock), pytest.raises(HarmoniaError, match="another run is at work"):
        _run(settings)


@pytest.mark.parametrize(
    ("text", "row", "words"),
    [
        ("name: [", 1, "not YAML"),
        ("- a", None, "not a table"),
        ("name: x\nmodel: {path: m}\ndomains: {}\n", 3, "at least 1"),
        ("name: a/b\nmodel: {path: m}\n", 1, "a/b"),
        ("name: x\nmodel:\n  path: m\n  dtyp: 3\n", 4, "'model.dtyp': Extra inputs are not permitted"),
        ("name: x\nmodel:\n  path: m\n  dtyp: 3\n", 4, "Did you mean model.dtype?"),
        ("name: x\nmodel:\n  path: m\ntraining:\n  epochs: 0\n", 5, "training.epochs"),
        ("name: x\nmodel: {path: m}\ntraining: {batch_size: 0}\n", 3, "greater than"),
        ("name: x\nseeds: [0]\nname: y\n", 3, "the key stands twice, first in line 1; saw 'name'"),
        ("name: x\nmodel: {path: m}\nseeds: 2024-99-99\n", 3, "not a value of timestamp; saw '2024-99-99'"),
        ("name: x\nmodel: {path: m}\ntraining: {learning_rate: .inf}\n", 3, "not a finite number"),
        ("name: x\nmodel: !!python/name:os.system {path: m}\n", 2, "the tag !!python/name:os.system"),
        ("name: x\nmodel: {path: m}\nwriting: {served: {url: 'http://a:b@c', model: m}}\n", 3, "key_env"),
        ("name: x\nmodel: {path: m}\nevaluation:\n  base_forms: [icl, chat0]\n", None, "not a form"),
    ],
)
def test_wrong_settings_name_file_row_and_field(
    tmp_path: Path, text: str, row: int | None, words: str
) -> None:
    path = tmp_path / "e.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load_experiment(path)
    message = str(caught.value)
    assert str(path) in message and words in message
    if row is not None:
        assert f"row {row}," in message or f"row {row}:" in message


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["seeds=[1]", "name=y", "seeds=[2]"], "it would undo seeds, given before"),
        (["training.epochs=1", "training={batch_size: 2}"], "it would undo training.epochs, given before"),
        (["seeds=2024-99-99"], "not a value of timestamp"),
        (["seeds=" + "[" * 5000 + "]" * 5000], "inside one another"),
        (["seeds={a: 1, a: 2}"], "stands twice"),
    ],
)
def test_wrong_overrides_name_the_setting(overrides: list[str], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        apply_overrides({}, overrides)
    assert caught.value.field == overrides[-1].partition("=")[0]


@pytest.mark.parametrize(
    ("override", "field", "remedy"),
    [
        ("trainig.epochs=1", "trainig", "Did you mean training?"),
        ("training.epoch=1", "training.epoch", "Did you mean training.epochs?"),
        ("domains.law.train.pth=x", "domains.law.train.path", "Add it."),
        ("nonsense=1", "nonsense", "Remove it, or correct its spelling"),
        ("training.lora=4", "training.lora", "docs/settings.md"),
    ],
)
def test_what_an_override_brings_is_not_told_of_the_file(
    override: str, field: str, remedy: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "e.yaml"
    path.write_text(yaml.safe_dump(settings))
    load_experiment(path)
    with pytest.raises(InputError) as caught:
        load_experiment(path, [override])
    assert (caught.value.file, caught.value.row, caught.value.field) == (None, None, field)
    assert caught.value.remedy.startswith(remedy)


def test_a_part_of_a_table_may_be_set_after_it() -> None:
    values = apply_overrides({}, ["training={epochs: 1, batch_size: 4}", "training.epochs=2"])
    assert values == {"training": {"epochs": 2, "batch_size": 4}}


def test_a_file_builds_on_another(settings: dict[str, Any], tmp_path: Path) -> None:
    below, above = tmp_path / "study" / "all.yaml", tmp_path / "one.yaml"
    below.parent.mkdir()
    below.write_text(yaml.safe_dump(settings))
    above.write_text("extends: study/all.yaml\nname: one\ntraining: {epochs: 7}\n")
    found = load_experiment(above, ["training.batch_size=16"])
    assert (found.name, found.training.epochs, found.training.batch_size) == ("one", 7, 16)
    assert found.training.learning_rate == settings["training"]["learning_rate"]
    assert found.domains == Experiment.model_validate(settings).domains
    # What is wrong is told where it is said: in an override, in either file, or, of both, in the upper.
    for overrides, upper, lower, where in (
        (["training.batch_size=0"], 7, 1, (None, None)),
        (["training={batch_size: 0}"], 7, 1, (None, None)),
        (["name=x"], 0, 1, (str(above), 3)),
        ([], 7, 0, (str(below), 2)),
    ):
        above.write_text(f"extends: study/all.yaml\nname: one\ntraining: {{epochs: {upper}}}\n")
        below.write_text(f"name: all\ntraining: {{batch_size: {lower}, epochs: 0}}\nmodel: {{path: m}}\n")
        with pytest.raises(InputError, match=r"'training\.\w+'.*saw 0") as caught:
            load_experiment(above, [*overrides, "domains={}"])
        assert (caught.value.file, caught.value.row) == where
    below.write_text("extends: ../one.yaml\n")
    with pytest.raises(InputError, match="in a circle"):
        load_experiment(above)
    below.unlink()
    with pytest.raises(InputError, match=r"all\.yaml"):
        load_experiment(above)
