"""Fine-tuning: the numbers of a plain PyTorch loop, whatever the micro-batch or the interruption."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from models import item, make_tiny, real_model
from plain_training import VICUNA_SYSTEM, changed, plain_loop, rows_by_hand
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from harmonia.errors import HarmoniaError, InputError, TrainingError
from harmonia.hashing import addressed_order, file_sha256
from harmonia.models import ModelSettings, fingerprint, load_model, load_tokenizer
from harmonia.models.folder import BASE_RECORD
from harmonia.probe import ask
from harmonia.prompts import Form, PromptSettings, build_template
from harmonia.training import LoraSettings, TrainingSettings
from harmonia.training.alone import fine_tune_alone
from harmonia.training.sft import TrainingJob, _train, fine_tune, job_hash


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
    assert all([part["learned"] for part in row["parts"]] == [False, True] for row in record["mask"])
    assert all(row["parts"][1]["text"].endswith("</s>") for row in record["mask"])
    tokenizer = load_tokenizer(ModelSettings(path=str(out)))
    learned = [row for row in rows_by_hand(job().group, tokenizer).values()]
    assert record["tokens"] == sum(len(row.ids) for row in learned)
    assert record["learned_tokens"] == sum(len(row.ids) - row.start for row in learned)


@pytest.mark.parametrize("micro_tokens", [1, 300, 4096])
def test_training_is_that_of_a_plain_loop(job, train, base, micro_tokens):
    # 10 rows, twice, in batches of 4: the second epoch begins in the middle of a batch.
    one = job(micro_tokens=micro_tokens)
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


@pytest.mark.parametrize("name", ["mistral", "qwen2", "gemma3", "gpt2"])
@pytest.mark.parametrize("checkpointing", [False, True], ids=["kept", "recomputed"])
def test_every_architecture_is_trained_as_by_a_plain_loop(job, train, tmp_path, name, checkpointing):
    """Windows of 16 tokens, local and global layers, biases, learned positions: padded rows side by side."""
    folder = make_tiny(name, tmp_path / name, init=0.05)
    if name == "gpt2":
        config = tmp_path / name / "config.json"
        dry = {key: 0.0 for key in ("attn_pdrop", "embd_pdrop", "resid_pdrop")}
        config.write_text(json.dumps({**json.loads(config.read_text()), **dry}))
    one = job(model=folder, micro_tokens=1500, gradient_checkpointing=checkpointing)
    out, _ = train(one)
    weights, curve = plain_loop(folder.path, one.group, 3, one.settings)
    assert [entry["loss"] for entry in losses(out)] == pytest.approx(curve, abs=1e-4)
    saved = load_file(out / "model.safetensors")
    for key in saved:
        gap = (saved[key] - weights[key]).abs()
        if key.endswith("attn.c_attn.bias"):
            # A bias of the keys moves all scores alike: its gradient is rounding, which Adam scales up.
            gap[32:64] = 0.0
        assert float(gap.max()) < 1e-5, key


def with_fields(group: Path, fields: dict[str, dict]) -> Path:
    """The same rows with more fields."""
    rows = [json.loads(line) for line in group.read_text(encoding="utf-8").splitlines()]
    changed_rows = [{**row, **fields.get(row["id"], {})} for row in rows]
    path = group.with_name(f"fields-{len(list(group.parent.iterdir()))}.jsonl")
    path.write_text("".join(json.dumps(row) + "\n" for row in changed_rows), encoding="utf-8")
    return path


WEIGHTS = {"r0": 0.0, "r1": 3.0, "r2": 0.25, "r5": 0.0, "r7": 2.0}


def test_weights_are_those_of_a_plain_loop(job, train, base):
    one = job()
    one = replace(one, group=with_fields(one.group, {name: {"weight": w} for name, w in WEIGHTS.items()}))
    out, trained = train(one)
    weights, curve = plain_loop(base.path, one.group, 3, one.settings)
    assert trained.steps == len(curve) == 5  # a row of weight 0 keeps its place
    assert [entry["loss"] for entry in losses(out)] == pytest.approx(curve, abs=1e-4)
    saved = load_file(out / "model.safetensors")
    assert max(float((saved[name] - weight).abs().max()) for name, weight in weights.items()) < 1e-5
    plain, _ = train(job(), "plain")
    assert largest_difference(out, plain) > 1e-3


def test_weights_all_alike_change_nothing(job, train):
    plain, _ = train(job(), "plain")
    for name, weight in {"ones": 1.0, "tiny": 1e-3, "large": 64.0}.items():
        one = job()
        one = replace(one, group=with_fields(one.group, {f"r{k}": {"weight": weight} for k in range(10)}))
        assert largest_difference(train(one, name)[0], plain) < 1e-6


@pytest.mark.parametrize(
    ("weight", "field"),
    # What JSON has no word for is refused before anybody asks for its field.
    [(-1.0, "weight"), (float("nan"), None), (float("inf"), None), ("2", "weight")],
)
def test_weights_that_mean_nothing_are_named(job, train, tmp_path, weight, field):
    one = job()
    with pytest.raises(InputError) as caught:
        train(replace(one, group=with_fields(one.group, {"r3": {"weight": weight}})))
    assert (caught.value.row, caught.value.field) == (4, field)
    with pytest.raises(InputError, match="no row teaches anything"):
        train(replace(one, group=with_fields(one.group, {f"r{k}": {"weight": 0.0} for k in range(10)})))
    assert not (tmp_path / "tuned").exists()


def test_a_step_of_weight_0_teaches_nothing(job, train, base):
    one = job(batch_size=1, epochs=1, weight_decay=0.0, warmup=0.0, schedule="constant_with_warmup")
    last = addressed_order(3, "training/epoch0", [f"r{k}" for k in range(10)])
    for name, weights in {"all": dict.fromkeys(last, 0.0) | {last[-1]: 1.0}, "alone": {}}.items():
        rows = with_fields(one.group, {row: {"weight": weight} for row, weight in weights.items()})
        if name == "alone":
            lines = rows.read_text().splitlines()
            rows.write_text(next(line for line in lines if json.loads(line)["id"] == last[-1]) + "\n")
        train(replace(one, group=rows), name)
    folder = Path(base.path).parent
    assert [entry["loss"] for entry in losses(folder / "all")][:9] == [0.0] * 9
    # AdamW counts the empty steps too, so the last one is corrected less: the step only has one direction.
    before, all_, alone = (
        load_file(Path(path) / "model.safetensors") for path in (base.path, folder / "all", folder / "alone")
    )
    for name in before:
        moved, wanted = all_[name] - before[name], alone[name] - before[name]
        assert torch.equal(moved.sign()[wanted.abs() > 1e-4], wanted.sign()[wanted.abs() > 1e-4])


def test_rows_held_back_join_in_later(job, train, base):
    one = job(epochs=3)
    late = {"r1": {"from_epoch": 1}, "r4": {"from_epoch": 2}, "r8": {"from_epoch": 2}}
    one = replace(one, group=with_fields(one.group, late))
    out, trained = train(one)
    weights, curve = plain_loop(base.path, one.group, 3, one.settings)
    assert trained.steps == len(curve) == math.ceil((7 + 8 + 10) / 4)
    assert [entry["loss"] for entry in losses(out)] == pytest.approx(curve, abs=1e-4)
    saved = load_file(out / "model.safetensors")
    assert max(float((saved[name] - weight).abs().max()) for name, weight in weights.items()) < 1e-5
    with pytest.raises(InputError, match="row r4 is shown from epoch 2 on, and the last one is 1"):
        train(replace(one, settings=changed(epochs=2)), "short")


def test_a_last_batch_that_is_not_full_is_a_mean_over_its_own_tokens(job, train, base):
    one = job(epochs=1)  # 10 rows: 4, 4, 2
    out, trained = train(one)
    weights, curve = plain_loop(base.path, one.group, 3, one.settings)
    assert trained.steps == len(curve) == 3
    assert [entry["loss"] for entry in losses(out)] == pytest.approx(curve, abs=1e-4)
    saved = load_file(out / "model.safetensors")
    assert max(float((saved[name] - weight).abs().max()) for name, weight in weights.items()) < 1e-5


def test_micro_batches_and_checkpointing_do_not_change_the_weights(job, train):
    whole, _ = train(job(micro_tokens=4096), "whole")
    for name, fields in {
        "some": {"micro_tokens": 300},
        "one": {"micro_tokens": 1},
        "checkpointed": {"micro_tokens": 4096, "gradient_checkpointing": True},
        "eager": {"attention": "eager"},
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


@pytest.mark.slow
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


def test_a_second_training_into_one_folder_is_refused_as_long_as_the_first_lasts(job, tmp_path):
    place = tmp_path / "tuned"

    def second(done: int, total: int) -> None:
        with pytest.raises(HarmoniaError, match="another training writes here"):
            fine_tune_alone(job(seed=4), place)
        raise Killed

    with pytest.raises(Killed):
        fine_tune_alone(job(), place, progress=second)
    assert fine_tune_alone(job(), place).steps == 5
    assert not list(tmp_path.glob(".tuned.*")), "what it held and noted is gone"


def test_what_another_kind_of_launch_wrote_is_not_taken_up(job, train, tmp_path):
    """As marked where processes share the model out; one without words is of a whole model."""
    undisturbed, _ = train(job(save_steps=2), "undisturbed")
    for mark in ("FSDP2, FULL_STATE_DICT", ""):
        with pytest.raises(Killed):
            train(job(save_steps=2), "killed", progress=killed_at(5))
        (newest,) = (tmp_path / "killed-work").glob("checkpoint-4")
        for folder in (newest, newest.with_name("checkpoint-2")):
            assert (folder / "harmonia_complete").read_text() == ""
            (folder / "harmonia_complete").write_text(mark)
        resumed, trained = train(job(save_steps=2), "killed")
        assert trained.resumed_from == (None if mark else 4)
        assert any("begun anew" in note for note in trained.notes) == bool(mark)
        assert (resumed / "model.safetensors").read_bytes() == (
            undisturbed / "model.safetensors"
        ).read_bytes()
        shutil.rmtree(tmp_path / "killed-work")


def test_only_the_first_process_need_be_given_the_weights(job):
    """DeepSpeed gives the others None."""
    given = [None, {"weight": torch.ones(2, 3)}]
    accelerator = SimpleNamespace(get_state_dict=lambda model: given.pop(0))
    trainer = SimpleNamespace(
        model=torch.nn.Linear(3, 2),
        model_wrapped=None,
        train=lambda resume_from_checkpoint: None,
        state=SimpleNamespace(log_history=[{"loss": 1.0, "grad_norm": 1.0, "learning_rate": 1.0}]),
        accelerator=accelerator,
        is_fsdp_enabled=False,
        is_deepspeed_enabled=True,
    )
    assert _train(job(), trainer, None) == ({}, None)
    assert _train(job(), trainer, None)[1] == 1.0


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


def test_checkpoints_by_the_clock(job, train, tmp_path, monkeypatch):
    """None of a short run; of a long one they are as good as those by the number of steps."""
    undisturbed, _ = train(job(save_steps=None), "undisturbed")
    assert not list((tmp_path / "undisturbed-work").glob("checkpoint-*"))
    monkeypatch.setattr("harmonia.training.trainer.CHECKPOINT_S", 0.0)
    with pytest.raises(Killed):
        train(job(save_steps=None), "killed", progress=killed_at(4))
    resumed, trained = train(job(save_steps=None), "killed")
    assert trained.resumed_from == 3
    for name in ("model.safetensors", "loss.jsonl", "training.json"):
        assert (resumed / name).read_bytes() == (undisturbed / name).read_bytes()


def test_a_loss_that_is_no_number_stops_the_run(job, train, tmp_path):
    with pytest.raises(TrainingError, match=r"is (nan|inf) at optimizer step \d+ of 5; no model was written"):
        train(job(learning_rate=1e30, warmup=0.0))
    assert not (tmp_path / "tuned").exists()
    assert not list(tmp_path.glob(".tuned*"))


def test_a_base_other_than_the_one_noted_is_not_trained(job, train, base, tmp_path):
    noted = fingerprint(base)
    train(job(), "first", noted=noted)
    make_tiny("llama", Path(base.path), seed=1, init=0.05)
    for dtype in ("float32", "bfloat16"):
        with pytest.raises(InputError, match="have changed since this run noted them"):
            train(job(model=base.model_copy(update={"dtype": dtype})), "second", noted=noted)
    assert not (tmp_path / "second").exists()


def test_a_row_without_a_target_stops_the_run(job, train, tmp_path):
    with pytest.raises(InputError, match="the prompt alone has"):
        train(job(max_length=32))
    assert not (tmp_path / "tuned").exists()


def test_the_models_context_bounds_a_row(job, train, base, tmp_path):
    config = Path(base.path) / "config.json"
    values = json.loads(config.read_text())
    tokenizer = AutoTokenizer.from_pretrained(base.path)
    longest = max(len(row.ids) for row in rows_by_hand(job().group, tokenizer).values())
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
        assert text == f"<s>{VICUNA_SYSTEM} USER: {user} ASSISTANT: {assistant}</s>"
        prompt = tokenizer.apply_chat_template(messages[:1], tokenize=False, add_generation_prompt=True)
        assert prompt == f"<s>{VICUNA_SYSTEM} USER: {user} ASSISTANT:"
    # Asked through the template it was saved with, it is asked as it was trained.
    own, vicuna = (
        build_template(PromptSettings(chat=chat), load_tokenizer(ModelSettings(path=str(out))))
        for chat in ("model", "vicuna")
    )
    form = Form(chat=True, shots=0)
    asked, trained = (template.prompt(item(), form).context for template in (own, vicuna))
    alone = tokenizer(asked, add_special_tokens=False).input_ids
    assert alone == [tokenizer.bos_token_id, *tokenizer(trained, add_special_tokens=False).input_ids]


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
    for lora in (LoraSettings(rank=4), None):
        with pytest.raises(InputError, match="an adapter is not trained further"):
            train(job(model=adapter, lora=lora), "further")
    # Without the record, the adapter's own configuration names the base.
    (out / BASE_RECORD).unlink()
    assert beliefs(adapter) == tuned
    # An adapter whose base has gone says so.
    shutil.move(base.path, tmp_path / "moved")
    with pytest.raises(InputError, match="base model is not to be found"):
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
        {"micro_tokens": 4},
        {"gradient_checkpointing": True},
        {"attention": "sdpa"},
        {"compile": True},
        {"liger": True},
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
    assert paper.lora is None


@pytest.mark.models
def test_a_real_gguf_model_is_tuned_into_an_ordinary_folder(train, exam_rows, tmp_path):
    base = real_model("smollm2", dtype="bfloat16")
    settings = changed(epochs=1, batch_size=2, learning_rate=1e-4, warmup=0.0, max_length=256)
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
