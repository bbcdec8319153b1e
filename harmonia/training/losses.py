"""Losses of a learned token beside cross-entropy, in nats. Import only where torch is needed.

Axes: `N` learned tokens, `V` the vocabulary.
"""

from __future__ import annotations

import torch
from torch.nn.functional import cross_entropy, kl_div

from harmonia.training.settings import TOKEN_LOSSES, TokenLossName

_LIKELIEST = 20
_SCALE = 3.0
"""About ln 20, the most that the entropy of 20 tokens can be; what the released code divides by."""


def losses_of(
    name: TokenLossName,
    strength: float | None,
    logits_N_V: torch.Tensor,
    targets_N: torch.Tensor,
    base_N_V: torch.Tensor | None,
) -> torch.Tensor:
    """The loss `eaft` or `kl_base` of each learned token, shape (N,).

    `strength` is the setting `loss_strength`; `base_N_V` are the base model's logits, for `kl_base`.
    """
    plain_N = cross_entropy(logits_N_V, targets_N, reduction="none")
    strength = TOKEN_LOSSES[name] if strength is None else strength
    if name == "eaft":
        return plain_N * eaft_weights(logits_N_V, strength)
    if base_N_V is None:
        raise ValueError(f"the loss {name} needs the base model's logits")
    return plain_N + strength * kl_to_base(logits_N_V, base_N_V)


def eaft_weights(logits_N_V: torch.Tensor, exponent: float) -> torch.Tensor:
    """Weight of each token: (entropy / 3) ** exponent, without a gradient (EAFT, arXiv 2601.02151).

    The entropy is that of the 20 likeliest tokens, renormalised. So what the model is sure of, a
    confident conflict above all, is hardly learned.
    """
    logits_N_V = logits_N_V.detach()
    top_N_K = logits_N_V.topk(min(_LIKELIEST, logits_N_V.shape[-1]), dim=-1).values.log_softmax(dim=-1)
    entropy_N = -(top_N_K.exp() * top_N_K).sum(dim=-1)
    return (entropy_N / _SCALE) ** exponent


def kl_to_base(logits_N_V: torch.Tensor, base_N_V: torch.Tensor) -> torch.Tensor:
    """KL(base || model) of each token's distribution over the whole vocabulary."""
    return kl_div(
        logits_N_V.log_softmax(dim=-1), base_N_V.log_softmax(dim=-1), reduction="none", log_target=True
    ).sum(dim=-1)
