"""Muon for the matrices, AdamW for embeddings and norms.

Muon is what lets the first stage begin at all: under AdamW alone the matching of a
value to its letter was not found in the time there is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harmonia.errors import MissingExtraError

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM


def new_optimisers(model: LlamaForCausalLM, rate: float, decay: float) -> list[torch.optim.Optimizer]:
    """Make the two optimisers.

    Raises:
        MissingExtraError: This torch has no Muon.
    """
    import torch

    if not hasattr(torch.optim, "Muon"):
        raise MissingExtraError(
            "building a lab base needs torch.optim.Muon",
            seen=torch.__version__,
            remedy="Install torch 2.9 or later, or use a shipped base.",
        )
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
