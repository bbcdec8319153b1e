"""What is not a whole causal language model with its own tokenizer is refused, in one line."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from models import wrapped
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForCausalLM,
    BertConfig,
    BertForMaskedLM,
    BertLMHeadModel,
    BertModel,
    LlamaConfig,
    LlamaForSequenceClassification,
    MixtralConfig,
    MixtralForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)

from harmonia.errors import InputError
from harmonia.models import ModelSettings, fingerprint, load_model
from harmonia.models.checks import unused_tokens
from harmonia.models.load import empty_model

Tensors = dict[str, torch.Tensor]


@pytest.fixture
def folder(tiny, tmp_path) -> Path:
    """A tiny Llama of the test's own."""
    return Path(shutil.copytree(tiny("llama").path, tmp_path / "m"))


def refusal(folder: Path, **fields: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        load_model(ModelSettings(path=str(folder), device="cpu", **fields))
    assert str(folder) in str(caught.value) and caught.value.remedy
    assert "\n" not in str(caught.value)
    return caught.value


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids=torch.tensor([[5, 60, 7, 200]])).logits


def change_weights(folder: Path, change: Callable[[Tensors], Tensors]) -> None:
    changed = change(load_file(folder / "model.safetensors"))
    save_file(changed, folder / "model.safetensors", metadata={"format": "pt"})


def change_json(file: Path, **values: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


MISFITS: dict[str, tuple[Callable[[Tensors], Tensors], str]] = {
    "no head": (lambda w: without(w, "lm_head.weight"), r"missing: lm_head\.weight\)"),
    "no norm": (lambda w: without(w, "model.norm.weight"), r"missing: model\.norm\.weight\)"),
    "compiled": (lambda w: {f"_orig_mod.{name}": one for name, one in w.items()}, r"missing: .*_orig_mod\."),
    "in parallel": (lambda w: {f"module.{name}": one for name, one in w.items()}, r"the model's: module\."),
    "a bias more": (lambda w: {**w, "lm_head.bias": torch.ones(9)}, r"not the model's: lm_head\.bias"),
    "a layer more": (
        lambda w: w | {name.replace("s.1.", "s.2."): one.clone() for name, one in w.items()},
        r"not the model's: model\.layers\.2\..* and 6 more",
    ),
    "cut rows": (
        lambda w: {**w, "lm_head.weight": w["lm_head.weight"][:-3].clone()},
        r"of another shape: lm_head\.weight \(\d+, 32\) for \(\d+, 32\)",
    ),
}


def without(weights: Tensors, name: str) -> Tensors:
    return {other: weight for other, weight in weights.items() if other != name}


@pytest.mark.parametrize("name", MISFITS)
def test_a_checkpoint_that_is_not_the_whole_model_is_refused(folder, name, caplog):
    change, said = MISFITS[name]
    change_weights(folder, change)
    error = refusal(folder)
    assert error.problem.startswith("its tensors do not fit its configuration (")
    assert re.search(said, error.problem), error.problem
    assert "LOAD REPORT" not in caplog.text, "told once, and by harmonia"


def test_what_may_be_absent_or_left_over_is_no_reason(folder, tiny, tmp_path):
    """A tied head, the buffers that older versions saved: plain transformers gives the same logits."""
    change_json(folder / "config.json", tie_word_embeddings=True)
    change_weights(
        folder,
        lambda w: {
            **without(w, "lm_head.weight"),
            "model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(4),
        },
    )
    old = Path(shutil.copytree(tiny("gpt2").path, tmp_path / "old"))
    buffers = {"attn.bias": torch.ones(1, 1, 8, 8), "attn.masked_bias": torch.tensor(-1e4)}
    change_weights(old, lambda w: {**w, **{f"transformer.h.0.{name}": one for name, one in buffers.items()}})
    for one in (folder, old):
        loaded = load_model(ModelSettings(path=str(one), device="cpu"))
        plain = AutoModelForCausalLM.from_pretrained(one, dtype=torch.float32)
        assert torch.equal(logits(loaded.model), logits(plain))


@pytest.mark.parametrize(
    "values",
    [
        {"hidden_size": "x"},
        {"num_attention_heads": 0},
        {"num_hidden_layers": -1},
        {"num_hidden_layers": 1},
        {"vocab_size": 900},
        {"vocab_size": -1},
        {"vocab_size": 10**12},  # more than any memory
        {"hidden_act": "none such"},
        {"model_type": "none such"},
        {"rms_norm_eps": None},
        {"rope_parameters": []},
        {"max_position_embeddings": 0},
        {"quantization_config": []},
    ],
    ids=str,
)
def test_a_configuration_that_makes_no_sense_is_refused(folder, values):
    change_json(folder / "config.json", **values)
    refusal(folder)


FILES: dict[str, tuple[str, bytes | None, str]] = {
    "pointer": ("model.safetensors", b"version https://git-lfs.github.com/spec/v1\nsize 9\n", "git lfs pull"),
    "pointer for a tokenizer": ("tokenizer.json", b"version https://git-lfs.github.com/spec/v1\n", "git lfs"),
    "empty": ("model.safetensors", b"", "not whole"),
    "noise": ("model.safetensors", bytes(range(256)) * 9, "not whole"),
    "no weights": ("model.safetensors", None, "no weights"),
    "configuration cut": ("config.json", b'{"model_type": "ll', "not a JSON object"),
    "configuration a list": ("config.json", b"[]", "not a JSON object"),
    "no configuration": ("config.json", None, "no causal language model can be read"),
    "generation cut": ("generation_config.json", b'{"eos', "not a JSON object"),
    "tokenizer a list": ("tokenizer.json", b"[]", "not a JSON object"),
    "tokenizer without parts": ("tokenizer.json", b"{}", "no tokenizer can be read"),
    "no tokenizer": ("tokenizer.json", None, "no tokenizer can be read"),
    "tokenizer's configuration a list": ("tokenizer_config.json", b"[]", "not a JSON object"),
    "added tokens without ids": ("added_tokens.json", b'{"x": "y"}', "no tokenizer can be read"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_not_what_its_name_says_is_refused(folder, name):
    file, content, said = FILES[name]
    (folder / file).unlink(missing_ok=True)
    if content is not None:
        (folder / file).write_bytes(content)
    error = refusal(folder)
    assert said in str(error)
    assert content is None or error.file == str(folder / file) or "can be read" in said


@pytest.mark.parametrize("cut", [-1, -5000, 5000, 100, 4])
def test_weights_cut_short_are_refused(folder, cut):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:cut])
    assert refusal(folder).file == str(file)


def test_pickled_weights_are_refused_with_how_to_convert_them(folder):
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    error = refusal(folder)
    assert "pickled" in error.problem and "save_pretrained writes safetensors" in error.remedy


def test_a_shard_that_is_not_there_is_named(folder):
    model = AutoModelForCausalLM.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="50KB")
    shards = sorted(folder.glob("model-*.safetensors"))
    assert len(shards) > 1
    assert torch.equal(
        logits(load_model(ModelSettings(path=str(folder), device="cpu")).model), logits(model.eval())
    )
    shards[0].unlink()
    error = refusal(folder)
    assert (error.file, error.seen) == (str(folder / "model.safetensors.index.json"), repr(shards[0].name))
    for index in ("[]", "{}", '{"weight_map": []}', '{"weight_map": {"a": 3}}', '{"weight_map": {}}'):
        (folder / "model.safetensors.index.json").write_text(index)
        refusal(folder)


