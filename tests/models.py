"""Models for tests: the real small ones of `make models`, and tiny ones made on the spot."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from harmonia.models import ModelSettings, Scorer
from harmonia.prompts import Request, Template
from harmonia.types import Item, Message

REPOSITORY = Path(__file__).parents[1]

GGUF = {
    "smollm2": "SmolLM2-135M-Instruct.Q4_1.gguf",
    "gemma3": "gemma-3-270m-q4_k_m.gguf",
    "qwen": "qwen2.5-coder-0.5b-instruct-q4.gguf",
}
MISTRAL_TOKENIZER = "tokenizer.model.v1"


def models_root() -> Path:
    named = os.environ.get("HARMONIA_MODELS")
    return Path(named) if named else REPOSITORY / ".models"


def _require(path: Path) -> Path:
    if not path.is_file():
        pytest.skip(f"no {path}: run `make models`, or set HARMONIA_MODELS to the folder that holds them")
    return path


def real_model(name: str, **fields: Any) -> ModelSettings:
    """Settings of a real GGUF model; the test is skipped where it is absent."""
    path = _require(models_root() / name / GGUF[name])
    return ModelSettings(path=str(path.parent), gguf_file=path.name, device="cpu", **fields)


def mistral_folder(folder: Path) -> ModelSettings:
    """Mistral-7B-v0.1's SentencePiece model laid out as a model folder has it; no weights."""
    source = _require(models_root() / "mistral" / MISTRAL_TOKENIZER)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.model").write_bytes(source.read_bytes())
    marks = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    config = {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "add_eos_token": False, **marks}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return ModelSettings(path=str(folder))


# Tokenizers made on the spot.

WORDS = (
    "The following are multiple choice questions (with answers) about law. Answer: the of and to in is "
    "A chat between a curious user and an artificial intelligence assistant. USER: ASSISTANT: "
    "The assistant gives helpful, detailed, and polite answers to the user's questions. "
    "river city metal current pressure voltage steel bridge treaty king. "
)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
CORPUS = [WORDS] * 20 + [f"Answer: {a}\n\n{a}. x\n答案：{a}\nASSISTANT: {a}. " for a in LETTERS] * 20


def byte_level_bpe(vocab: int = 480) -> Tokenizer:
    """Byte-level BPE without BOS, as GPT-2 and Qwen have it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=vocab, initial_alphabet=alphabet, special_tokens=special, show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def sentencepiece_like(prepend: str, vocab: int = 300) -> Tokenizer:
    """BPE over "▁" with byte fallback and a BOS, as Llama ("always") and Gemma ("never") have it."""
    bare = Tokenizer(models.BPE(unk_token="<unk>"))
    # Pieces with punctuation are not learned, so that "▁A" is one before "." too.
    bare.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(prepend_scheme=prepend), pre_tokenizers.Punctuation()]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=vocab, special_tokens=["<unk>", "<s>", "</s>"], limit_alphabet=120, show_progress=False
    )
    bare.train_from_iterator(CORPUS, trainer)
    learned = json.loads(bare.to_str())["model"]
    pieces = dict(learned["vocab"])
    for byte in range(256):
        pieces[f"<0x{byte:02X}>"] = len(pieces)
    # "\n" is a byte here, as in Llama: drop what the corpus taught about it.
    merges = [tuple(pair) for pair in learned["merges"] if "\n" not in "".join(pair)]
    pieces.pop("\n", None)
    kept = {piece: index for index, piece in enumerate(p for p in pieces if "\n" not in p)}
    tokenizer = Tokenizer(
        models.BPE(vocab=kept, merges=merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    )
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    tokenizer.normalizer = normalizers.Sequence([])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=prepend, split=False)
    steps: list[Any] = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    if prepend == "always":
        steps.append(decoders.Strip(" ", 1, 0))
    tokenizer.decoder = decoders.Sequence(steps)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", kept["<s>"])]
    )
    return tokenizer


def wrapped(kind: str) -> PreTrainedTokenizerFast:
    """One of the tokenizers above as transformers holds it: `byte`, `prefix` or `bare`."""
    if kind == "byte":
        return PreTrainedTokenizerFast(tokenizer_object=byte_level_bpe(), eos_token="<|endoftext|>")
    backend = sentencepiece_like("always" if kind == "prefix" else "never")
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


# Models made on the spot: random weights, large enough that their answers differ.

_SHAPE = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "initializer_range": 0.3}
_KV = {**_SHAPE, "num_key_value_heads": 2, "max_position_embeddings": 1024}
TINY: dict[str, tuple[str, Any]] = {
    "llama": ("prefix", lambda v: LlamaForCausalLM(LlamaConfig(vocab_size=v, num_hidden_layers=2, **_KV))),
    "mistral": (
        "prefix",
        lambda v: MistralForCausalLM(
            MistralConfig(vocab_size=v, num_hidden_layers=2, sliding_window=16, head_dim=8, **_KV)
        ),
    ),
    "qwen2": ("byte", lambda v: Qwen2ForCausalLM(Qwen2Config(vocab_size=v, num_hidden_layers=2, **_KV))),
    "gemma3": (
        "bare",
        lambda v: Gemma3ForCausalLM(
            Gemma3TextConfig(
                vocab_size=v,
                num_hidden_layers=4,
                layer_types=["sliding_attention", "full_attention"] * 2,
                sliding_window=16,
                head_dim=8,
                query_pre_attn_scalar=8,
                **_KV,
            )
        ),
    ),
    "gpt2": (
        "byte",
        lambda v: GPT2LMHeadModel(
            GPT2Config(
                vocab_size=v,
                n_embd=32,
                n_layer=2,
                n_head=4,
                n_positions=1024,
                initializer_range=0.3,
                bos_token_id=0,
                eos_token_id=0,
            )
        ),
    ),
}


def make_tiny(name: str, folder: Path, *, seed: int = 0, init: float | None = None) -> ModelSettings:
    """Write a tiny model with its tokenizer as an ordinary model folder."""
    kind, build = TINY[name]
    tokenizer = wrapped(kind)
    torch.manual_seed(seed)
    model = build(len(tokenizer))
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    if init is not None:
        with torch.no_grad():
            for weight in model.parameters():
                if weight.dim() > 1:
                    weight.normal_(0.0, init)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return ModelSettings(path=str(folder), device="cpu")


def sums(model: Scorer, requests: Sequence[Request], **options: Any) -> list[tuple[float, ...]]:
    """Log-likelihood in nats of each continuation."""
    found = model.loglikelihoods(requests, **options)
    return [tuple(one.sum for one in several) for several in found]


def item(index: int = 0, options: int = 4, **fields: Any) -> Item:
    """A question of a length of its own, for tests that do not care which."""
    words = ["river", "city", "metal", "current", "pressure", "voltage", "steel", "bridge", "treaty", "king"]
    question = " ".join(words[(index + k) % len(words)] for k in range(3 + 2 * (index % 5)))
    choices = tuple(f"{words[(index + k) % len(words)]} {k}" + " of the" * (k % 3) for k in range(options))
    values: dict[str, Any] = {
        "id": f"q{index}",
        "domain": "law",
        "question": f"Which {question}?",
        "choices": choices,
        "answer": index % options,
        "source": "test.jsonl",
        "split": "test",
    }
    return Item(**{**values, **fields})


def last_turn(template: Template, messages: Sequence[Message]) -> tuple[str, str]:
    """What stands before the assistant's last turn, and the turn."""
    whole = template.conversation(messages)
    start, stop = whole.turns[-1]
    return whole.text[:start], whole.text[start:stop]
