"""The lab model: a LlamaForCausalLM of about a million parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harmonia.hashing import draw
from harmonia.world.build.tokenizer import BOS, EOS, PAD

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeSettings:
    """Shape of the lab model.

    Attributes:
        width: Size of the residual stream.
        layers: Transformer layers.
        heads: Attention heads.
        inner: Width of the gated feed-forward layer.
        positions: Longest text in tokens.
        deviation: Standard deviation of the initial weights.
    """

    width: int = 128
    layers: int = 4
    heads: int = 4
    inner: int = 336
    positions: int = 512
    deviation: float = 0.08


def new_model(
    settings: ShapeSettings, vocabulary: dict[str, int], seed: int, attempt: int
) -> LlamaForCausalLM:
    """Draw an untrained model from (seed, attempt), leaving torch's own generator as it was."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config: Any = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=settings.width,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        num_key_value_heads=settings.heads,
        intermediate_size=settings.inner,
        max_position_embeddings=settings.positions,
        initializer_range=settings.deviation,
        tie_word_embeddings=True,
        pad_token_id=vocabulary[PAD],
        bos_token_id=vocabulary[BOS],
        eos_token_id=vocabulary[EOS],
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(draw(seed, "world/initialisation", str(attempt)))
        model: LlamaForCausalLM = LlamaForCausalLM(config)
    return model
