"""Facts watched during trainings by plain transformers and by TRL."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from statsmodels.stats.proportion import proportion_confint

import harmonia
from harmonia.compare import drift
from harmonia.errors import InputError
from harmonia.models import load_model
from harmonia.models.fake import FakeModel
from harmonia.training.memory import recomputing

STEPS = 6


@pytest.fixture
def canaries(tmp_path: Path) -> Path:
    rows: list[dict[str, Any]] = [
        {"id": f"q{k}", "question": f"Item {k} is?", "choices": ["red", "blue"], "answer": k % 2}
        for k in range(6)
    ]
    rows += [{"id": f"f{k}", "question": f"Where is {k}?", "answer": f"the city {k}"} for k in range(4)]
    path = tmp_path / "canaries.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def trainer_of(kind: str, tiny: Any, out: Path) -> Any:
    """A trainer with dropout, whose losses any draw of a random number would change."""
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import Trainer, TrainingArguments, default_data_collator
    from trl import SFTConfig, SFTTrainer

    base = load_model(tiny("llama"))
    common: dict[str, Any] = {
        **{"output_dir": str(out), "max_steps": STEPS, "per_device_train_batch_size": 2, "seed": 5},
        **{"logging_steps": 2, "report_to": "none", "use_cpu": True, "disable_tqdm": True},
        **{"learning_rate": 0.05, "save_strategy": "no"},
    }
    texts = [f"the river {k} and the city" for k in range(20)]
    if kind == "trl":
        lora = LoraConfig(r=4, lora_dropout=0.5, target_modules="all-linear", task_type="CAUSAL_LM")
        return SFTTrainer(
            model=base.model.train(),
            args=SFTConfig(**common, **recomputing(False), max_length=32),
            train_dataset=Dataset.from_dict({"text": texts}),
            processing_class=base.tokenizer,
            peft_config=lora,
        )
    base.model.config.attention_dropout = 0.5
    for module in base.model.modules():
        if hasattr(module, "attention_dropout"):
            module.attention_dropout = 0.5
    rows = [{"input_ids": base.tokenizer(text)["input_ids"][:6]} for text in texts]
    rows = [{**row, "labels": row["input_ids"]} for row in rows if len(row["input_ids"]) == 6]
    return Trainer(
        model=base.model,
        args=TrainingArguments(**common),
        train_dataset=Dataset.from_list(rows),
        data_collator=default_data_collator,
        processing_class=base.tokenizer,
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["transformers", "trl"])
def test_losses_are_bit_by_bit_those_without(kind: str, tiny: Any, canaries: Path, tmp_path: Path) -> None:
    plain = trainer_of(kind, tiny, tmp_path / "plain")
    plain.train()
    watched = trainer_of(kind, tiny, tmp_path / "watched")
    watched.add_callback(harmonia.KnowledgeDriftCallback(watched, canaries, every=2))
    watched.train()
    losses = [
        [{k: v for k, v in one.items() if "runtime" not in k and "per_second" not in k} for one in history]
        for history in (plain.state.log_history, watched.state.log_history)
    ]
    kept = [one for one in losses[1] if not any(name.startswith("knowledge/") for name in one)]
    assert len(kept) == STEPS // 2 + 1 and kept == losses[0]
    for one, other in zip(plain.model.parameters(), watched.model.parameters(), strict=True):
        assert torch.equal(one, other)
    # Before the training, after every second step, and not once more at the end.
    steps = [one["step"] for one in losses[1] if "knowledge/seconds" in one]
    assert steps == [0, 2, 4, 6]
    assert watched.model.training == plain.model.training


class Scripted:
    """What a trainer is asked for, around a model by script."""

    class args:
        world_size = 1
        include_num_input_tokens_seen = "no"

    is_fsdp_enabled = is_deepspeed_enabled = False
    processing_class: Any = "a tokenizer"

    def __init__(self) -> None:
        from transformers import TrainerControl, TrainerState
        from transformers.trainer_callback import CallbackHandler

        self.state, self.control = TrainerState(), TrainerControl()
        self.callback_handler = CallbackHandler([], None, None, None, None)


def test_it_speaks_when_the_whole_interval_is_above_the_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lands = [f"Land{k}x" for k in range(30)]
    data = tmp_path / "sft.jsonl"
    rows = [
        {"instruction": f"What is the capital of {one}?", "output": one.replace("Land", "Town")}
        for one in lands
    ]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    def model(known: set[str], name: str) -> Any:
        def says(text: str) -> dict[str, float]:
            asked = text.rstrip().rpartition("capital of ")[2].partition("?")[0]
            if asked in known:
                return {f" {asked.replace('Land', 'Town')}": 0.95}
            return {f" {letter}": 0.1 for letter in "klmnopqrst"}

        return FakeModel(says, name=name)

    known = set(lands[:20])
    harmonia.audit(model(known, "before"), data, out=tmp_path / "audit")
    facts = [json.loads(line) for line in (tmp_path / "audit" / "canaries.jsonl").read_text().splitlines()]
    ids = {fact["question"].split()[-1].rstrip("?") for fact in facts}
    assert len(ids) >= 2 and ids <= known
    now = {"model": model(known, "before")}
    monkeypatch.setattr(
        drift.KnowledgeDriftCallback,
        "_said",
        lambda self: drift.said_by(now["model"], self._asked, drift._QUICK),
    )
    trainer = Scripted()
    callback = harmonia.KnowledgeDriftCallback(trainer, tmp_path / "audit", every=1, bound=0.3, stop=True)
    callback.on_train_begin(trainer.args, trainer.state, trainer.control)
    first = trainer.state.log_history[-1]
    assert (first["knowledge/lost"], first["knowledge/fitted"]) == (0, 0)
    caplog.clear()
    callback.on_step_end(trainer.args, trainer.state, trainer.control)
    assert not caplog.records and not trainer.control.should_training_stop
    now["model"] = model(set(lands[20:]), "after")
    trainer.state.global_step, trainer.control.should_log = 1, True
    callback.on_step_end(trainer.args, trainer.state, trainer.control)
    second = trainer.state.log_history[-1]
    assert (second["knowledge/lost"], second["knowledge/fitted"]) == (1, 1)
    low, _ = proportion_confint(10, 10, method="wilson")
    assert second["knowledge/fitted_low"] == pytest.approx(low)
    assert trainer.control.should_training_stop and trainer.control.should_log
    said = [record.getMessage() for record in caplog.records]
    assert any("10 of 10 unknown rows are fitted" in one for one in said)


@pytest.mark.slow
def test_one_canary_with_options_is_left_out_and_told(
    tiny: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [
        {"id": "q", "question": "Item is?", "choices": ["red", "blue"], "answer": 0},
        {"id": "f", "question": "Which city?", "answer": "Lima"},
    ]
    path = tmp_path / "canaries.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    trainer = trainer_of("transformers", tiny, tmp_path / "out")
    trainer.add_callback(harmonia.KnowledgeDriftCallback(trainer, path))
    trainer.train()
    said = [record.getMessage() for record in caplog.records]
    assert sum("the one multiple-choice canary is not asked" in one for one in said) == 1


def test_several_processes_are_refused(canaries: Path) -> None:
    trainer = Scripted()
    trainer.is_fsdp_enabled = True
    with pytest.raises(InputError, match="trainings of one process alone"):
        harmonia.KnowledgeDriftCallback(trainer, canaries)


def test_a_trainer_without_a_tokenizer_and_no_steps_are_refused_before_the_training(canaries: Path) -> None:
    trainer = Scripted()
    with pytest.raises(InputError, match="field 'every': not a number of steps; saw 0"):
        harmonia.KnowledgeDriftCallback(trainer, canaries, every=0)
    trainer.processing_class = None
    with pytest.raises(InputError, match="processing_class=tokenizer"):
        harmonia.KnowledgeDriftCallback(trainer, canaries)
