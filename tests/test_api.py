"""The functions of `import harmonia`: their names, and that they do what the commands do."""

from __future__ import annotations

import inspect
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pytest
import yaml
from command_line import harmonia as command
from scipy.stats import binomtest
from scipy.stats import entropy as kl_divergence

import harmonia
from harmonia.errors import InputError
from harmonia.models.fake import FakeModel
from harmonia.pipeline.settings_file import load_experiment
from harmonia.types import Belief, Item
from harmonia.world import base_folder

EMPTY = inspect.Parameter.empty

# Other programs call these: a change here breaks them.
SIGNATURES: dict[str, dict[str, Any]] = {
    "KnowledgeDriftCallback": {
        **{"trainer": EMPTY, "canaries": EMPTY, "*": None, "every": None, "cost": 0.02, "most": 100},
        **{"bound": 0.1, "stop": False, "settings": None},
    },
    "load": {"folder": EMPTY, "**": "settings"},
    "serve": {"url": EMPTY, "model": EMPTY, "**": "settings"},
    "probe": {
        **{"model": EMPTY, "items": EMPTY, "*": None, "shots": None, "form": None, "prompt": None},
        **{"probe": None, "progress": None, "journal": None, "**": "source"},
    },
    "read_beliefs": {"path": EMPTY, "*": None, "domain": None},
    "groups": {
        **{"beliefs": EMPTY, "*": None, "prompt": None, "general": None, "explanations_from": None},
        **{"contexts": None, "**": "settings"},
    },
    "train": {
        **{"model": EMPTY, "group": EMPTY, "*": None, "out": EMPTY, "prompt": None, "seed": 0},
        **{"progress": None, "**": "settings"},
    },
    "audit": {
        "model": EMPTY,
        "data": EMPTY,
        "*": None,
        "exam": None,
        "out": None,
        "progress": None,
        "**": "settings",
    },
    "compare": {
        **{"before": EMPTY, "after": EMPTY, "*": None, "seed": 0, "items": None, "shots": None},
        **{"canaries": None, "audit": None, "progress": None, "**": "settings"},
    },
    "curate": {
        **{"audit": EMPTY, "*": None, "policy": EMPTY, "budget": None, "data": None, "model": None},
        **{"progress": None, "**": "settings"},
    },
    "run": {"experiment": EMPTY, "/": None, "**": "overrides"},
    "plan": {
        **{"experiment": EMPTY, "/": None, "*": None, "parameters": None, "tflops": None},
        **{"gpus": 1, "gpu_gb": None},
        "**": "overrides",
    },
    "report": {"run_directory": EMPTY},
}


def described(function: Callable[..., Any]) -> dict[str, Any]:
    """Parameters in order with their defaults, and where they become positional or named only."""
    found: dict[str, Any] = {}
    for name, one in inspect.signature(function).parameters.items():
        if one.kind is one.VAR_KEYWORD:
            found["**"] = name
            continue
        if one.kind is one.KEYWORD_ONLY:
            found.setdefault("*", None)
        found[name] = one.default
        if one.kind is one.POSITIONAL_ONLY:
            found["/"] = None
    return found


def test_names_parameters_and_defaults_stay() -> None:
    assert sorted(harmonia.__all__) == sorted(SIGNATURES)
    page = (Path(__file__).parents[1] / "docs" / "api.md").read_text(encoding="utf-8")
    assert all(f":: harmonia.{name}\n" in page for name in harmonia.__all__)
    for name, expected in SIGNATURES.items():
        found = described(getattr(harmonia, name))
        assert list(found.items()) == list(expected.items()), name


