"""Parity with lm-evaluation-harness: it runs our exported task and finds what we find."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from models import item, sums

from harmonia.analysis import accuracy_of
from harmonia.data import ItemSource, read_items
from harmonia.errors import InputError
from harmonia.export.harness import export_task
from harmonia.models import LocalModel, ModelSettings, load_model
from harmonia.probe import ask, read_beliefs
from harmonia.prompts import Encoder, ExamFormat, Form, PromptSettings, ShotPool, build_template, fit_prompt
from harmonia.types import Item
from harmonia.world import base_folder, base_world, demonstrations, split_items

needs_harness = pytest.mark.filterwarnings(
    # The harness's own libraries; none of it is ours to mend.
    "ignore::DeprecationWarning",
    "ignore::FutureWarning",
    "ignore::UserWarning",
    "ignore::ResourceWarning",
)


def exported(
    items: list[Item], shots: list[Item], folder: Path, settings: PromptSettings, name: str = "ours"
) -> ShotPool:
    pool = ShotPool.of(shots, settings)
    exam = ExamFormat(method=settings.style, options_first=settings.options_first, language=settings.language)
    form = Form(chat=False, shots=settings.shots)
    written = export_task(items, folder, name=name, form=form, exam=exam, preset=settings.preset, pool=pool)
    assert written.name == name and not written.left_out
    return pool


def harness_samples(loaded: LocalModel, folder: Path, name: str = "ours") -> tuple[dict[str, Any], list[Any]]:
    """(metrics, per item the log-likelihoods and contexts) of the harness on a loaded model."""
    lm_eval = pytest.importorskip(
        "lm_eval", reason="lm-eval is not installed: pip install 'harmonia[harness]'"
    )
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    lm = HFLM(pretrained=loaded.model, tokenizer=loaded.tokenizer, batch_size=4, device="cpu")
    manager = TaskManager(include_path=str(folder), include_defaults=False)
    found = lm_eval.simple_evaluate(model=lm, tasks=[name], task_manager=manager, bootstrap_iters=0)
    return found["results"][name], sorted(found["samples"][name], key=lambda sample: sample["doc_id"])


@needs_harness
@pytest.mark.models
@pytest.mark.shared
@pytest.mark.parametrize(
    ("method", "preset", "shots", "count", "dtype"),
    [
        ("letter", "corrected", 1, 16, "float32"),
        ("letter", "harness", 1, 4, "float32"),
        # An option's text is a sum over many tokens: in float32 a plain forward pass is itself
        # up to 9e-5 away from float64 there, so the texts are compared in float64.
        ("cloze", "corrected", 1, 4, "float64"),
    ],
)
def test_same_likelihoods_and_accuracy_on_a_real_model(
    smollm2, data_root, tmp_path, method, preset, shots, count, dtype
):
    if dtype == "float64":
        smollm2 = replace(smollm2, model=copy.deepcopy(smollm2.model).double())
    folder = data_root / "exams" / "engineering"
    items = list(
        read_items(ItemSource(path=str(folder / "test.jsonl"), limit=count, on_bad_row="skip")).items
    )
    shown = list(read_items(ItemSource(path=str(folder / "dev.jsonl"))).items)
    settings = PromptSettings(method=method, preset=preset, shots=shots)
    pool = exported(items, shown, tmp_path / "task", settings)
    results, samples = harness_samples(smollm2, tmp_path / "task")

    template, encoder = build_template(settings, smollm2.tokenizer), Encoder(smollm2.tokenizer)
    form = Form(chat=False, shots=shots)
    fitted = [
        fit_prompt(one, form, pool.choose(one, shots), template, encoder, smollm2.max_tokens) for one in items
    ]
    ours = sums(smollm2, [one.request for one in fitted])
    assert len(samples) == len(items) == count
    for sample, one, values in zip(samples, fitted, ours, strict=True):
        assert {context for context, _ in sample["arguments"]} == {one.prompt.context}
        assert tuple(text for _, text in sample["arguments"]) == one.prompt.continuations
        assert [value for value, _ in sample["filtered_resps"]] == pytest.approx(values, abs=1e-4)
    right = [values.index(max(values)) == one.answer for one, values in zip(items, ours, strict=True)]
    assert results["acc,none"] == sum(right) / count


@pytest.mark.slow
@needs_harness
def test_command_line_runs_the_folder_and_its_log_reads_back_as_beliefs(tmp_path):
    pytest.importorskip("lm_eval", reason="lm-eval is not installed: pip install 'harmonia[harness]'")
    world = base_world(base_folder(0))
    items = [lab.item for lab in split_items(world, "law", "train", size=24)]
    settings = PromptSettings(options_first=True, shots=3)
    pool = exported(
        items, [lab.item for lab in demonstrations(world, "law")], tmp_path / "first", settings, "lab_law"
    )
    # Wherever the folder goes, its data go with it.
    (tmp_path / "first").rename(tmp_path / "task")
    command = [
        sys.executable,
        "-m",
        "lm_eval",
        "run",
        "--model",
        "hf",
        "--device",
        "cpu",
        "--batch_size",
        "8",
    ]
    command += ["--model_args", f"pretrained={base_folder(0)},dtype=float32"]
    command += ["--include_path", "task", "--tasks", "lab_law", "--log_samples", "--output_path", "log"]
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=600, env={**os.environ, **offline}
    )
    assert run.returncode == 0, run.stderr[-3000:]

    (log,) = (tmp_path / "log").rglob("samples_lab_law_*.jsonl")
    theirs = read_beliefs(log)
    loaded = load_model(ModelSettings(path=str(base_folder(0)), device="cpu"))
    form = Form(chat=False, shots=3)
    ours = ask(loaded, items, form, build_template(settings, loaded.tokenizer), pool=pool).beliefs
    for their, our in zip(theirs, ours, strict=True):
        assert their.item == our.item
        assert their.probs == pytest.approx(our.probs, abs=1e-4)
        assert their.letter_mass == pytest.approx(our.letter_mass, abs=1e-4)
        assert (their.pred, their.correct) == (our.pred, our.correct)
        assert (their.form, their.shots, their.method, their.preset) == ("icl3", 3, "letter", "corrected")
    (results,) = (tmp_path / "log").rglob("results_*.json")
    told = json.loads(results.read_text(encoding="utf-8"))["results"]["lab_law"]["acc,none"]
    assert told == accuracy_of(ours).accuracy


@needs_harness
def test_several_domains_are_tasks_of_one_group_with_their_own_demonstrations(tmp_path):
    pytest.importorskip("lm_eval", reason="lm-eval is not installed: pip install 'harmonia[harness]'")
    from lm_eval.tasks import TaskManager

    asked = [
        item(index, domain=domain, question=f"Which of the two is number {index}?")
        for index, domain in enumerate(("law", "world history") * 5)
    ]
    items, shots = asked[:6], asked[6:]
    settings = PromptSettings(shots=2)
    exported(items, shots, tmp_path, settings, "both")
    loaded = TaskManager(include_path=str(tmp_path), include_defaults=False).load(["both"])
    assert set(loaded["tasks"]) == {"both_law", "both_world_history"} and set(loaded["groups"]) == {"both"}
    task = loaded["tasks"]["both_world_history"]
    task.build_all_requests()
    exam, mine = ExamFormat(), [one for one in items if one.domain == "world history"]
    wanted = {
        exam.raw_prompt(one, tuple(shot for shot in shots if shot.domain == one.domain), " ") for one in mine
    }
    assert {request.args[0] for request in task.instances} == wanted


def test_an_item_among_the_demonstrations_is_left_out_and_said(tmp_path):
    shots = tuple(item(index) for index in range(3))
    items = [item(5), item(1), item(2)]
    pool = ShotPool(items=shots)
    written = export_task(
        items, tmp_path / "t", name="t", form=Form(chat=False, shots=2), exam=ExamFormat(), pool=pool
    )
    # q1 is shown to all others; q2 is in the pool, but not among the first two.
    assert written.left_out == ("q1",) and written.tasks == {"t": 2}
    rows = [json.loads(line) for line in (tmp_path / "t" / "t.test.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == ["q5", "q2"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": "a/b"}, "name"),
        ({"form": Form(chat=True, shots=0)}, "renders chats itself"),
        ({"pool": None}, "demonstrations"),
        ({"preset": "repo"}, "preset"),
        ({"pool": ShotPool(items=(item(7), item(8)), choice="per_item")}, "same demonstrations"),
    ],
)
def test_what_the_harness_cannot_repeat_is_refused_and_nothing_written(tmp_path, change, says):
    given: dict[str, Any] = {
        "name": "t",
        "form": Form(chat=False, shots=2),
        "exam": ExamFormat(),
        "pool": ShotPool(items=(item(7), item(8))),
    }
    with pytest.raises(InputError, match=says):
        export_task([item(0)], tmp_path / "t", **{**given, **change})
    assert list(tmp_path.iterdir()) == []


# A log by hand, in the form of lm-eval 0.4.13: two options, log-likelihoods ln .6 and ln .2.
MMLU_ROW = {
    "doc_id": 7,
    "doc": {"question": "Where?", "subject": "law", "choices": ["here", "there"], "answer": 1},
    "target": "1",
    "arguments": {
        "gen_args_0": {"arg_0": "Where?\nA. here\nB. there\nAnswer:", "arg_1": " A"},
        "gen_args_1": {"arg_0": "Where?\nA. here\nB. there\nAnswer:", "arg_1": " B"},
    },
    "resps": [[["-0.5108256237659907", "True"]], [["-1.6094379124341003", "False"]]],
    "filtered_resps": [["-0.5108256237659907", "True"], ["-1.6094379124341003", "False"]],
    "filter": "none",
    "prompt_hash": "0",
}


def test_log_of_the_harness_s_own_task_is_read_and_claims_nothing_it_does_not_say(tmp_path):
    log = tmp_path / "samples_mmlu_law.jsonl"
    log.write_text(json.dumps(MMLU_ROW) + "\n", encoding="utf-8")
    (found,) = read_beliefs(log)
    assert found.probs == pytest.approx((0.75, 0.25))
    assert found.letter_mass == pytest.approx(0.8)
    assert (found.item.id, found.item.domain, found.item.answer, found.correct) == ("7", "law", 1, False)
    assert (found.method, found.form, found.preset) == ("letter", "unknown", "unknown")


def test_a_run_that_changed_the_prompt_is_not_taken_for_the_exported_one(tmp_path):
    doc = MMLU_ROW["doc"] | {"form": "icl5", "shots": 5, "preset": "corrected", "prompt_hash": "1"}
    log = tmp_path / "samples.jsonl"
    log.write_text(json.dumps(MMLU_ROW | {"doc": doc}) + "\n", encoding="utf-8")
    (found,) = read_beliefs(log)
    assert (found.form, found.shots, found.preset) == ("unknown", None, "unknown")


def test_log_of_another_kind_of_task_is_refused(tmp_path):
    log = tmp_path / "samples.jsonl"
    log.write_text(json.dumps(MMLU_ROW | {"doc": {"question": "Where?", "answer": "here"}}) + "\n")
    with pytest.raises(InputError, match=r"row 1.*multiple-choice"):
        read_beliefs(log)


def _with_doc(**change: object) -> dict[str, Any]:
    return {"doc": MMLU_ROW["doc"] | change}  # type: ignore[operator]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (_with_doc(answer=float("inf")), None),
        (_with_doc(answer="B"), "doc.answer"),
        (_with_doc(answer=1.0), "doc.answer"),
        (_with_doc(answer=True), "doc.answer"),
        (_with_doc(answer=2), "answer"),
        (_with_doc(question=None), "doc.question"),
        (_with_doc(question=" "), "question"),
        (_with_doc(choices=[]) | {"arguments": {}, "filtered_resps": []}, "doc.choices"),
        (_with_doc(choices=["here", 3]), "doc.choices.1"),
        (_with_doc(choices=["here", "here"]), "choices"),
        (_with_doc(domain=3), "domain"),
        ({"doc": "Where?"}, "doc"),
        ({"doc_id": None}, "id"),
        (
            {"arguments": {"gen_args_0": {"arg_1": 5}, "gen_args_1": {"arg_1": 6}}},
            "arguments.gen_args_0.arg_1",
        ),
        ({"arguments": {"gen_args_0": {"arg_1": " A"}}}, "arguments"),
        ({"filtered_resps": [["900", "F"], ["-2", "F"]]}, "filtered_resps"),
        ({"filtered_resps": [["nan", "F"], ["-2", "F"]]}, "filtered_resps"),
        ({"filtered_resps": [["-inf", "F"], ["-inf", "F"]]}, "filtered_resps"),
        ({"filtered_resps": [["-0.1", "F"], ["-0.2", "F"]]}, "filtered_resps"),
        ({"filtered_resps": [["-0.1", "F"]]}, "filtered_resps"),
        ({"filtered_resps": ["-0.1", "-3"]}, "filtered_resps.0"),
        ({"filtered_resps": [["low", "F"], ["-2", "F"]]}, "filtered_resps.0.0"),
    ],
)
def test_a_sample_that_means_nothing_is_refused(tmp_path, change, field):
    log = tmp_path / "samples.jsonl"
    log.write_text(json.dumps(MMLU_ROW) + "\n" + json.dumps(MMLU_ROW | {"doc_id": 8} | change) + "\n")
    with pytest.raises(InputError) as caught:
        read_beliefs(log)
    assert (caught.value.file, caught.value.row, caught.value.field) == (str(log), 2, field)
