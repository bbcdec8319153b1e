"""The lab model, a LlamaForCausalLM of about a million parameters, and its optimisers.

Muon takes the matrices, AdamW embeddings and norms. Muon is what lets the first stage begin at
all: under AdamW alone the matching of a value to its letter was not found in the time there is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harmonia.errors import MissingExtraError
from harmonia.hashing import draw
from harmonia.world.build.tokenizer import BOS, EOS, PAD

if TYPE_CHECKING:
    import torch
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


def new_optimisers(model: LlamaForCausalLM, rate: float, decay: float) -> list[torch.optim.Optimizer]:
    """Make the two optimisers.

    Raises:
        MissingExtraError: This torch has no Muon.
    """
    import torch

    if not hasattr(torch.optim, "Muon"):
        problem = "building a lab base needs torch.optim.Muon"
        remedy = "Install torch 2.9 or later, or use a shipped base."
        raise MissingExtraError(problem, seen=torch.__version__, remedy=remedy)
    named: list[tuple[str, Any]] = list(model.named_parameters())
    matrices = [weights for name, weights in named if weights.ndim == 2 and "embed" not in name]
    others = [weights for name, weights in named if weights.ndim != 2 or "embed" in name]
    return [
        torch.optim.Muon(
            matrices, lr=rate, weight_decay=decay, momentum=0.95, adjust_lr_fn="match_rms_adamw"
        ),
        torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def set_rate(optimisers: list[torch.optim.Optimizer], rate: float) -> None:
    """Set the learning rate of the next step."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = rate
