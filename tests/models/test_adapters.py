"""Adapters: asked where all of them fits the base that they name, refused otherwise."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from models import make_tiny
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from harmonia.errors import InputError
from harmonia.models import ModelSettings, fingerprint, load_model
from harmonia.models.load import empty_model

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
LORA: dict[str, Any] = {"r": 4, "init_lora_weights": False, "task_type": "CAUSAL_LM"}


@pytest.fixture
def adapter(tmp_path) -> Path:
    """An adapter with weights that matter, beside its base."""
    make_tiny("llama", tmp_path / "base")
    return saved(tmp_path, peft.LoraConfig(target_modules=["q_proj", "v_proj"], **LORA))


def saved(tmp_path: Path, config: Any) -> Path:
    torch.manual_seed(1)
    base = AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    peft.get_peft_model(base, config).save_pretrained(tmp_path / "adapter")
    return tmp_path / "adapter"


def refusal(folder: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        load_model(ModelSettings(path=str(folder), device="cpu"))
    assert str(folder) in str(caught.value) and caught.value.remedy
    return caught.value


def configured(folder: Path, **values: Any) -> None:
    was = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps({**was, **values}))


@pytest.mark.parametrize(
    "config",
    [
        peft.LoraConfig(target_modules=["q_proj", "v_proj"], **LORA),
        peft.LoraConfig(target_modules="all-linear", use_dora=True, r=4, task_type="CAUSAL_LM"),
        peft.LoraConfig(target_modules=["q_proj"], modules_to_save=["lm_head"], **LORA),
        peft.LoraConfig(target_modules=["q_proj"], trainable_token_indices=[5], **LORA),
        peft.IA3Config(target_modules=["k_proj"], feedforward_modules=[], task_type="CAUSAL_LM"),
    ],
    ids=["lora", "dora", "head", "tokens", "ia3"],
)
def test_an_adapter_answers_as_peft_has_it(tmp_path, config):
    make_tiny("llama", tmp_path / "base")
    folder = saved(tmp_path, config)
    loaded = load_model(ModelSettings(path=str(folder), device="cpu"))
    base = AutoModelForCausalLM.from_pretrained(tmp_path / "base", dtype=torch.float32)
    plain = peft.PeftModel.from_pretrained(base, folder).eval()
    ids = torch.tensor([[5, 60, 7, 200]])
    with torch.no_grad():
        assert torch.equal(loaded.model(input_ids=ids).logits, plain(input_ids=ids).logits)
    count = sum(weight.numel() for weight in empty_model(loaded.settings).parameters())
    assert count == AutoModelForCausalLM.from_pretrained(tmp_path / "base").num_parameters()


CHANGES: dict[str, Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]] = {
    "all foreign": lambda w: {name.replace("self_attn", "attn"): one for name, one in w.items()},
    "compiled": lambda w: {name.replace("model.model", "model._orig_mod"): one for name, one in w.items()},
    "one foreign": lambda w: {**w, "base_model.model.model.layers.9.mlp.lora_A.weight": torch.ones(4, 32)},
    "one missing": lambda w: dict(list(w.items())[1:]),
    "other rank": lambda w: {name: one[:2] if "lora_A" in name else one for name, one in w.items()},
    "no numbers": lambda w: {name: one * float("nan") for name, one in w.items()},
}


@pytest.mark.parametrize("name", CHANGES)
def test_an_adapter_of_which_a_part_fits_nothing_is_refused(adapter, name):
    changed = CHANGES[name](load_file(adapter / WEIGHTS))
    save_file({key: one.contiguous() for key, one in changed.items()}, adapter / WEIGHTS)
    refusal(adapter)


@pytest.mark.parametrize(
    "values",
    [
        {"target_modules": ["none_such"]},
        {"target_modules": ["q_proj"]},
        {"target_modules": ["q_proj", "v_proj", "k_proj"]},
        {"r": 8},
        {"peft_type": "none such"},
        {"peft_type": None},
        {"base_model_name_or_path": None},
        {"base_model_name_or_path": "/no/where"},
    ],
    ids=str,
)
def test_a_configuration_that_does_not_fit_is_refused(adapter, values):
    configured(adapter, **values)
    refusal(adapter)


@pytest.mark.parametrize("name", ["gpt2", "gemma3"])
def test_an_adapter_to_a_base_of_other_shape_is_refused(adapter, tmp_path, name):
    shutil.rmtree(tmp_path / "base")
    make_tiny(name, tmp_path / "base")
    assert "the adapter" in refusal(adapter).problem or "tensors do not fit" in refusal(adapter).problem


def test_an_adapter_is_no_base(adapter, tmp_path):
    other = Path(shutil.copytree(adapter, tmp_path / "other"))
    configured(other, base_model_name_or_path=str(adapter))
    configured(adapter, base_model_name_or_path=str(adapter))
    for folder in (other, adapter):
        error = refusal(folder)
        assert error.problem == "the adapter's base is an adapter itself"
        assert error.file == str(folder / CONFIG)
        with pytest.raises(InputError, match="is an adapter itself"):
            fingerprint(ModelSettings(path=str(folder)))


def test_virtual_tokens_are_refused(tmp_path):
    """Scores are read at positions that they would shift."""
    make_tiny("llama", tmp_path / "base")
    folder = saved(tmp_path, peft.PromptTuningConfig(num_virtual_tokens=4, task_type="CAUSAL_LM"))
    assert refusal(folder).field == "peft_type"


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        (CONFIG, "{", "not a JSON object"),
        (CONFIG, "[]", "not a JSON object"),
        (WEIGHTS, "version https://git-lfs.github.com/spec/v1\n", "git-lfs pointer"),
        (WEIGHTS, "", "not whole"),
        (WEIGHTS, None, "no weights"),
        ("harmonia_base.json", "{}", "Field required"),
        ("harmonia_base.json", "nonsense", "not JSON"),
    ],
)
def test_a_file_of_an_adapter_that_cannot_be_read_is_named(adapter, file, content, said):
    (adapter / file).unlink(missing_ok=True)
    if content is not None:
        (adapter / file).write_text(content)
    error = refusal(adapter)
    assert said in error.problem
    assert error.file == str(adapter / file if content is not None else adapter)


def test_pickled_adapters_are_refused(adapter):
    torch.save(load_file(adapter / WEIGHTS), adapter / "adapter_model.bin")
    (adapter / WEIGHTS).unlink()
    assert "pickled" in refusal(adapter).problem


def test_no_file_of_an_adapter_has_its_base_trusted(adapter, tmp_path):
    base = tmp_path / "base"
    (base / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()")
    was = json.loads((base / "config.json").read_text())
    own = {"AutoConfig": "own.Own", "AutoModelForCausalLM": "own.OwnModel"}
    (base / "config.json").write_text(json.dumps({**was, "model_type": "own", "auto_map": own}))
    record = {"path": str(base), "trust_remote_code": True}
    (adapter / "harmonia_base.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match="trust_remote_code=true"):
        load_model(ModelSettings(path=str(adapter), device="cpu"))
    assert not (tmp_path / "ran").exists()