def test_importing_is_light_and_folders_keep_their_names() -> None:
    code = """
import sys, harmonia
assert set(harmonia.__all__) <= set(dir(harmonia))
light = [name for name in ("pydantic", "numpy") if name in sys.modules]
harmonia.load, harmonia.probe
heavy = [name for name in ("torch", "pandas", "transformers", "datasets", "altair") if name in sys.modules]
import harmonia.probe, harmonia.groups, harmonia.report
from harmonia.probe import ask
from harmonia import groups
print(light, heavy, callable(harmonia.probe), callable(groups), callable(harmonia.report), callable(ask))
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[] [] True True True True"


def test_what_is_no_function_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'distil'"):
        harmonia.distil  # noqa: B018


@pytest.fixture(scope="module")
def lab(lab_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lab's data about persons, the training items cut short."""
    person = tmp_path_factory.mktemp("lab") / "person"
    shutil.copytree(lab_data / "person", person)
    lines = (person / "train.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (person / "some.jsonl").write_text("".join(lines[:60]), encoding="utf-8")
    return person


@pytest.fixture(scope="module")
def base() -> Any:
    return harmonia.load(base_folder(0), device="cpu")


@pytest.fixture(scope="module")
def beliefs(base: Any, lab: Path) -> Any:
    return harmonia.probe(base, lab / "some.jsonl", shots=lab / "dev.jsonl")


def same(one: Any, other: Any) -> bool:
    """Whether two sequences of beliefs say the same, wherever the items came from."""

    def said(belief: Belief) -> tuple[Any, ...]:
        item = belief.item
        return (item.id, item.domain, item.question, item.choices, item.answer, belief.probs, belief.form)

    return list(map(said, one)) == list(map(said, other))


@pytest.mark.slow
def test_files_are_those_of_the_commands(base: Any, lab: Path, beliefs: Any, tmp_path: Path) -> None:
    out, folder = tmp_path / "command.parquet", tmp_path / "groups"
    model = base_folder(0)
    command(
        *("probe", "--model", model, "--items", lab / "some.jsonl", "--shots-from", lab / "dev.jsonl"),
        *("--out", out),
    )
    assert beliefs.save(tmp_path / "api.parquet").read_bytes() == out.read_bytes()
    read = harmonia.read_beliefs(out)
    assert same(read, beliefs) and len(read) == 60
    command("groups", "--beliefs", out, "--out", folder)
    built = harmonia.groups(read)
    saved = built.save(tmp_path / "saved")
    written = sorted(path.name for path in folder.iterdir())
    assert written == sorted(path.name for path in saved.iterdir())
    assert len(written) == 9 and all(
        (saved / name).read_bytes() == (folder / name).read_bytes() for name in written
    )
    training = ["epochs=1", "batch_size=8", "learning_rate=0.001", "precision=fp32"]
    command(
        *("train", "--model", model, "--group", folder / "harmonious.jsonl", "--out", tmp_path / "a"),
        *training,
    )
    how = {"epochs": 1, "batch_size": 8, "learning_rate": 1e-3, "precision": "fp32"}
    tuned = harmonia.train(base, built["harmonious"], out=tmp_path / "b", **how)
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("a", "b")]
    assert weights[0] == weights[1]
    # The model at hand answers as its folder does, and no scratch file is left.
    again = harmonia.load(tmp_path / "b")
    asked = [harmonia.probe(one, lab / "some.jsonl", form="chat0") for one in (tuned, again, base)]
    assert same(asked[0], asked[1]) and not same(asked[0], asked[2])
    assert not list(tmp_path.glob(".b*"))


def test_frames_and_data_sets_are_read_as_files_are(
    base: Any, lab: Path, beliefs: Any, tmp_path: Path
) -> None:
    rows = [json.loads(line) for line in (lab / "some.jsonl").read_text(encoding="utf-8").splitlines()]
    frame = pd.DataFrame(rows)
    shots = pd.read_json(lab / "dev.jsonl", lines=True)
    frame.to_parquet(tmp_path / "some.parquet")
    arrays = pd.read_parquet(tmp_path / "some.parquet")  # its options are arrays of numpy
    assert isinstance(arrays["choices"].iloc[0], np.ndarray)
    held = datasets.Dataset.from_list(rows)
    items = [belief.item for belief in beliefs]
    for questions in (frame, arrays, held, datasets.DatasetDict({"train": held}), items, beliefs.table()):
        assert same(harmonia.probe(base, questions, shots=shots), beliefs), type(questions)
    own = frame.rename(columns={"question": "stem", "answer": "key"})
    told = {"columns": {"question": "stem", "answer": "key"}, "limit": 10}
    few = harmonia.probe(base, own, shots=items[-5:], **told)
    by_file = harmonia.probe(base, lab / "some.jsonl", shots=items[-5:], limit=10)
    assert same(few, by_file) and len(few) == 10


