"""Fine-tuning: the numbers of a plain PyTorch loop, whatever the micro-batch or the interruption."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest
import torch
from models import item, make_tiny, real_model
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from harmonia.errors import InputError, TrainingError
from harmonia.hashing import addressed_order, file_sha256
from harmonia.probe import ask
from harmonia.prompts import Form, PromptSettings, build_template
from harmonia.scoring import ModelSettings, load_model, load_tokenizer
from harmonia.scoring.models import BASE_RECORD, fingerprint
from harmonia.training import LoraSettings, TrainingSettings
from harmonia.training.sft import TrainingJob, fine_tune, job_hash

VICUNA_SYSTEM = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions."
)
SETTINGS = TrainingSettings(
    epochs=2,
    learning_rate=1e-2,
    batch_size=4,
    micro_batch=2,
    precision="fp32",
    gradient_checkpointing=False,
    warmup=0.3,
    weight_decay=0.1,
    save_steps=0,
)


def changed(**fields: object) -> TrainingSettings:
    return TrainingSettings(**{**SETTINGS.model_dump(), **fields})


@pytest.fixture
def base(tmp_path: Path) -> ModelSettings:
    return make_tiny("llama", tmp_path / "base", init=0.05)


@pytest.fixture
def job(base: ModelSettings, exam_rows):
    group = exam_rows(10)

    def make(
        seed: int = 3, model: ModelSettings = base, prompt: PromptSettings | None = None, **fields: object
    ):
        return TrainingJob(
            model=model, prompt=prompt or PromptSettings(), settings=changed(**fields), group=group, seed=seed
        )

    return make


@pytest.fixture
def train(tmp_path: Path):
    def run(job: TrainingJob, name: str = "tuned", **options: object):
        out = tmp_path / name
        return out, fine_tune(job, out, work=tmp_path / f"{name}-work", **options)

    return run


def losses(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "loss.jsonl").read_text().splitlines()]


def largest_difference(one: Path, other: Path) -> float:
    first, second = (load_file(folder / "model.safetensors") for folder in (one, other))
    assert set(first) == set(second)
    return max(float((first[name] - second[name]).abs().max()) for name in first)


def test_the_loss_falls_and_the_record_is_whole(job, train):
    out, trained = train(job(epochs=6))
    curve = losses(out)
    assert trained.steps == len(curve) == 15
    assert [entry["step"] for entry in curve] == list(range(1, 16))
    assert set(curve[0]) == {"step", "loss", "grad_norm", "learning_rate"}
    assert sum(entry["loss"] for entry in curve[-3:]) < 0.7 * sum(entry["loss"] for entry in curve[:3])
    assert (trained.rows, trained.shortened, trained.resumed_from) == (10, 0, None)
    record = json.loads((out / "training.json").read_text())
    assert (record["rows"], record["seed"], record["optimizer_steps"]) == (10, 3, 15)
    assert record["settings"]["learning_rate"] == 1e-2
    assert len(record["mask"]) == 3
    assert all(row["learned"].endswith("</s>") for row in record["mask"])
    tokenizer = load_tokenizer(ModelSettings(path=str(out)))
    learned = [row for row in rows_by_hand(job().group, tokenizer).values()]
    assert record["tokens"] == sum(len(ids) for ids, _ in learned)
    assert record["learned_tokens"] == sum(len(ids) - start for ids, start in learned)


def rows_by_hand(group: Path, tokenizer) -> dict[str, tuple[list[int], int]]:
    """Token ids of each row and where its reply begins, from strings written here."""
    rows = {}
    for line in group.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        user, assistant = (turn["content"] for turn in row["messages"])
        prompt = f"{VICUNA_SYSTEM} USER: {user} ASSISTANT:"
        start = len(tokenizer(prompt)["input_ids"])
        rows[row["id"]] = tokenizer(f"{prompt} {assistant}{tokenizer.eos_token}")["input_ids"], start
    return rows


def plain_loop(folder: str, group: Path, seed: int, settings: TrainingSettings) -> tuple[dict, list[float]]:
    """AdamW, warm-up, then cosine to 0; the loss is the mean over the batch's learned tokens."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).train()
    rows = rows_by_hand(group, tokenizer)
    order = [
        name
        for epoch in range(settings.epochs)
        for name in addressed_order(seed, f"training/epoch{epoch}", rows)
    ]
    batches = [order[k : k + settings.batch_size] for k in range(0, len(order), settings.batch_size)]
    # As everywhere: no weight decay on norms (and there are no biases here).
    decayed = [weight for weight in model.parameters() if weight.dim() > 1]
    others = [weight for weight in model.parameters() if weight.dim() == 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=settings.learning_rate,
        betas=(0.9, 0.999),
        eps=1e-8,
    )
    warm = math.ceil(settings.warmup * len(batches))
    seen = []
    for step, batch in enumerate(batches):
        if step < warm:
            share = step / warm
        else:
            share = 0.5 * (1 + math.cos(math.pi * (step - warm) / (len(batches) - warm)))
        for group_of in optimizer.param_groups:
            group_of["lr"] = settings.learning_rate * share
        total, count = torch.zeros(()), 0
        for name in batch:
            ids, start = rows[name]
            logprobs = torch.log_softmax(model(torch.tensor([ids])).logits[0], dim=-1)
            total = total - sum(logprobs[k - 1, ids[k]] for k in range(start, len(ids)))
            count += len(ids) - start
        loss = total / count
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.max_grad_norm)
        optimizer.step()
        seen.append(float(loss.detach()))
    return {name: weight.detach() for name, weight in model.named_parameters()}, seen


