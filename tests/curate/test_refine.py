"""Pairs of a model's own answers, with reasoning and without, and TRL's DPO on them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from command_line import harmonia as command

import harmonia
from harmonia.curate import Curated, CurateSettings, curate_audit, open_audit
from harmonia.errors import EmptyGroupError, InputError
from harmonia.models import ModelSettings
from harmonia.models.fake import FakeModel

CUE = "Let's think step by step."
NAMES = ("Tay", "Rhone", "Oder", "Po", "Ebro", "Dee", "Spey", "Elbe", "Saone", "Ural", "Don", "Lena", "Ob")
RIVERS = {f"Land {k}": name for k, name in enumerate(NAMES)}


def tuned(text: str) -> Mapping[str, float]:
    """Reasons its way to all rivers but one, says one without, and the wrong one for all others."""
    asked = text.rpartition("USER:")[2]
    land = asked.partition("river of ")[2].partition("?")[0]
    river = RIVERS.get(land)
    if river is None or not text.rstrip().endswith("ASSISTANT:"):
        return {}
    if CUE in asked:
        return {f" {land} has one river: the {river if river != 'Po' else 'Amazon'}.": 1.0}
    return {f" {land} has one river: the {river}.": 1.0} if river == "Dee" else {" Amazon": 1.0}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [
        {"id": land, "instruction": f"Name the river of {land}?", "output": name}
        for land, name in RIVERS.items()
    ]
    path = tmp_path / "rivers.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    harmonia.audit(FakeModel(lambda _: {}), path, out=tmp_path / "audit", draws=1, samples=0, shots=1)
    return tmp_path / "audit"


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_reasoning_that_reaches_the_answer_is_preferred(folder: Path, tmp_path: Path) -> None:
    found = harmonia.curate(folder, policy="self_refine", model=FakeModel(tuned), refining={"tries": 1})
    summary = found.save(tmp_path / "pairs.jsonl", "trl")
    rows = read(tmp_path / "pairs.jsonl")
    assert [row["id"] for row in rows] == [land for land, name in RIVERS.items() if name not in ("Po", "Dee")]
    for row in rows:
        land = row["id"]
        assert row["prompt"] == [{"role": "user", "content": f"Name the river of {land}?"}]
        said = f"{land} has one river: the {RIVERS[land]}."
        assert row["chosen"] == [{"role": "assistant", "content": said}]
        assert row["rejected"] == [{"role": "assistant", "content": "Amazon"}]
        assert (row["policy"], row["changed"], row["model_error"]) == ("self_refine", "pair", False)
    told = " ".join(summary["notes"])
    assert "(with reasoning: does not keep the fact): 1" in told and "both answers are the same): 1" in told
    # The control has the same pairs, and a coin for each.
    control = read(tmp_path / "pairs.random.jsonl")
    tossed = [row["chosen"] != other["chosen"] for row, other in zip(rows, control, strict=True)]
    assert {True, False} == set(tossed)
    for row, other, turned in zip(rows, control, tossed, strict=True):
        names = ("rejected", "chosen") if turned else ("chosen", "rejected")
        assert (other["chosen"], other["rejected"]) == tuple(row[name] for name in names)


def test_what_cannot_be_refined_is_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="need a model that writes"):
        harmonia.curate(folder, policy="self_refine")
    with pytest.raises(EmptyGroupError, match="no row gave a pair"):
        harmonia.curate(folder, policy="self_refine", model=FakeModel(lambda _: {" Amazon": 1.0}))
    words = (
        "curate",
        folder,
        "--policy",
        "self_refine",
        "--out",
        tmp_path / "a.jsonl",
        "--format",
        "axolotl",
    )
    done = command(*words, "--model", tmp_path / "none")
    assert done.returncode == 2 and "pairs of answers, in TRL's form" in done.stderr


def test_refining_that_was_cut_off_ends_the_same(folder: Path, tmp_path: Path) -> None:
    settings = CurateSettings(policy="self_refine")
    whole = list(curate_audit(open_audit(folder), settings, model=FakeModel(tuned)))

    def cut_off(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        curate_audit(
            open_audit(folder), settings, model=FakeModel(tuned), journal=tmp_path / "j", progress=cut_off
        )
    assert [path.name for path in (tmp_path / "j").iterdir()] == ["reasoned.jsonl"]
    again = curate_audit(open_audit(folder), settings, model=FakeModel(tuned), journal=tmp_path / "j")
    assert list(again) == whole


def test_what_was_cut_off_is_not_taken_up_for_other_rows(folder: Path, tmp_path: Path, monkeypatch) -> None:
    """An audit made again with an exam holds other facts back, so that the pairs are of other rows."""

    def cut_off(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("harmonia.models.load_model", lambda *_: FakeModel(tuned))
    monkeypatch.setattr("harmonia.models.fingerprint", lambda _: "tuned")
    out = tmp_path / "pairs.jsonl"
    words = ("curate", folder, "--policy", "self_refine", "--model", "tuned", "--out", out, "--format", "trl")
    with monkeypatch.context() as patched:
        patched.setattr(Curated, "save", cut_off)
        assert command(*words).returncode
    fact = {"id": "x", "question": "Name the river of Land 0?", "answer": "Tay", "source": "exam"}
    canaries = folder / "canaries.jsonl"
    canaries.write_text(canaries.read_text() + json.dumps(fact) + "\n", encoding="utf-8")
    done = command(*words)
    assert done.returncode == 0, done.stderr
    pairs = read(out)
    assert len(pairs) == len(RIVERS) - 3
    for row in pairs:
        assert row["id"] in row["chosen"][0]["content"] and row["id"] in row["prompt"][0]["content"]


@pytest.mark.slow  # a training
def test_trl_learns_the_preference(
    folder: Path, tmp_path: Path, tiny: Callable[[str], ModelSettings], single_thread: None
) -> None:
    from datasets import load_dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import DPOConfig, DPOTrainer

    from harmonia.training.memory import recomputing

    found = harmonia.curate(folder, policy="self_refine", model=FakeModel(tuned))
    found.save(tmp_path / "pairs.jsonl", "trl")
    place = tiny("llama").path
    model, tokenizer = AutoModelForCausalLM.from_pretrained(place), AutoTokenizer.from_pretrained(place)
    tokenizer.chat_template = (
        "{% for turn in messages %}{{ turn.role }}: {{ turn.content }}\n{% endfor %}"
        "{% if add_generation_prompt %}assistant: {% endif %}"
    )
    pairs = load_dataset("json", data_files=str(tmp_path / "pairs.jsonl"), split="train")

    def margin() -> float:
        """Mean by how much more probable the preferred answer is, in nats, by plain transformers."""
        total = 0.0
        for row in pairs:
            front = f"user: {row['prompt'][0]['content']}\nassistant: "
            for sign, name in ((1, "chosen"), (-1, "rejected")):
                ids = tokenizer(front + row[name][0]["content"] + "\n", return_tensors="pt").input_ids
                start = len(tokenizer(front).input_ids)
                with torch.no_grad():
                    logprobs = model.eval()(ids).logits[0].log_softmax(-1)
                told = logprobs[start - 1 : -1].gather(-1, ids[0, start:, None]).sum()
                total += sign * float(told)
        return total / len(pairs)

    before = margin()
    config = DPOConfig(
        output_dir=str(tmp_path / "out"),
        max_steps=4,
        learning_rate=1e-2,
        per_device_train_batch_size=5,
        use_cpu=True,
        bf16=False,
        report_to="none",
        save_strategy="no",
        disable_tqdm=True,
        **recomputing(False),
    )
    DPOTrainer(model=model, args=config, train_dataset=pairs, processing_class=tokenizer).train()
    assert margin() > before + 1
