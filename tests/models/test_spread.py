"""A model over several devices answers as it does on one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import peft
import pytest
import torch
from command_line import harmonia
from made_up import devices
from models import make_tiny

from harmonia.errors import InputError
from harmonia.models import GenerationSettings, ModelSettings, load_model
from harmonia.models import spread as spreading
from harmonia.models.embed import embedder_of
from harmonia.models.load import empty_model
from harmonia.models.plain import read_rows, rows_of
from harmonia.models.spread import device_map
from harmonia.models.support import refusal
from harmonia.models.values import collected
from harmonia.prompts.encode import Request

REQUESTS = [
    Request(context=(*range(5, 45), 7, 9), continuations=((3,), (4,), (5,))),
    Request(context=(*range(5, 45), 11), continuations=((3, 8, 2), (4, 9), (3, 8, 7, 1)), per_token=True),
    Request(context=(*range(5, 45), 12, 13, 14), continuations=((6,), (2, 2))),
]
FAMILIES = ["llama", "gpt2", "mistral", "gemma3", "qwen2"]


def sums(found: Any) -> list[float]:
    return [one.sum for request in found for one in request]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_spread_model_answers_as_on_one_device(tiny, spread, family):
    whole = load_model(tiny(family))
    packed = sums(whole.loglikelihoods(REQUESTS))
    plainly = sums(collected(REQUESTS, read_rows(whole.model, rows_of(REQUESTS))))
    with devices() as (first, second):
        other = spread(tiny(family), first, second)
        assert {str(one.device) for one in other.model.parameters()} == {first, second}
        assert refusal(other.model) is None
        assert sums(other.loglikelihoods(REQUESTS)) == pytest.approx(packed, rel=1e-6)
        found = sums(collected(REQUESTS, read_rows(other.model, rows_of(REQUESTS))))
    assert found == pytest.approx(plainly, rel=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_spread_model_writes_as_on_one_device(tiny, spread, family):
    prompts = ["river city metal current", "river city metal current pressure", "river city steel"]
    settings = GenerationSettings(max_new_tokens=6, samples=2, temperature=0.7)
    how: dict[str, Any] = {"addresses": ["a", "b", "c"], "seed": 0, "stage": "s"}
    whole = load_model(tiny(family)).generate(prompts, settings, **how)
    with devices() as (first, second):
        assert spread(tiny(family), first, second).generate(prompts, settings, **how) == whole


def test_a_spread_model_gives_the_vectors_of_one_device(tiny, spread):
    texts = ["river city metal", "king"]
    whole = embedder_of(load_model(tiny("llama"))).embed(texts)
    with devices() as (first, second):
        found = embedder_of(spread(tiny("llama"), first, second)).embed(texts)
    assert np.abs(found - whole).max() < 1e-5


def test_an_adapter_goes_where_the_layers_of_its_base_are(tmp_path, spread):
    torch.manual_seed(1)
    base = make_tiny("llama", tmp_path / "base")
    lora = peft.LoraConfig(target_modules="all-linear", r=4, init_lora_weights=False, task_type="CAUSAL_LM")
    peft.get_peft_model(load_model(base).model, lora).save_pretrained(tmp_path / "adapter")
    adapter = ModelSettings(path=str(tmp_path / "adapter"))
    whole = sums(load_model(adapter).loglikelihoods(REQUESTS))
    with devices() as (first, second):
        other = spread(adapter, first, second)
        assert {str(one.device) for one in other.model.parameters()} == {first, second}
        assert sums(other.loglikelihoods(REQUESTS)) == pytest.approx(whole, rel=1e-6)


@pytest.fixture
def layers(tmp_path: Path) -> Any:
    """Eight layers without weights."""
    settings = make_tiny("llama", tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    config |= {"num_hidden_layers": 8, "layer_types": ["full_attention"] * 8}
    (tmp_path / "model" / "config.json").write_text(json.dumps(config))
    return empty_model(settings)


def roomy(monkeypatch: pytest.MonkeyPatch, *gpus: float) -> None:
    monkeypatch.setattr(spreading, "gpu_room", lambda: {at: int(size) for at, size in enumerate(gpus)})


def of(model: Any, width: int) -> int:
    return width * sum(one.numel() for one in model.parameters())


def test_gpus_are_filled_evenly_and_a_layer_lies_on_one(layers, tmp_path, monkeypatch):
    roomy(monkeypatch, 1e9, 1e9)
    found = device_map(layers, "float32", tmp_path)
    assert set(found.values()) == {0, 1}
    held = [0, 0]
    for name, weight in layers.named_parameters():
        (place,) = {gpu for part, gpu in found.items() if name == part or name.startswith(f"{part}.")}
        held[place] += 4 * weight.numel()
    (layer,) = {sum(4 * one.numel() for one in each.parameters()) for each in layers.model.layers}
    assert abs(held[0] - held[1]) <= 2 * layer + 4 * layers.get_input_embeddings().weight.numel()
    parts = {name for name in found if "layers" in name}
    assert parts <= {f"model.layers.{at}" for at in range(8)}


def test_what_the_gpus_do_not_hold_is_refused_before_it_is_read(layers, tmp_path, monkeypatch):
    roomy(monkeypatch, *[0.45 * of(layers, 4)] * 2)
    with pytest.raises(InputError, match=r"do not hold the model in float32 \(\d parts are left") as caught:
        device_map(layers, "float32", tmp_path)
    assert caught.value.field == "model.device_map" and "more GPUs" in caught.value.remedy
    assert set(device_map(layers, "bfloat16", tmp_path).values()) == {0, 1}


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_without_a_gpu_nothing_is_spread_and_nothing_written(tmp_path, layers):
    model, out = tmp_path / "model", tmp_path / "out.parquet"
    with pytest.raises(InputError, match="no GPU to spread a model over"):
        device_map(layers, "float32", model)
    items = tmp_path / "items.jsonl"
    items.write_text(json.dumps({"id": "1", "question": "king?", "choices": ["a", "b"], "answer": 0}) + "\n")
    asked = ("probe", "--model", model, "--items", items, "--out", out, "model.device_map=auto")
    told = harmonia(*asked, "prompt.shots=0")
    assert told.returncode == 2 and "no GPU to spread a model over" in told.stderr and not out.exists()
    told = harmonia(*asked, "model.device=cpu")
    assert told.returncode == 2 and "leave device out" in told.stderr