@pytest.mark.parametrize("micro_batch", [1, 2, 4])
def test_training_is_that_of_a_plain_loop(job, train, base, micro_batch):
    # 10 rows, twice, in batches of 4: the second epoch begins in the middle of a batch.
    one = job(micro_batch=micro_batch)
    out, trained = train(one)
    weights, curve = plain_loop(base.path, one.group, 3, one.settings)
    assert trained.steps == len(curve) == 5
    assert [entry["loss"] for entry in losses(out)] == pytest.approx(curve, abs=1e-4)
    saved = load_file(out / "model.safetensors")
    assert set(saved) == set(weights)
    before = load_file(Path(base.path) / "model.safetensors")
    for name, weight in weights.items():
        assert float((saved[name] - weight).abs().max()) < 1e-5
        assert not torch.equal(saved[name], before[name])


def test_a_last_batch_that_is_not_full_is_a_mean_over_its_own_tokens(job, train, base):
    one = job(epochs=1, micro_batch=2)  # 10 rows: 4, 4, 2
    out, trained = train(one)
    weights, curve = plain_loop(base.path, one.group, 3, one.settings)
    assert trained.steps == len(curve) == 3
    assert [entry["loss"] for entry in losses(out)] == pytest.approx(curve, abs=1e-4)
    saved = load_file(out / "model.safetensors")
    assert max(float((saved[name] - weight).abs().max()) for name, weight in weights.items()) < 1e-5


def test_micro_batches_and_checkpointing_do_not_change_the_weights(job, train):
    whole, _ = train(job(micro_batch=4), "whole")
    for name, fields in {
        "two": {"micro_batch": 2},
        "one": {"micro_batch": 1},
        "checkpointed": {"micro_batch": 4, "gradient_checkpointing": True},
    }.items():
        other, _ = train(job(**fields), name)
        assert largest_difference(whole, other) < 1e-5


def test_the_same_job_gives_the_same_bytes_and_another_seed_others(job, train):
    one, other, seeded = train(job(), "a")[0], train(job(), "b")[0], train(job(seed=4), "c")[0]
    assert file_sha256(one / "model.safetensors") == file_sha256(other / "model.safetensors")
    assert (one / "loss.jsonl").read_bytes() == (other / "loss.jsonl").read_bytes()
    assert file_sha256(one / "model.safetensors") != file_sha256(seeded / "model.safetensors")


class Killed(BaseException):
    pass


def killed_at(step: int):
    def progress(done: int, total: int) -> None:
        if done == step:
            raise Killed

    return progress


@pytest.mark.parametrize("lora", [None, LoraSettings(rank=2, dropout=0.1)], ids=["full", "lora"])
def test_a_run_killed_and_started_again_ends_the_same(job, train, tmp_path, lora):
    fields = {"save_steps": 2, "lora": lora, "epochs": 3}
    undisturbed, whole = train(job(**fields), "undisturbed")
    assert (whole.steps, whole.resumed_from) == (8, None)
    for step in (2, 5, 7):
        with pytest.raises(Killed):
            train(job(**fields), "killed", progress=killed_at(step))
        assert not (tmp_path / "killed").exists()
    # A checkpoint that was not written whole is passed over.
    newest = tmp_path / "killed-work" / "checkpoint-6"
    (newest / "harmonia_complete").unlink()
    resumed, trained = train(job(**fields), "killed")
    assert (trained.steps, trained.resumed_from) == (8, 4)
    names = {path.name for path in undisturbed.iterdir()}
    assert names == {path.name for path in resumed.iterdir()}
    for name in sorted(names):
        assert (undisturbed / name).read_bytes() == (resumed / name).read_bytes(), name


