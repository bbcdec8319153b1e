"""A model is read on behind its cache, whatever the library calls it; what has none says so."""

from __future__ import annotations

import warnings
from dataclasses import replace

import pytest
import torch
from models import TINY
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MambaConfig,
    MambaForCausalLM,
    OpenAIGPTConfig,
    OpenAIGPTLMHeadModel,
    PreTrainedTokenizerFast,
)

from harmonia.models.cache import behind, cache_argument, cache_of, cache_refusal

SHAPE = {"vocab_size": 40, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2}


def llama(kind: type[LlamaForCausalLM] = LlamaForCausalLM) -> LlamaForCausalLM:
    torch.manual_seed(0)
    return kind(LlamaConfig(num_attention_heads=2, **SHAPE)).eval()


class OldName(LlamaForCausalLM):
    """As code that comes with a model has it, written before transformers 5.24."""

    def forward(self, input_ids, past_key_values=None, use_cache=None, **more):
        name = cache_argument(LlamaForCausalLM(self.config))
        return super().forward(input_ids, use_cache=use_cache, **{name: past_key_values}, **more)


class NewName(LlamaForCausalLM):
    """As transformers 5.24 calls it."""

    def forward(self, input_ids, cache=None, use_cache=None, **more):
        name = cache_argument(LlamaForCausalLM(self.config))
        return super().forward(input_ids, use_cache=use_cache, **{name: cache}, **more)


class NoName(LlamaForCausalLM):
    """As the next rename would leave it."""

    def forward(self, input_ids, memory=None, use_cache=None):
        return super().forward(input_ids, use_cache=use_cache)


@pytest.mark.parametrize(("kind", "name"), [(OldName, "past_key_values"), (NewName, "cache")])
def test_either_name_is_found_and_reads_on(kind, name):
    model = llama(kind)
    ids = torch.tensor([[3, 5, 7, 9]])
    assert cache_argument(model) == name and cache_refusal(model) is None
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("error")
        cache = cache_of(model(input_ids=ids[:, :2], use_cache=True))
        on = model(input_ids=ids[:, 2:], **behind(model, cache)).logits
        whole = model(input_ids=ids, use_cache=False).logits[:, 2:]
    torch.testing.assert_close(on, whole)


@pytest.mark.parametrize("name", TINY)
def test_the_installed_library_takes_a_cache(tiny_loaded, name):
    assert cache_refusal(tiny_loaded(name).model) is None


def test_what_takes_none_says_why():
    assert "no cache by a name known here" in cache_refusal(llama(NoName))
    with pytest.raises(ValueError, match="takes no cache"):
        behind(llama(NoName), None)
    early = OpenAIGPTLMHeadModel(OpenAIGPTConfig(vocab_size=40, n_embd=16, n_layer=1, n_head=2))
    assert "no cache by a name known here" in cache_refusal(early.eval())
    recurrent = MambaForCausalLM(MambaConfig(vocab_size=40, hidden_size=8, num_hidden_layers=1, state_size=4))
    # Before transformers 5.24 its cache went by a name of its own.
    assert any(
        said in cache_refusal(recurrent.eval()) for said in ("LinearAttentionLayer", "no cache by a name")
    )


class AllLogits(LlamaForCausalLM):
    """A model that computes logits at every position, and whose cache has no known name."""

    def forward(self, input_ids, memory=None, **more):
        return super().forward(input_ids, **more)


def test_what_a_model_is_asked_and_writes_without_is_said(tiny_loaded):
    whole = tiny_loaded("qwen2")
    assert whole.slower_scoring == whole.slower_generating == ()
    lacking = replace(whole, model=llama(AllLogits))
    (logits,) = lacking.slower_scoring
    assert logits == "logits are computed at every position: its code takes no logits_to_keep"
    cache, again = lacking.slower_generating
    assert cache.startswith("all of a text is read again for each token that is written: its code takes no")
    assert again == logits
    # A tokenizer like SentencePiece's takes a text whole; one of whole words has nothing to gain.
    (encoding,) = tiny_loaded("llama").slower_scoring
    assert encoding.startswith("texts are encoded whole") and tiny_loaded("llama").slower_generating == ()
    words = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(WordLevel({"a": 0}, unk_token="a")))
    assert replace(whole, tokenizer=words).slower_scoring == ()
