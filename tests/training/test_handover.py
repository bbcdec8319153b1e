"""The tuned model in memory is the saved one, and a resident base is none the worse for its adapters."""

from __future__ import annotations

import copy

import pytest
import torch
from models import item, make_tiny

from harmonia.hashing import file_sha256
from harmonia.models import LocalModel, load_model
from harmonia.probe import ask
from harmonia.prompts import Form, PromptSettings, build_template
from harmonia.training import LoraSettings
from harmonia.training.handover import detach, starting_model

pytestmark = pytest.mark.slow  # together they take over ten seconds of processor time

LORA = LoraSettings(rank=4)


def held(loaded: LocalModel) -> dict[str, torch.Tensor]:
    """Weights and buffers."""
    return {**dict(loaded.model.named_parameters()), **dict(loaded.model.named_buffers())}


def logits(loaded: LocalModel) -> torch.Tensor:
    with torch.inference_mode():
        return loaded.model(torch.arange(5, 45).reshape(2, 20)).logits


def beliefs(loaded: LocalModel) -> list[tuple[float, ...]]:
    template = build_template(PromptSettings(), loaded.tokenizer)
    asked = ask(loaded, [item(k) for k in range(4)], Form(chat=True, shots=0), template)
    return [belief.probs for belief in asked.beliefs]


@pytest.mark.parametrize("lora", [None, LORA], ids=["full", "lora"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", ["llama", "gemma3"])
def test_the_model_in_memory_is_the_saved_one(job, train, tmp_path, name, dtype, lora):
    base = make_tiny(name, tmp_path / name, init=0.05).model_copy(update={"dtype": dtype})
    precision = "fp32" if dtype == "float32" else "bf16"
    out, trained = train(job(model=base, lora=lora, precision=precision, gradient_checkpointing=True))
    tuned, loaded = trained.model, load_model(base.model_copy(update={"path": str(out)}))
    assert (tuned.settings, tuned.device, tuned.max_tokens) == (
        loaded.settings,
        loaded.device,
        loaded.max_tokens,
    )
    one, other = held(tuned), held(loaded)
    assert one.keys() == other.keys()
    for key, weight in one.items():
        assert weight.dtype == other[key].dtype and torch.equal(weight, other[key]), key
    assert not any(module.training for module in tuned.model.modules())
    assert torch.equal(logits(tuned), logits(loaded))
    assert beliefs(tuned) == beliefs(loaded)
    assert tuned.tokenizer.chat_template == loaded.tokenizer.chat_template
    configurations = [one.model.config.to_dict() for one in (tuned, loaded)]
    for configuration in configurations:
        configuration.pop("_name_or_path", None)
    assert configurations[0] == configurations[1]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_adapters_come_and_go_on_one_base(job, train, base, dtype):
    base = base.model_copy(update={"dtype": dtype})
    settings = {"model": base, "lora": LORA, "gradient_checkpointing": True, "attention": "eager"}
    resident = load_model(base)
    kept = {name: weight.clone() for name, weight in held(resident).items()}
    configuration, generation = (
        copy.deepcopy(one.to_dict()) for one in (resident.model.config, resident.model.generation_config)
    )
    answers, told = logits(resident), beliefs(resident)
    swapped = []
    for seed in (3, 4):
        out, trained = train(job(seed=seed, **settings), f"swapped{seed}", resident=resident)
        swapped.append(beliefs(trained.model))
        assert trained.model.model.get_base_model() is resident.model
        detach(trained.model)
        assert held(resident).keys() == kept.keys()
        assert all(torch.equal(weight, kept[name]) for name, weight in held(resident).items())
        assert torch.equal(logits(resident), answers)
        assert beliefs(resident) == told
        assert resident.model.config.to_dict() == configuration
        assert resident.model.generation_config.to_dict() == generation
        alone, apart = train(job(seed=seed, **settings), f"alone{seed}")
        name = "adapter_model.safetensors"
        assert file_sha256(out / name) == file_sha256(alone / name)
        assert beliefs(apart.model) == swapped[-1]
    assert swapped[0] != swapped[1] != told


@pytest.mark.parametrize("lora", [None, LORA], ids=["full", "lora"])
def test_a_run_that_fails_leaves_the_base_as_it_was(job, train, base, lora):
    resident = load_model(base)
    answers, names = logits(resident), list(held(resident))

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(job(lora=lora), resident=resident, progress=stop)
    assert list(held(resident)) == names
    assert torch.equal(logits(resident), answers)


def test_all_weights_are_trained_on_a_copy(job, train, base):
    resident = load_model(base)
    answers = logits(resident)
    out, trained = train(job(), "copied", resident=resident)
    alone, _ = train(job(), "alone")
    assert file_sha256(out / "model.safetensors") == file_sha256(alone / "model.safetensors")
    assert torch.equal(logits(resident), answers)
    detach(trained.model)  # nothing to take off
    assert not torch.equal(logits(trained.model), answers)
    with pytest.raises(ValueError, match="the resident model is"):
        train(job(model=base.model_copy(update={"dtype": "bfloat16"})), "other", resident=resident)


def test_kernels_that_stay_are_not_put_on_a_resident_base(job, base):
    resident = load_model(base)
    for settings, same in ((job(lora=LORA).settings, True), (job(lora=LORA, liger=True).settings, False)):
        assert (starting_model(base, settings, resident.tokenizer, resident) is resident.model) == same


def test_a_set_is_encoded_once(job, train, monkeypatch):
    from harmonia.training import EncodedSets, encode

    encoded = []
    original = encode.encode_rows
    monkeypatch.setattr(encode, "encode_rows", lambda *a, **k: encoded.append(k["file"]) or original(*a, **k))
    sets = EncodedSets()
    _, other = (train(job(seed=seed), f"s{seed}", sets=sets)[0] for seed in (3, 4))
    assert len(encoded) == 1
    alone, _ = train(job(seed=4), "alone")
    assert file_sha256(other / "model.safetensors") == file_sha256(alone / "model.safetensors")
    # Another length, another template, another content: another set.
    train(job(max_length=200), "shorter", sets=sets)
    train(job(prompt=PromptSettings(method="cloze")), "cloze", sets=sets)
    group = job().group
    group.write_text(group.read_text().replace("river", "metal"))
    train(job(), "edited", sets=sets)
    assert len(encoded) == 5  # with the run that kept none