def test_a_run_killed_at_its_very_end_ends_the_same(job, train, tmp_path):
    undisturbed, _ = train(job(save_steps=1), "undisturbed")
    with pytest.raises(Killed):
        train(job(save_steps=1), "killed", progress=killed_at(5))
    resumed, trained = train(job(save_steps=1), "killed")
    assert trained.resumed_from == 4
    # And once more, from the checkpoint of the last step.
    again = fine_tune(job(save_steps=1), tmp_path / "again", work=tmp_path / "killed-work")
    assert again.resumed_from == 5
    for folder in (resumed, tmp_path / "again"):
        for name in ("model.safetensors", "loss.jsonl", "training.json"):
            assert (folder / name).read_bytes() == (undisturbed / name).read_bytes()


def test_a_loss_that_is_no_number_stops_the_run(job, train, tmp_path):
    with pytest.raises(TrainingError, match=r"is (nan|inf) at optimizer step \d+ of 5; no model was written"):
        train(job(learning_rate=1e30, warmup=0.0))
    assert not (tmp_path / "tuned").exists()
    assert not list(tmp_path.glob(".tuned*"))


def test_a_row_without_a_target_stops_the_run(job, train, tmp_path):
    with pytest.raises(InputError, match="the prompt alone has"):
        train(job(max_length=32))
    assert not (tmp_path / "tuned").exists()


def test_the_models_context_bounds_a_row(job, train, base, tmp_path):
    config = Path(base.path) / "config.json"
    values = json.loads(config.read_text())
    tokenizer = AutoTokenizer.from_pretrained(base.path)
    longest = max(len(ids) for ids, _ in rows_by_hand(job().group, tokenizer).values())
    config.write_text(json.dumps({**values, "max_position_embeddings": longest - 1}))
    assert train(job(epochs=1))[1].shortened == 1


def test_bf16_learns_and_is_saved_in_the_dtype_asked_for(job, train, base):
    out, _ = train(job(precision="bf16", epochs=4, model=base.model_copy(update={"dtype": "bfloat16"})))
    curve = [entry["loss"] for entry in losses(out)]
    assert curve[-1] < curve[0]
    assert {weight.dtype for weight in load_file(out / "model.safetensors").values()} == {torch.bfloat16}
    # Trained in fp32 weights: bf16 is only how they are kept.
    fine, _ = train(job(precision="bf16", epochs=4), "fine")
    assert {weight.dtype for weight in load_file(fine / "model.safetensors").values()} == {torch.float32}


def test_the_folder_is_an_ordinary_model(job, train):
    one = job()
    out, _ = train(one)
    model = AutoModelForCausalLM.from_pretrained(out)
    tokenizer = AutoTokenizer.from_pretrained(out)
    saved = load_file(out / "model.safetensors")
    for name, weight in model.named_parameters():
        assert torch.equal(weight, saved[name])
    for line in one.group.read_text(encoding="utf-8").splitlines():
        messages = json.loads(line)["messages"]
        text = tokenizer.apply_chat_template(messages, tokenize=False)
        user, assistant = (turn["content"] for turn in messages)
        assert text == f"{VICUNA_SYSTEM} USER: {user} ASSISTANT: {assistant}</s>"
        prompt = tokenizer.apply_chat_template(messages[:1], tokenize=False, add_generation_prompt=True)
        assert prompt == f"{VICUNA_SYSTEM} USER: {user} ASSISTANT:"
    # Asked through the template it was saved with, it is asked as it was trained.
    own, vicuna = (
        build_template(PromptSettings(chat=chat), load_tokenizer(ModelSettings(path=str(out))))
        for chat in ("model", "vicuna")
    )
    form = Form(chat=True, shots=0)
    assert own.prompt(item(), form) == vicuna.prompt(item(), form)


def beliefs(settings: ModelSettings, chat: bool = True):
    loaded = load_model(settings)
    template = build_template(PromptSettings(), loaded.tokenizer)
    return [
        b.probs for b in ask(loaded, [item(k) for k in range(4)], Form(chat=chat, shots=0), template).beliefs
    ]


