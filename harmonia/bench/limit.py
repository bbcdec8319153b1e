"""The arithmetic limit: the model's own matrix products for the tokens that must be computed once.

Their time is measured, not reckoned from a data sheet: the same weights, in their dtype,
order and shapes, over as many tokens as one pass takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harmonia.bench.turns import Work
from harmonia.errors import HarmoniaError
from harmonia.models import LocalModel
from harmonia.models.trie import blocks_of, group_requests
from harmonia.prompts import Request

_PASS = {"cpu": 2048, "cuda": 16384}
"""Tokens of a product, by device: more make it no faster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What some requests cost where nothing is computed twice.

    Attributes:
        products: FLOPs of the products between embedding and head.
        more: FLOPs of attention, and of the head where it is read.
    """

    tokens: int
    products: int
    more: int


def matrices(model: Any) -> list[Any]:
    """Weights, (out, in), of the matrix products between embedding and head, in the model's order.

    Raises:
        HarmoniaError: The architecture has none that are known here.
    """
    import torch
    from transformers.pytorch_utils import Conv1D

    head = model.get_output_embeddings()
    weights = [
        module.weight.T if isinstance(module, Conv1D) else module.weight
        for module in model.modules()
        if isinstance(module, (torch.nn.Linear, Conv1D)) and module is not head
    ]
    if not weights:
        raise HarmoniaError("the architecture's matrix products are of a kind that is not known here")
    return weights


def flops_per_token(model: Any) -> int:
    """FLOPs of those products for one token: two for each weight."""
    weights: int = sum(weight.numel() for weight in matrices(model))
    return 2 * weights


def products(loaded: LocalModel, tokens: int) -> Work:
    """All of those products, one after the other; its seconds are those of one token.

    At most a pass of the tokens is computed together.
    """
    import torch

    count = min(tokens, _PASS["cuda" if loaded.device.startswith("cuda") else "cpu"])
    weights = matrices(loaded.model)
    rows = {
        width: torch.randn(count, width, dtype=weights[0].dtype, device=loaded.device)
        for width in {weight.shape[1] for weight in weights}
    }

    def run() -> None:
        with torch.inference_mode():
            for weight in weights:
                torch.nn.functional.linear(rows[weight.shape[1]], weight)

    run()  # a GPU chooses its kernels the first time
    return Work.of(run, per=count)


def cost_of(loaded: LocalModel, requests: Sequence[Request]) -> Cost:
    """Tokens and FLOPs of some requests, shared tokens once."""
    config = loaded.model.config.get_text_config()
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    per_key = 4 * config.num_attention_heads * size * config.num_hidden_layers
    tokens = more = 0
    for group in group_requests(requests):
        before = len(group.prefix)
        tokens += before
        more += per_key * before * (before + 1) // 2
        for block in blocks_of(requests, group.members, before, 1):
            tokens += len(block.ids)
            more += per_key * sum(before + depth + 1 for depth in block.depths)
            more += 2 * config.hidden_size * config.vocab_size * len({read.at for read in block.reads})
    return Cost(tokens=tokens, products=flops_per_token(loaded.model) * tokens, more=more)
