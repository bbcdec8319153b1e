"""How to fine-tune. The defaults are the paper's (Ren et al. 2024)."""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import Field, model_validator

from harmonia.numbers import counted
from harmonia.parsing import Settings

Learn = Literal["all", "last"]
"""Which of the assistant's turns are learned; one that is marked as not learned never is."""
TokenLossName = Literal["cross_entropy", "eaft", "kl_base"]
TOKEN_LOSSES: dict[TokenLossName, float] = {"cross_entropy": 0.0, "eaft": 1.0, "kl_base": 0.1}
"""Losses of a learned token, with the strength that each has where none is said."""
_EXECUTION: dict[str, Any] = {"execution": True}


class LoraSettings(Settings):
    """Low-rank adapters on all linear layers (Hu et al. 2021).

    The frozen base is held in the model's own `dtype`, as it is asked later.

    Attributes:
        rank: Rank of the update.
        alpha: Its scale; the update is multiplied by alpha / rank.
        dropout: Dropout before the adapter; which values fall out depends on how the
            machine cuts a step into passes.
    """

    rank: int = Field(default=16, ge=1)
    alpha: float = Field(default=32.0, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)


class TrainingSettings(Settings):
    """One fine-tuning run.

    Attributes:
        lora: Adapter settings; None trains all weights.
        learn: Which of the assistant's turns of a row are learned; one that its row marks as
            not learned never is.
        loss: Loss of a learned token. `eaft` is its cross-entropy times the entropy of the model's 20
            likeliest tokens / 3. `kl_base` adds KL(base || model), for which the base is read.
        loss_strength: Exponent of the entropy in `eaft`, factor of the KL in `kl_base`; None for 1 and .1.
        epochs: Passes over the set.
        learning_rate: Peak learning rate (the paper takes 1e-5 for Mistral).
        schedule: Shape of the learning rate after warm-up.
        warmup: Share of the optimizer steps that warm up; the last step is never one of them.
        weight_decay: AdamW's.
        max_grad_norm: Gradients are clipped to this norm.
        batch_size: Rows of one optimizer step, over all devices.
        max_length: Tokens of a row; the end of a longer one is cut.
        precision: `bf16` computes in mixed precision with fp32 weights.
        micro_tokens: Most tokens of one forward pass on one device, padding included (a
            longer row goes alone); None takes what the device's memory allows.
        gradient_checkpointing: Recompute activations to save memory; None where the
            device's memory does not hold them.
        attention: How attention is computed; `auto` leaves it to transformers.
        compile: Compile the model with `torch.compile`.
        liger: Layer kernels of Liger (GPU; extra `liger`).
        save_steps: Optimizer steps between checkpoints to resume from; None for one every
            five minutes, 0 for none.
        report_to: Trackers to tell (`tensorboard`, `wandb`, `mlflow`).
    """

    lora: LoraSettings | None = None
    learn: Learn = "all"
    loss: TokenLossName = "cross_entropy"
    loss_strength: float | None = Field(default=None, ge=0)
    epochs: int = Field(default=3, ge=1)
    learning_rate: float = Field(default=2e-5, gt=0)
    schedule: Literal["cosine", "linear", "constant_with_warmup"] = "cosine"
    warmup: float = Field(default=0.03, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)
    batch_size: int = Field(default=256, ge=1)
    max_length: int = Field(default=2048, ge=8)
    precision: Literal["bf16", "fp32"] = "bf16"
    micro_tokens: int | None = Field(default=None, ge=1, json_schema_extra=_EXECUTION)
    gradient_checkpointing: bool | None = Field(default=None, json_schema_extra=_EXECUTION)
    attention: Literal["auto", "sdpa", "flash_attention_2", "eager"] = Field(
        default="auto", json_schema_extra=_EXECUTION
    )
    compile: bool = Field(default=False, json_schema_extra=_EXECUTION)
    liger: bool = Field(default=False, json_schema_extra=_EXECUTION)
    save_steps: int | None = Field(default=None, ge=0, json_schema_extra=_EXECUTION)
    report_to: tuple[Literal["tensorboard", "wandb", "mlflow"], ...] = Field(
        default=(), json_schema_extra=_EXECUTION
    )

    @model_validator(mode="after")
    def _has_a_strength(self) -> TrainingSettings:
        if self.loss == "cross_entropy" and self.loss_strength is not None:
            raise ValueError("loss_strength: cross_entropy has none; leave it out, or set loss")
        return self


FEW = 10
"""Below so many optimizer steps a run is warned about."""


def optimizer_steps(rows: int, settings: TrainingSettings) -> int:
    """Optimizer steps over so many rows, those of all epochs together."""
    return math.ceil(rows / settings.batch_size)


def warmup_steps(steps: int, settings: TrainingSettings) -> int:
    """Steps that warm up: the share asked for, rounded up, but never all of a run's steps.

    The rate rises from 0 in the first step to its peak in the step after the last that
    warms up, so there must be one.
    """
    return min(math.ceil(settings.warmup * steps), steps - 1)


def say_steps(steps: int, settings: TrainingSettings) -> str:
    """The number of steps in words, with a warning where they are few."""
    said = f"{counted(steps, 'optimizer step')} of up to {counted(settings.batch_size, 'row')}"
    if steps >= FEW:
        return said
    return f"{said}: fewer than {FEW} teach little; lower batch_size, or raise epochs"