def test_lora_writes_an_adapter_that_knows_its_base(job, train, base, tmp_path):
    before = fingerprint(base)
    out, _ = train(job(lora=LoraSettings(rank=4), learning_rate=5e-2))
    assert fingerprint(base) == before
    assert (out / "adapter_model.safetensors").is_file() and not (out / "model.safetensors").exists()
    assert ModelSettings.model_validate_json((out / BASE_RECORD).read_text()).path == str(
        Path(base.path).resolve()
    )
    adapter = ModelSettings(path=str(out), device="cpu")
    tuned = beliefs(adapter)
    untuned = beliefs(base)
    assert (
        max(
            abs(a - b)
            for one, other in zip(tuned, untuned, strict=True)
            for a, b in zip(one, other, strict=True)
        )
        > 0.01
    )
    # The adapter's product, worked out by hand on one layer.
    weights = load_file(out / "adapter_model.safetensors")
    stem = "base_model.model.model.layers.0.self_attn.q_proj.lora_{}.weight"
    update = weights[stem.format("B")] @ weights[stem.format("A")] * (32.0 / 4)
    old = load_file(Path(base.path) / "model.safetensors")["model.layers.0.self_attn.q_proj.weight"]
    merged = load_model(adapter).model.merge_and_unload()
    assert torch.allclose(merged.model.layers[0].self_attn.q_proj.weight, old + update, atol=1e-6)
    # All linear layers of the body have one, the head has none.
    adapted = {name.split(".lora_")[0].rsplit(".", 1)[1] for name in weights}
    assert adapted == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
    # Without the record, the adapter's own configuration names the base.
    (out / BASE_RECORD).unlink()
    assert beliefs(adapter) == tuned
    # An adapter whose base has gone says so.
    shutil.move(base.path, tmp_path / "moved")
    with pytest.raises(InputError, match="no such model folder"):
        load_model(adapter)


def test_a_tracker_is_told(job, train, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    out, _ = train(job(report_to=("tensorboard",)))
    shutil.rmtree(tmp_path / "tuned-work")  # as every caller does
    (events,) = out.rglob("events.out.tfevents.*")
    accumulated = EventAccumulator(str(events.parent)).Reload()
    drawn = {scalar.step: scalar.value for scalar in accumulated.Scalars("train/loss")}
    assert drawn == pytest.approx({entry["step"]: entry["loss"] for entry in losses(out)})


def test_progress_is_told_each_step(job, train):
    seen: list[tuple[int, int]] = []
    train(job(), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(k, 5) for k in range(1, 6)]


def test_the_address_of_a_job_follows_what_decides_it(job):
    def address(one, model="m", group="g"):
        return job_hash(one, model, group)

    same = [
        {"micro_batch": 4},
        {"gradient_checkpointing": True},
        {"save_steps": 7},
        {"report_to": ("wandb",)},
    ]
    assert {address(job(**fields)) for fields in same} == {address(job())}
    other = [
        address(job(learning_rate=1e-3)),
        address(job(batch_size=8)),
        address(job(lora=LoraSettings())),
        address(job(seed=4)),
        address(job(prompt=PromptSettings(method="cloze"))),
        address(job(), model="n"),
        address(job(), group="h"),
    ]
    assert len({*other, address(job())}) == len(other) + 1


def test_the_papers_settings_are_the_defaults():
    paper = TrainingSettings()
    assert (paper.epochs, paper.learning_rate, paper.schedule, paper.warmup) == (3, 2e-5, "cosine", 0.03)
    assert (paper.weight_decay, paper.batch_size, paper.max_length, paper.precision) == (
        0.0,
        256,
        2048,
        "bf16",
    )
    assert paper.lora is None and paper.gradient_checkpointing
    with pytest.raises(ValueError, match="batch_size 4 is not a multiple of micro_batch 3"):
        changed(micro_batch=3)


@pytest.mark.models
def test_a_real_gguf_model_is_tuned_into_an_ordinary_folder(train, exam_rows, tmp_path):
    base = real_model("smollm2", dtype="bfloat16")
    settings = changed(epochs=1, batch_size=2, micro_batch=2, learning_rate=1e-4, warmup=0.0, max_length=256)
    one = TrainingJob(
        model=base, prompt=PromptSettings(chat="model"), settings=settings, group=exam_rows(2), seed=0
    )
    out, trained = train(one)
    assert trained.steps == 1
    model = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(out)
    messages = json.loads(one.group.read_text().splitlines()[0])["messages"]
    row = tokenizer.apply_chat_template(messages, return_tensors="pt", return_dict=True)
    assert tokenizer.decode(row["input_ids"][0]).count("<|im_start|>") == 3
    with torch.no_grad():
        assert math.isfinite(float(model(**row, labels=row["input_ids"]).loss))
    loaded = load_model(ModelSettings(path=str(out), device="cpu"))
    assert loaded.max_tokens == 8192
    own = load_tokenizer(base)
    text = "The Answer: A\n因为 🙂<|im_end|>"
    assert loaded.tokenizer(text)["input_ids"] == own(text)["input_ids"]
