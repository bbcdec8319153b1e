"""Whether a run changed its model: a checkpoint that learned nothing must not pass for one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from harmonia.errors import TrainingError


class Changed(NamedTuple):
    """How many of the trained tensors a run changed, in the bits that are saved."""

    tensors: int
    of: int


def digests(weights: Mapping[str, Any], dtype: str | None) -> dict[str, int]:
    """A number for each tensor, taken of the bits that are saved.

    Args:
        weights: The tensors by name.
        dtype: What they are saved in; None as they are.
    """
    import torch

    found = {}
    for name, weight in weights.items():
        # A tensor that other processes hold has no elements here.
        if not weight.numel():
            continue
        saved = weight.detach().to(getattr(torch, dtype) if dtype else weight.dtype).contiguous()
        bits = saved.view(torch.int32 if saved.element_size() == 4 else torch.int16)
        found[name] = int(bits.sum(dtype=torch.int64))
    return found


def what_changed(
    before: Mapping[str, int], after: Mapping[str, int], logged: Sequence[Mapping[str, Any]]
) -> Changed:
    """Count the tensors that a run changed.

    Args:
        before: Digests before training.
        after: Digests of the same tensors after it.
        logged: What the trainer noted of each optimizer step.

    Raises:
        TrainingError: None changed, or there was no gradient in any step.
    """
    changed = Changed(tensors=sum(after.get(name) != was for name, was in before.items()), of=len(before))
    had_gradient = any(entry["grad_norm"] for entry in logged)
    if had_gradient and (changed.tensors or not before):
        return changed
    what = f"none of its {changed.of} trained tensors changed, as they are saved"
    if not had_gradient:
        what = "the gradient was 0 in every step"
    peak = max(entry["learning_rate"] for entry in logged)
    raise TrainingError(
        f"the model learned nothing: {what}, so none was written. The learning rate was at most {peak:g} "
        f"in {len(logged)} optimizer steps. Raise learning_rate or epochs, lower batch_size, and look at "
        "what the rows teach."
    )