def test_numbers_that_are_none_are_refused(folder):
    plain = load_file(folder / "model.safetensors")
    for value in (float("nan"), float("inf")):
        change_weights(
            folder, lambda w, value=value: {**w, "model.norm.weight": plain["model.norm.weight"] * value}
        )
        assert refusal(folder).field == "model.norm.weight"
    change_weights(folder, lambda _: {**plain, "lm_head.weight": plain["lm_head.weight"] * 3e4})
    load_model(ModelSettings(path=str(folder), device="cpu"))
    assert "a logit is no finite number in float16" in refusal(folder, dtype="float16").problem


def save(folder: Path, model: Any, kind: str = "byte") -> ModelSettings:
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    wrapped(kind).save_pretrained(folder)
    return ModelSettings(path=str(folder), device="cpu")


SHAPE: dict[str, Any] = {
    "vocab_size": len(wrapped("byte")),
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "max_position_embeddings": 128,
}


def test_an_encoder_is_refused_and_the_same_as_a_decoder_is_not(tmp_path):
    for model, said in (
        (BertForMaskedLM(BertConfig(**SHAPE)), "a token changes the logits before it"),
        (BertModel(BertConfig(**SHAPE)), r"missing: cls\."),
        (LlamaForSequenceClassification(LlamaConfig(**SHAPE, pad_token_id=0)), "missing: lm_head"),
        (
            T5ForConditionalGeneration(
                T5Config(vocab_size=480, d_model=32, d_kv=8, d_ff=64, num_heads=4, num_layers=2)
            ),
            "no causal language model",
        ),
    ):
        save(tmp_path / "m", model)
        with pytest.raises(InputError, match=said):
            load_model(ModelSettings(path=str(tmp_path / "m"), device="cpu"))
    load_model(save(tmp_path / "m", BertLMHeadModel(BertConfig(**SHAPE, is_decoder=True))))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_a_decoder_that_sees_to_the_right_is_refused(tiny, tmp_path, dtype):
    for name, values in (("llama", {"is_causal": False}), ("gemma3", {"use_bidirectional_attention": True})):
        one = Path(shutil.copytree(tiny(name).path, tmp_path / name))
        load_model(ModelSettings(path=str(one), device="cpu", dtype=dtype))
        change_json(one / "config.json", **values)
        assert "not a causal language model" in refusal(one, dtype=dtype).problem


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_experts_are_no_sight_to_the_right(tmp_path, dtype):
    torch.manual_seed(0)
    model = MixtralForCausalLM(MixtralConfig(**SHAPE, num_key_value_heads=2, num_local_experts=4))
    load_model(save(tmp_path / "m", model).model_copy(update={"dtype": dtype}))


