"""Every run has a step at the full rate, and one that changes no weight is an error."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from models import make_tiny
from plain_training import changed, plain_loop
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from harmonia.errors import TrainingError
from harmonia.models import ModelSettings, load_model
from harmonia.training import LoraSettings, TrainingSettings, changes
from harmonia.training.settings import optimizer_steps, say_steps, warmup_steps

pytestmark = pytest.mark.slow  # together they take over ten seconds of processor time


def rates(out: Path) -> list[float]:
    return [json.loads(line)["learning_rate"] for line in (out / "loss.jsonl").read_text().splitlines()]


def half(share: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * share))


# Steps, share that warms up, schedule -> the rate of each step as a share of the peak, by hand.
SCHEDULES = [
    (1, 0.03, "cosine", [1]),
    (1, 0.0, "cosine", [1]),
    (1, 0.99, "linear", [1]),
    (2, 0.03, "cosine", [0, 1]),
    (2, 0.99, "constant_with_warmup", [0, 1]),
    (3, 0.99, "cosine", [0, 1 / 2, 1]),
    (3, 0.5, "linear", [0, 1 / 2, 1]),
    (5, 0.3, "cosine", [0, 1 / 2, 1, half(1 / 3), half(2 / 3)]),
    (5, 0.3, "linear", [0, 1 / 2, 1, 2 / 3, 1 / 3]),
    (5, 0.0, "linear", [1, 4 / 5, 3 / 5, 2 / 5, 1 / 5]),
    (5, 0.9, "constant_with_warmup", [0, 1 / 4, 2 / 4, 3 / 4, 1]),
]


@pytest.mark.parametrize(("steps", "warmup", "schedule", "shares"), SCHEDULES)
def test_some_step_of_every_run_has_the_full_rate(job, train, steps, warmup, schedule, shares):
    # 10 rows once.
    out, _ = train(job(epochs=1, batch_size=math.ceil(10 / steps), warmup=warmup, schedule=schedule))
    assert rates(out) == pytest.approx([1e-2 * share for share in shares])


@pytest.mark.parametrize("steps", [2, 10, 34, 100, 301, 1000])
@pytest.mark.parametrize("warmup", [0.0, 0.03, 0.1, 0.5])
def test_warm_up_is_transformers_own_where_that_leaves_a_full_step(steps, warmup, tmp_path):
    from transformers import TrainingArguments

    own = TrainingArguments(output_dir=str(tmp_path), warmup_steps=warmup).get_warmup_steps(steps)
    assert own < steps
    assert warmup_steps(steps, TrainingSettings(warmup=warmup)) == own


def test_few_rows_train_under_the_default_settings(base, exam_rows, train, caplog):
    """40 rows, three epochs, batches of 256: one step, at the full rate."""
    from harmonia.prompts import PromptSettings
    from harmonia.training.sft import TrainingJob

    settings = TrainingSettings(precision="fp32", micro_tokens=2048)
    one = TrainingJob(model=base, prompt=PromptSettings(), settings=settings, group=exam_rows(40), seed=0)
    with caplog.at_level("INFO", logger="harmonia"):
        out, trained = train(one)
    assert rates(out) == [2e-5]
    weights, curve = plain_loop(base.path, one.group, 0, settings)
    assert len(curve) == trained.steps == 1
    saved, before = load_file(out / "model.safetensors"), load_file(Path(base.path) / "model.safetensors")
    for name, weight in weights.items():
        assert float((saved[name] - weight).abs().max()) < 1e-6
        assert not torch.equal(saved[name], before[name])
    # It is said before and after.
    said = "1 optimizer step of up to 256 rows: fewer than 10 teach little"
    (record,) = (record for record in caplog.records if said in record.getMessage())
    assert record.levelname == "WARNING" and record.getMessage().startswith(f"{one.group}: ")
    assert said in trained.notes[0]


def test_a_run_of_ten_steps_is_not_warned_about(job, train, caplog):
    with caplog.at_level("INFO", logger="harmonia"):
        _, trained = train(job(epochs=4))  # 40 rows, 4 a step
    assert (trained.steps, trained.notes) == (10, ())
    assert not [record for record in caplog.records if record.levelname == "WARNING"]
    assert "10 optimizer steps of up to 4 rows" in caplog.text
    assert optimizer_steps(41, changed(batch_size=4)) == 11
    assert say_steps(1200, changed(batch_size=1)) == "1\u202f200 optimizer steps of up to 1 row"


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_rate_that_moves_no_saved_weight_is_an_error(job, train, base, tmp_path, dtype):
    """A rate of 1e-7 moves fp32 weights, and none of these as bf16 holds them."""
    folder = tmp_path / "ones"
    model = AutoModelForCausalLM.from_pretrained(base.path)
    with torch.no_grad():
        for weight in model.parameters():
            # Far from 0, so that bf16's steps between numbers are large.
            weight.copy_(torch.where(weight < 0, -1.0, 1.0) + (weight / 8).to(torch.bfloat16))
    model.to(torch.bfloat16).save_pretrained(folder)
    for file in Path(base.path).glob("token*"):
        (folder / file.name).write_bytes(file.read_bytes())
    one = job(model=base.model_copy(update={"path": str(folder), "dtype": dtype}), learning_rate=3e-7)
    if dtype == "float32":
        train(one)
        return
    with pytest.raises(TrainingError, match="no weight changed, as they are saved"):
        train(one)
    assert sorted(path.name for path in tmp_path.iterdir() if "tuned" in path.name) == ["tuned-work"]


def test_adapters_whose_second_half_stays_0_are_an_error(job, train, base, monkeypatch):
    """While it is 0, no gradient reaches the first half, which decays all the same."""
    from harmonia.training.trainer import StepTrainer

    loaded = load_model(base)
    create = StepTrainer.create_optimizer

    def without_gradient(self, *args):
        for name, weight in self.model.named_parameters():
            if "lora_B" in name:
                weight.register_hook(torch.zeros_like)
        return create(self, *args)

    monkeypatch.setattr(StepTrainer, "create_optimizer", without_gradient)
    with pytest.raises(TrainingError, match="the gradient was 0 in every step"):
        train(job(lora=LoraSettings(rank=2), weight_decay=0.1), resident=loaded)
    # The base has no adapters left.
    assert not any("lora" in name for name, _ in loaded.model.named_parameters())


def test_weights_that_only_decay_have_learned_nothing(job, train, base, tmp_path):
    """A head and a last norm of zeros: every token is as likely as any other, and no gradient comes back."""
    folder = tmp_path / "silent"
    model = AutoModelForCausalLM.from_pretrained(base.path)
    with torch.no_grad():
        model.model.norm.weight.zero_()
        model.lm_head.weight.zero_()
    model.save_pretrained(folder)
    for file in Path(base.path).glob("token*"):
        (folder / file.name).write_bytes(file.read_bytes())
    one = job(model=ModelSettings(path=str(folder), device="cpu"), weight_decay=0.1)
    with pytest.raises(TrainingError, match="the gradient was 0 in every step"):
        train(one)
    assert not (tmp_path / "tuned").exists()


@pytest.mark.parametrize(("dtype", "rate"), [("bfloat16", 1e-7), ("float32", 1e-12), ("float32", 1e-2)])
def test_the_share_of_weights_that_changed_is_told(job, train, tmp_path, dtype, rate):
    folder = make_tiny("llama", tmp_path / "norms", init=0.05).model_copy(update={"dtype": dtype})
    out, trained = train(job(model=folder, learning_rate=rate, epochs=6))
    saved, before = (load_file(path / "model.safetensors") for path in (out, Path(folder.path)))
    moved = sum(int((saved[name] != before[name].to(saved[name].dtype)).sum()) for name in saved)
    share = moved / sum(weight.numel() for weight in saved.values())
    assert share > 0 and json.loads((out / "training.json").read_text())["changed_share"] == share
    said = f"{share:.2g} of the trained weights changed, in {dtype}: learning_rate may be too low"
    assert trained.notes == ((said,) if rate < 1e-2 else ())
    assert (share < 0.01) == (rate < 1e-2)


def test_of_a_large_tensor_some_weights_are_compared(monkeypatch):
    monkeypatch.setattr(changes, "SAMPLE", 100)
    model = torch.nn.Linear(40, 100, bias=False)
    before = changes.Before(model, "float32")
    with torch.no_grad():
        model.weight[50:] += 1.0
    assert before.changed_share(model, None) == 0.5
    # Where processes share the weights out, they are compared as they were collected, or not at all.
    assert before.changed_share(None, {"weight": model.weight}) == 0.5
    assert before.changed_share(None, {}) is None


@pytest.mark.parametrize("rate", [1e-2, 1e-12])
def test_adapters_count_by_what_they_change(job, train, base, rate):
    out, trained = train(job(lora=LoraSettings(rank=2), learning_rate=rate, epochs=6))
    adapter = load_file(out / "adapter_model.safetensors")
    old = load_file(Path(base.path) / "model.safetensors")
    changed, total = 0, 0
    for name in adapter:
        if "lora_A" in name:
            update = adapter[name.replace("lora_A", "lora_B")] @ adapter[name] * (32.0 / 2)
            weight = old[name.removeprefix("base_model.model.").replace(".lora_A", "")]
            changed += int((weight + update != weight).sum())
            total += weight.numel()
    share = json.loads((out / "training.json").read_text())["changed_share"]
    assert share == pytest.approx(changed / total, abs=1e-3)
    assert bool(trained.notes) == (rate == 1e-12)
    with pytest.raises(TrainingError, match="no weight changed"):
        train(job(lora=LoraSettings(rank=2), learning_rate=1e-30, epochs=6), "tiny")
