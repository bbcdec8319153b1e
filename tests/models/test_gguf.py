"""GGUF files: all that they hold goes into the model, or they are refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from made_up import devices
from models import TINY, byte_level_bpe, real_model
from transformers import Qwen2Config, Qwen2ForCausalLM

from harmonia.errors import InputError
from harmonia.models import ModelSettings, fingerprint, load_model
from harmonia.models.weight_files import gguf_elements

FILE = "tiny.gguf"


def write(
    folder: Path, *, more: Sequence[str] = (), fewer: Sequence[str] = (), words: Sequence[str] = ()
) -> tuple[ModelSettings, Any]:
    """A tiny Qwen2 as llama.cpp lays it out; gives the model that it was made of, too."""
    tokenizer = byte_level_bpe()
    vocab = tokenizer.get_vocab()
    torch.manual_seed(0)
    kind, _ = TINY["qwen2"]
    assert kind == "byte"
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2}
    config = Qwen2Config(vocab_size=len(vocab), num_hidden_layers=2, max_position_embeddings=256, **shape)
    model = Qwen2ForCausalLM(config).eval()
    file = gguf.GGUFWriter(folder / FILE, "qwen2")
    file.add_context_length(256)
    file.add_embedding_length(32)
    file.add_block_count(2)
    file.add_feed_forward_length(64)
    file.add_head_count(4)
    file.add_head_count_kv(2)
    file.add_layer_norm_rms_eps(config.rms_norm_eps)
    file.add_rope_freq_base(config.rope_parameters["rope_theta"])
    file.add_tokenizer_model("gpt2")
    file.add_token_list([*sorted(vocab, key=vocab.__getitem__), *words])
    file.add_token_types([1] * (len(vocab) + len(words)))
    file.add_token_merges([" ".join(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]])
    file.add_eos_token_id(0)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.QWEN2, 2)
    for name, weight in model.state_dict().items():
        own = names.get_name(name, (".weight", ".bias"))
        if own not in fewer:
            file.add_tensor(own, weight.numpy())
    for name in more:
        file.add_tensor(name, np.ones(8, np.float32))
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()
    return ModelSettings(path=str(folder), gguf_file=FILE, device="cpu"), model


def test_a_whole_file_is_the_model_that_it_was_made_of(tmp_path):
    settings, model = write(tmp_path)
    loaded = load_model(settings)
    ids = torch.tensor([[5, 60, 7, 200]])
    with torch.no_grad():
        torch.testing.assert_close(loaded.model(input_ids=ids).logits, model(input_ids=ids).logits)
    assert gguf_elements(tmp_path / FILE) == sum(weight.numel() for weight in model.parameters())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"more": ["rope_freqs.weight"]}, "of them went into the model"),
        ({"more": ["blk.2.attn_norm.weight"]}, "of them went into the model"),
        ({"more": ["blk.0.ffn_up.bias"]}, "of them went into the model"),
        ({"fewer": ["blk.1.attn_norm.weight"]}, r"missing: model\.layers\.1\.input_layernorm\.weight"),
        ({"fewer": ["token_embd.weight"]}, r"missing: model\.embed_tokens\.weight"),
        ({"words": ["hexagon", "quartz"]}, r"of another shape: lm_head|without a row are hexagon"),
    ],
    ids=str,
)
def test_a_file_of_which_a_part_is_missing_or_left_over_is_refused(tmp_path, changes, said):
    settings, _ = write(tmp_path, **changes)
    with pytest.raises(InputError, match=said) as caught:
        load_model(settings)
    assert caught.value.file == str(tmp_path / FILE) and caught.value.remedy


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"version https://git-lfs.github.com/spec/v1\nsize 9\n",
        b"GGUFxxxxxxxxxxxxxxxxxxx",
        b"GGUF\x03\0\0\0" + b"\xff" * 300,
        b"GGUF\x03\0\0\0" + b"\1\0\0\0\0\0\0\0" * 30,
        b"GGUF\x01\0\0\0" + bytes(300),
        b"something else entirely, and longer than a header",
    ],
)
def test_what_is_no_gguf_file_is_refused(tmp_path, content):
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(InputError) as caught:
        load_model(ModelSettings(path=str(tmp_path), gguf_file=FILE, device="cpu"))
    assert caught.value.file == str(tmp_path / FILE) and caught.value.remedy


def test_a_file_is_spread_over_devices(tmp_path, spread):
    settings, model = write(tmp_path)
    ids = torch.tensor([[5, 6, 7, 8]])
    with devices() as (first, second):
        found = spread(settings, first, second).model
        assert {str(one.device) for one in found.parameters()} == {first, second}
        logits = found(input_ids=ids.to(first)).logits.tolist()
    assert torch.allclose(torch.tensor(logits), model(input_ids=ids).logits, atol=1e-5)


@pytest.mark.parametrize("cut", [-100, 30_000, 2000, 100, 10])
def test_a_file_cut_short_is_refused(tmp_path, cut):
    settings, _ = write(tmp_path)
    (tmp_path / FILE).write_bytes((tmp_path / FILE).read_bytes()[:cut])
    with pytest.raises(InputError) as caught:
        load_model(settings)
    assert caught.value.file == str(tmp_path / FILE)


def test_a_tokenizer_beside_the_file_is_part_of_what_it_is(tmp_path, tiny):
    """transformers reads it rather than the one in the file."""
    settings, _ = write(tmp_path)
    alone = fingerprint(settings)
    shutil.copy(Path(tiny("llama").path) / "tokenizer.json", tmp_path)
    assert fingerprint(settings) != alone
    shutil.copy(Path(tiny("llama").path) / "model.safetensors", tmp_path / "other.gguf")
    beside = fingerprint(settings)
    (tmp_path / "other.gguf").unlink()
    assert fingerprint(settings) == beside


@pytest.mark.models
@pytest.mark.parametrize("name", ["smollm2", "gemma3", "qwen"])
def test_the_header_counts_what_gguf_py_counts(name):
    path = Path(real_model(name).path) / str(real_model(name).gguf_file)
    counted = {"smollm2": 134_515_008, "gemma3": 268_098_176, "qwen": 630_167_424}
    assert gguf_elements(path) == counted[name]
