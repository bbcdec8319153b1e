"""Embeddings against plain transformers: padded batches of a bare model, pooled by its mask."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from models import WORDS, byte_level_bpe
from tokenizers import processors
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel, PreTrainedTokenizerFast

from harmonia.errors import InputError
from harmonia.models import ModelSettings
from harmonia.models.embed import embedder_of, load_embedder

TEXTS = ("river city metal", "king", "steel bridge treaty king. river city", WORDS, "voltage treaty king")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("encoder")
    backend = byte_level_bpe()
    backend.add_special_tokens(["[CLS]", "[SEP]"])
    ids = {name: backend.token_to_id(name) for name in ("[CLS]", "[SEP]")}
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=list(ids.items())
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, cls_token="[CLS]", sep_token="[SEP]", pad_token="<|endoftext|>"
    )
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    shape: dict[str, Any] = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4}
    config = BertConfig(
        vocab_size=len(tokenizer),
        num_hidden_layers=2,
        max_position_embeddings=24,
        initializer_range=0.3,
        **shape,
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


def plain(folder: str | Path, texts: Any, pool: str, front: int) -> Any:
    """Unit vectors by a padded batch of transformers' own."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    tokenizer.padding_side = "right"
    most = min(model.config.max_position_embeddings, 1024)
    batch = tokenizer(list(texts), padding=True, return_tensors="pt", truncation=True, max_length=most)
    mask = batch["attention_mask"][..., None].float()
    with torch.no_grad():
        states = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state
    mask[:, :front] = 0
    pooled = states[:, 0] if pool == "cls" else (states * mask).sum(1) / mask.sum(1)
    return (pooled / pooled.norm(dim=-1, keepdim=True)).numpy()


@pytest.mark.parametrize("name", ["llama", "gpt2", "gemma3"])
def test_a_language_model_is_averaged_over_the_text(name: str, tiny, tiny_loaded) -> None:
    found = embedder_of(tiny_loaded(name)).embed(TEXTS)
    front = 0 if name == "gpt2" else 1  # BOS
    assert np.abs(found - plain(tiny(name).path, TEXTS, "mean", front)).max() < 1e-5
    # The folder gives the same.
    assert np.array_equal(load_embedder(tiny(name)).embed(TEXTS[:2]), found[:2])


@pytest.mark.parametrize("pool", ["mean", "cls"])
def test_an_encoder_pools_as_its_folder_says(pool: str, encoder: Path) -> None:
    place = encoder / "1_Pooling" / "config.json"
    place.parent.mkdir(exist_ok=True)
    modes = {"pooling_mode_cls_token": pool == "cls", "pooling_mode_mean_tokens": pool == "mean"}
    place.write_text(json.dumps({"word_embedding_dimension": 32, **modes}))
    found = load_embedder(ModelSettings(path=str(encoder), device="cpu")).embed(TEXTS)
    assert np.abs(found - plain(encoder, TEXTS, pool, 0)).max() < 1e-5
    place.write_text(json.dumps({"pooling_mode_max_tokens": True}))
    with pytest.raises(InputError, match="pools in a way"):
        load_embedder(ModelSettings(path=str(encoder), device="cpu"))
    place.unlink()


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path, encoder: Path) -> None:
    (tmp_path / "config.json").write_text('{"architectures": ["BertModel"]}')
    with pytest.raises(InputError, match=r"no model\.safetensors"):
        load_embedder(ModelSettings(path=str(tmp_path), device="cpu"))
