"""Whether a run changed its model: a checkpoint that learned nothing must not pass for one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harmonia.errors import TrainingError

SAMPLE = 65536
"""Most weights of a tensor that are compared, evenly spaced."""
LITTLE = 0.01
"""Below this share of changed weights a run is told about."""


class Before:
    """A model as it was before training.

    Args:
        model: The model, adapters included.
        dtype: What its weights are saved in; None if only adapters are trained.
    """

    def __init__(self, model: Any, dtype: str | None) -> None:
        self._dtype = dtype
        self._weights = {} if dtype is None else _sampled(dict(model.named_parameters()), dtype)

    def changed_share(self, model: Any, weights: Mapping[str, Any] | None) -> float | None:
        """Share of the weights that are others now, as they are saved.

        For adapters it is the share of the weights under them that they change in fp32.

        `weights` are given where processes share them out.

        Returns:
            The share, of a sample where tensors are large; None where this process does not
            have the weights.
        """
        if self._dtype is None:
            return _adapted_share(model) if weights is None else None
        after = _sampled(dict(model.named_parameters()) if weights is None else weights, self._dtype)
        pairs = [(was, after[name]) for name, was in self._weights.items() if name in after]
        pairs = [(was, now) for was, now in pairs if len(was) == len(now)]
        total = sum(len(was) for was, _ in pairs)
        return sum(int((was != now).sum()) for was, now in pairs) / total if total else None


def _sampled(weights: Mapping[str, Any], dtype: str) -> dict[str, Any]:
    import torch

    found = {}
    for name, weight in weights.items():
        flat = weight.detach().flatten()
        some = flat[:: max(1, len(flat) // SAMPLE)]
        found[name] = some.to("cpu", getattr(torch, dtype), copy=True)
    return found


def _adapted_share(model: Any) -> float:
    changed = total = 0
    for module in model.modules():
        if hasattr(module, "get_delta_weight"):
            base = module.get_base_layer().weight.detach().float()
            (name,) = module.active_adapters
            changed += int((base + module.get_delta_weight(name).detach().float() != base).sum())
            total += base.numel()
    return changed / total


def require_learning(share: float | None, logged: Sequence[Mapping[str, Any]]) -> None:
    """Look at what a run did.

    `share` is that of the weights that changed, None if it is not known; `logged` what the trainer noted of
    each step.

    Raises:
        TrainingError: No weight changed, or there was no gradient in any step.
    """
    had_gradient = any(entry["grad_norm"] for entry in logged)
    if had_gradient and share != 0:
        return
    what = "no weight changed, as they are saved" if had_gradient else "the gradient was 0 in every step"
    peak = max(entry["learning_rate"] for entry in logged)
    raise TrainingError(
        f"the model learned nothing: {what}, so none was written. The learning rate was at most {peak:g} "
        f"in {len(logged)} optimizer steps. Raise learning_rate or epochs, lower batch_size, and look at "
        "what the rows teach."
    )
