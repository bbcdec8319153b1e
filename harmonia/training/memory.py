"""How many tokens a pass may hold, and whether activations are kept, from the device's memory.

An estimate, so that defaults are sensible; when memory runs out all the same, the
trainer halves its passes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from harmonia.models.architecture import Widths
from harmonia.training.settings import TrainingSettings

SHARE = 0.8
"""Share of the device's memory that is planned with."""
CPU_TOKENS, GPU_TOKENS = 1024, 16384
"""Tokens of a pass from which on more make it no faster."""
STATE_BYTES = 16
"""Of a trained fp32 weight: itself, its gradient, AdamW's two moments."""
COPY_BYTES = {"bf16": 2, "fp32": 0}
"""Of a trained weight, while a pass computes: autocast keeps what it cast."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """How a run is laid out in memory.

    Attributes:
        micro_tokens: Most tokens of a forward pass.
        checkpointing: Recompute activations.
    """

    micro_tokens: int
    checkpointing: bool


def fit(model: Any, settings: TrainingSettings, longest: int, device: str) -> Fit:
    """Lay a run out.

    What the settings say is kept. The longest row goes through in one pass whatever it takes.
    """
    wanted = max(longest, CPU_TOKENS if device == "cpu" else GPU_TOKENS)
    states = sum(
        weight.numel()
        * (STATE_BYTES + COPY_BYTES[settings.precision] if weight.requires_grad else weight.element_size())
        for weight in model.parameters()
    )
    room = max(0.0, SHARE * device_bytes(device) - states)
    width = 2 if settings.precision == "bf16" else 4
    kept, recomputed = activation_bytes(Widths.of(model.config.get_text_config()), width)
    checkpointing = settings.gradient_checkpointing
    if checkpointing is None:
        # Recomputing costs a third of the time: a few passes more are cheaper.
        checkpointing = room < kept * max(longest, wanted // 4)
    holds = int(room / (recomputed if checkpointing else kept))
    return Fit(
        micro_tokens=settings.micro_tokens or max(longest, min(wanted, holds)), checkpointing=checkpointing
    )


def activation_bytes(widths: Widths, width: int) -> tuple[float, float]:
    """Bytes that one token keeps for the backward pass: all of it, and with recomputation.

    Per layer about 16 vectors of the model's width and 4 of the inner one (after
    Korthikanti et al. 2022, table 2, for gated layers and attention that keeps no
    scores), some of them in fp32 whatever the precision.

    `width` is bytes of a number.
    """
    layer = (16 * widths.hidden + 4 * widths.inner) * (width + 4) / 2
    return widths.layers * layer, widths.layers * widths.hidden * width + layer


def device_bytes(device: str) -> int:
    """Memory of a device."""
    if device == "cpu":
        import psutil

        return int(psutil.virtual_memory().total)
    import torch

    return int(torch.cuda.get_device_properties(device).total_memory)


# `gradient_checkpointing` became `activation_checkpointing` in transformers 5.23.
_NAMES = ("activation_checkpointing", "gradient_checkpointing")


@cache
def _name() -> str:
    from transformers import TrainingArguments

    return next(name for name in _NAMES if name in TrainingArguments.__dataclass_fields__)


def recomputing(on: bool) -> dict[str, bool]:
    """The argument of a trainer's settings that turns it on or off."""
    return {_name(): on}


def recomputes(args: Any) -> bool:
    """Whether a trainer's settings turn it on."""
    return bool(getattr(args, _name()))


def stop_recomputing(model: Any) -> None:
    """Turn it off, where it is on."""
    if getattr(model, f"is_{_name()}"):
        getattr(model, f"{_name()}_disable")()