BAD = {
    "answer out of range": {"answer": 9},
    "no question": {"question": None},
    "blank question": {"question": " "},
    "no answer": {"answer": None},
    "the same option twice": {"choices": ["a", "b", "b", "c"]},
    "one option": {"choices": ["a"]},
    "options are no list": {"choices": 7},
    "an id used before": {"id": "1"},
    "null among the options": {"choices": ["a", None, "c", "d"]},
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_row_is_told_as_in_a_file(base: Any, name: str, tmp_path: Path) -> None:
    rows = [
        {"id": str(k), "question": f"What is {k}?", "choices": ["a", "b", "c", "d"], "answer": k % 4}
        for k in range(20)
    ]
    rows[6] |= BAD[name]
    path = tmp_path / "bad.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    told = []
    for questions in (path, pd.DataFrame(rows)):
        with pytest.raises(InputError) as raised:
            harmonia.probe(base, questions, form="icl0")
        told.append(raised.value.parts())
    files = [one.pop("file") for one in told]
    # A column of whole numbers with a gap is one of floats in a DataFrame.
    assert {**told[0], "seen": None} == {**told[1], "seen": None} and told[0]["row"] == 7
    assert files == [str(path), "DataFrame"]
    left = harmonia.probe(base, pd.DataFrame(rows), form="icl0", on_bad_row="skip")
    assert len(left) == 19 and [one.row for one in left.skipped] == [7]
    assert "bad rows left out: 1" in left.notes


def test_whoever_scores_can_be_probed() -> None:
    items = [
        Item(id=str(k), domain="d", question=f"{k}?", choices=("u", "v", "w", "x"), answer=k)
        for k in range(4)
    ]
    model = FakeModel(lambda text: {" B": 0.6, " A": 0.2, " C": 0.1, " D": 0.1})
    asked = harmonia.probe(model, items, form="icl0")
    assert [one.probs for one in asked] == [pytest.approx((0.2, 0.6, 0.1, 0.1))] * 4
    assert [one.correct for one in asked] == [False, True, False, False]
    assert asked.about["model"] == model.identity
    assert "0.250 [" in repr(asked) and "1 known, 3 conflicting, 0 uncertain" in repr(asked)


def test_notes_of_reading_and_of_asking_are_kept(base: Any, lab: Path) -> None:
    few = pd.read_json(lab / "dev.jsonl", lines=True).head(3)
    asked = harmonia.probe(base, lab / "some.jsonl", shots=few.assign(mood="glad"), limit=4)
    assert "no domain is said, so prompts name none (`domain`)" in asked.notes
    assert any(note.startswith("shots: columns not read: ") and "mood" in note for note in asked.notes)
    assert "items asked with fewer than 5 shots: 4 of 4" in asked.notes


def test_what_cannot_be_asked_is_refused(base: Any, lab: Path, beliefs: Any) -> None:
    item = beliefs[0].item
    with pytest.raises(InputError, match="row 2, field 'id': the id was used in row 1 already"):
        harmonia.probe(base, [item, item], form="icl0")
    with pytest.raises(InputError, match="Items are taken as they are"):
        harmonia.probe(base, [item], form="icl0", domain="law")
    with pytest.raises(InputError, match=r"saw 7\. Give a path, a pandas DataFrame"):
        harmonia.probe(base, 7, form="icl0")
    with pytest.raises(InputError, match="icl5 needs demonstrations"):
        harmonia.probe(base, lab / "some.jsonl")
    with pytest.raises(InputError, match="two columns have one name"):
        harmonia.probe(base, pd.DataFrame([["a", "b"]], columns=["question", "question"]), form="icl0")
    half = pd.DataFrame([{"question": "which?", "choices": ["a", "half \ud800"], "answer": 0}])
    with pytest.raises(InputError, match=r"row 1, field 'choices\[1\]': half a character"):
        harmonia.probe(base, half, form="icl0")
    with pytest.raises(InputError, match="no answer from the server in 3 attempts"):
        harmonia.probe(harmonia.serve("http://localhost:1/v1", "m", backoff_s=0.01), [item], form="icl0")


@pytest.fixture
def experiment(lab: Path, tmp_path: Path) -> Path:
    """A small experiment: one group, a few rows."""
    shots = {"path": "person/dev.jsonl"}
    suite = {"items": {"path": "person/homogeneous.jsonl", "limit": 20}, "shots": shots}
    settings = {
        **{"name": "small", "out": str(tmp_path / "run"), "data_root": str(lab.parent)},
        **{"model": {"path": str(base_folder(0)), "device": "cpu"}, "prompt": {"shots": 1}},
        "groups": {"names": ["harmonious"], "size": 8},
        "training": {"epochs": 3, "batch_size": 8, "learning_rate": 1e-3, "precision": "fp32"},
        "domains": {"person": {"train": {"path": "person/some.jsonl"}, "shots": shots}},
    }
    settings["domains"]["person"]["suites"] = {"homogeneous": suite}
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


def test_settings_are_those_of_an_experiment_with_the_same_errors(
    base: Any, beliefs: Any, experiment: Path, lab: Path
) -> None:
    calls: dict[str, Callable[[], Any]] = {
        "probe.draws=0": lambda: harmonia.probe(base, lab / "some.jsonl", form="icl0", probe={"draws": 0}),
        "prompt.preset=mine": lambda: harmonia.probe(base, lab / "some.jsonl", prompt={"preset": "mine"}),
        "groups.ratios=[2]": lambda: harmonia.groups(beliefs, ratios=[2]),
        "training.epochs=true": lambda: harmonia.train(base, "x", out="y", epochs=True),
        "model.dtype=int3": lambda: harmonia.load(base_folder(0), dtype="int3"),
        "model.dtyp=float32": lambda: harmonia.load(base_folder(0), dtyp="float32"),
    }
    for override, call in calls.items():
        errors = []
        for attempt in (call, lambda: load_experiment(experiment, [override])):  # noqa: B023
            with pytest.raises(InputError) as raised:
                attempt()
            errors.append(raised.value)
        api, file = errors
        assert (api.field, api.problem, api.seen) == (file.field, file.problem, file.seen)


def test_groups_are_worded_as_the_beliefs_were_asked(base: Any, lab: Path) -> None:
    asked = harmonia.probe(
        base, lab / "some.jsonl", shots=lab / "dev.jsonl", prompt={"options_first": True, "method": "cloze"}
    )
    (row, *_) = harmonia.groups(asked)["harmonious"]
    assert row.messages[-1].content.startswith(row.choices[row.target])
    letters = {"options_first": True, "method": "letter"}
    (row, *_) = harmonia.groups(asked, prompt=letters)["harmonious"]
    shown = row.messages[0].content
    assert 0 <= shown.index(row.choices[0]) < shown.index(row.question)
    # Half of them by letters: neither wording is all beliefs', whichever comes first.
    mixed = [replace(one, method=("cloze", "letter")[k % 2]) for k, one in enumerate(asked)]
    with pytest.raises(InputError, match=f"field 'method': {(len(mixed) + 1) // 2} of {len(mixed)} beliefs"):
        harmonia.groups(mixed)
    (row, *_) = harmonia.groups(mixed, prompt={"method": "letter"})["harmonious"]
    assert row.messages[-1].content.startswith("ABCD"[row.target])


def test_a_training_set_as_a_frame(beliefs: Any, tmp_path: Path) -> None:
    built = harmonia.groups(beliefs, names=["incompatible"], size=5)
    assert list(built) == ["incompatible"] and len(built["incompatible"]) == 5
    frame = built["incompatible"].table()
    path = built["incompatible"].save(tmp_path / "rows.jsonl")
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert frame["messages"].tolist() == [record["messages"] for record in records]
    assert (frame["answer"] == frame["target"]).all() and str(frame["answer"].dtype) == "Int64"
    by_id = {belief.item.id: belief for belief in beliefs}
    assert not any(by_id[name].correct for name in frame["id"])
    with pytest.raises(InputError, match="harmonia did not write it"):
        built["incompatible"].save(path)


def belief(number: int, probs: tuple[float, ...], answer: int) -> Belief:
    item = Item(id=f"q{number}", domain="d", question=f"{number}?", choices=("a", "b", "c"), answer=answer)
    pred = probs.index(max(probs))
    return Belief(
        **{"item": item, "probs": probs, "pred": pred, "confidence": probs[pred], "letter_mass": None},
        **{"correct": pred == answer, "form": "icl0", "method": "letter", "preset": "corrected"},
    )


BEFORE = [(0.7, 0.2, 0.1), (0.1, 0.8, 0.1), (0.4, 0.3, 0.3), (0.2, 0.2, 0.6), (0.5, 0.3, 0.2)]
AFTER = [(0.6, 0.3, 0.1), (0.5, 0.4, 0.1), (0.3, 0.4, 0.3), (0.1, 0.3, 0.6), (0.2, 0.3, 0.5)]
ANSWERS = [0, 1, 1, 0, 0]


def test_a_comparison_by_hand() -> None:
    before = [belief(k, probs, ANSWERS[k]) for k, probs in enumerate(BEFORE)]
    after = [belief(k, probs, ANSWERS[k]) for k, probs in enumerate(AFTER)]
    found = harmonia.compare(before, after[::-1])
    assert (found.kept, found.lost, found.gained) == (("q0",), ("q1", "q4"), ("q2",))
    assert found.p == pytest.approx(binomtest(2, 3).pvalue)
    table = found.table().set_index("id")
    assert table["outcome"].tolist() == ["kept", "lost", "gained", "never", "lost"]
    assert table["level"].tolist() == ["known", "known", "uncertain", "conflicting", "uncertain"]
    assert table["answer_after"].tolist() == [0.6, 0.4, 0.4, 0.1, 0.2]
    expected = [kl_divergence(one, other) for one, other in zip(BEFORE, AFTER, strict=True)]
    assert table["kl"].tolist() == pytest.approx(expected)
    assert found.consistency.kl == pytest.approx(np.mean(expected))
    assert found.consistency.accuracy_change == pytest.approx(-0.2)
    assert "1 kept, 2 lost, 1 gained, 1 never right" in repr(found)
    many = [[belief(k, side[k % 5], ANSWERS[k % 5]) for k in range(40)] for side in (BEFORE, AFTER)]
    one, again, other = (harmonia.compare(*many, seed=seed).consistency for seed in (0, 0, 1))
    assert one == again and one.kl == other.kl and one.kl_low != other.kl_low
    assert one.kl_low < one.kl < one.kl_high
    with pytest.raises(InputError, match="do not hold the same items"):
        harmonia.compare(before, after[:-1])


@pytest.mark.slow
def test_an_experiment_from_python(experiment: Path, tmp_path: Path) -> None:
    priced = harmonia.plan(experiment, tflops=1, training={"epochs": 1}, seeds=[3, 4])
    trained = [step.key for step in priced.steps if step.key.startswith("train/")]
    assert trained == ["train/person/harmonious/seed3", "train/person/harmonious/seed4"]
    run = harmonia.run(experiment, training={"epochs": 1}, seeds=[3])
    assert run == tmp_path / "run"
    settings = yaml.safe_load((run / "experiment.yaml").read_text(encoding="utf-8"))
    assert settings["training"]["epochs"] == 1 and settings["training"]["batch_size"] == 8
    assert settings["seeds"] == [3]
    page = run / "report.html"
    page.unlink()
    assert harmonia.report(run) == page and page.is_file()
    assert len(harmonia.read_beliefs(run / "beliefs" / "person.parquet")) == 60


ITEM = {"id": "a", "domain": "d", "question": "Which?", "choices": ("one", "two"), "answer": 0}
BAD_ITEMS: dict[str, tuple[Any, ...]] = {
    "answer": (5, -1, True, "A"),
    "choices": (("one",), (), tuple(map(str, range(27))), "one", None),
    "choices[1]": (("one", " "), ("one", None), ("one", "one"), ("one", "half a character \ud800")),
    "question": ("", None, "half a character \ud800"),
    "id": (5, ""),
    "domain": (None,),
    "cluster": (5, "", "half a character \ud800"),
}


@pytest.mark.parametrize("field", BAD_ITEMS)
def test_items_are_checked_as_rows_of_a_file_are(field: str) -> None:
    for value in BAD_ITEMS[field]:
        bad = Item(**{**ITEM, field.partition("[")[0]: value})
        with pytest.raises(InputError) as told:
            harmonia.probe(FakeModel({"": {" A": 1.0}}), [Item(**{**ITEM, "id": "b"}), bad], form="icl0")
        assert (told.value.field, told.value.row) == (field, 2), value


def test_what_is_not_of_its_kind_is_one_line(base: Any, beliefs: Any, tmp_path: Path) -> None:
    known = harmonia.groups(beliefs)["harmonious"]
    wrong: tuple[tuple[str, Callable[[], Any]], ...] = (
        ("model", lambda: harmonia.probe("folder", [Item(**ITEM)])),
        ("form", lambda: harmonia.probe(base, [Item(**ITEM)], form=5)),
        ("path", lambda: harmonia.load(base_folder(0), path="x")),
        ("beliefs", lambda: harmonia.groups("beliefs.parquet")),
        ("beliefs", lambda: harmonia.groups(iter(beliefs))),
        ("before", lambda: harmonia.compare(None, beliefs)),
        ("after", lambda: harmonia.compare(beliefs, [1])),
        ("seed", lambda: harmonia.compare(beliefs, beliefs, seed=-1)),
        ("seed", lambda: harmonia.train(base, known, out=tmp_path / "m", seed=2**32)),
        ("group", lambda: harmonia.train(base, [known], out=tmp_path / "m")),
        ("model", lambda: harmonia.train(FakeModel({"": {" A": 1.0}}), known, out=tmp_path / "m")),
    )
    for field, call in wrong:
        with pytest.raises(InputError) as told:
            call()
        assert told.value.field == field
    assert not list(tmp_path.iterdir())


def test_a_belief_that_stands_twice_would_count_twice(beliefs: Any) -> None:
    twice = [*beliefs, beliefs[0]]
    for call in (lambda: harmonia.groups(twice), lambda: harmonia.compare(beliefs, twice)):
        with pytest.raises(InputError, match="used in row 1 already"):
            call()