@pytest.mark.parametrize("kind", ["words", "padding", "in the template"])
def test_tokens_without_a_row_are_refused(folder, kind):
    tokenizer = wrapped("prefix")
    if kind == "words":
        tokenizer.add_tokens(["hexagon", "quartz"])
    elif kind == "padding":
        tokenizer.add_special_tokens({"pad_token": "<pad>"})
    else:
        tokenizer.add_special_tokens({"additional_special_tokens": ["<|turn|>"]})
        tokenizer.chat_template = "{% for m in messages %}<|turn|>{{ m.content }}{% endfor %}"
    tokenizer.save_pretrained(folder)
    error = refusal(folder)
    assert "without a row are" in error.problem and "resize_token_embeddings" in error.remedy


def test_a_token_that_nothing_written_holds_needs_no_row(folder):
    """An image's place in a model for text, as Gemma 3 of 270 million and of one billion has it."""
    tokenizer = wrapped("prefix")
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    tokenizer.save_pretrained(folder)
    loaded = load_model(ModelSettings(path=str(folder), device="cpu"))
    assert unused_tokens(loaded.tokenizer, len(wrapped("prefix"))) == {"<image>"}


def test_a_tokenizer_of_another_model_is_refused(folder, tmp_path):
    small = LlamaConfig(**{**SHAPE, "vocab_size": 100})
    save(tmp_path / "small", AutoModelForCausalLM.from_config(small))
    assert "and the model 100 rows" in refusal(tmp_path / "small").problem
    large = LlamaConfig(**{**SHAPE, "vocab_size": 32000})
    save(tmp_path / "large", AutoModelForCausalLM.from_config(large))
    assert "it is another model's" in refusal(tmp_path / "large").problem


CODE = """
open({flag!r}, "w").close()
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
class Own(LlamaConfig):
    model_type = "own"
class OwnModel(LlamaForCausalLM):
    config_class = Own
class OwnTokenizer(PreTrainedTokenizerFast):
    pass
"""
OWN_MODEL = {"AutoConfig": "own.Own", "AutoModelForCausalLM": "own.OwnModel"}
OWN_TOKENIZER = {"AutoTokenizer": [None, "own.OwnTokenizer"]}


@pytest.fixture
def flag(folder, tmp_path, monkeypatch) -> Path:
    """A file that the folder's code writes when it runs; a question on the terminal fails."""
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("a question on the terminal"))
    (folder / "own.py").write_text(CODE.format(flag=str(tmp_path / "ran")))
    return tmp_path / "ran"


@pytest.mark.parametrize("whose", ["model", "tokenizer"])
def test_code_in_a_folder_runs_only_where_it_is_trusted(folder, flag, whose, caplog):
    if whose == "model":
        change_json(folder / "config.json", auto_map=OWN_MODEL, model_type="own")
    else:
        change_json(folder / "tokenizer_config.json", auto_map=OWN_TOKENIZER, tokenizer_class="OwnTokenizer")
    error = refusal(folder)
    assert "model.trust_remote_code=true" in error.remedy and not flag.exists()
    untrusted = ModelSettings(path=str(folder), device="cpu")
    if whose == "model":
        with pytest.raises(InputError, match="trust_remote_code=true"):
            empty_model(untrusted)
    first = fingerprint(untrusted)
    assert not flag.exists()

    trusted = untrusted.model_copy(update={"trust_remote_code": True})
    loaded = load_model(trusted)
    assert flag.exists()
    assert {type(loaded.model).__name__, type(loaded.tokenizer).__name__} & {"OwnModel", "OwnTokenizer"}
    assert "IS RUN, as trust_remote_code says" in caplog.text
    # What runs is part of what the model is.
    second = fingerprint(trusted)
    (folder / "own.py").write_text((folder / "own.py").read_text() + "# more\n")
    assert len({first, second, fingerprint(trusted)}) == 3


def test_code_beside_a_model_of_the_librarys_own_is_not_run_and_told(folder, flag, caplog):
    change_json(folder / "config.json", auto_map=OWN_MODEL)
    assert (
        type(load_model(ModelSettings(path=str(folder), device="cpu")).model).__name__ == "LlamaForCausalLM"
    )
    assert "Python code that the model brings is not run" in caplog.text and not flag.exists()


def test_what_is_loaded_is_what_was_noted(folder):
    settings = ModelSettings(path=str(folder), device="cpu")
    noted = fingerprint(settings)
    loaded = load_model(settings, noted)
    before = logits(loaded.model)
    # Written in place, as a second training into the same folder does.
    with (folder / "model.safetensors").open("r+b") as handle:
        handle.seek(-40_000, 2)
        handle.write(bytes(40_000))
    assert torch.equal(logits(loaded.model), before), "weights are read from the file when they are used"
    with pytest.raises(InputError, match="have changed since this run noted them") as caught:
        load_model(settings, noted)
    assert caught.value.file == str(folder)
    load_model(settings)
