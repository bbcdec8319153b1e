"""Memory that a task takes on its device, by what it is for; and what would fit where it does not.

Weights, gradients and optimizer states are counted (Rajbhandari et al. 2020, ZeRO, section 3). Activations
are those of Korthikanti et al. 2022 (`training/memory.py`). Of a token the keys and values of each layer are
kept (Shazeer 2019), as attention takes them. Where training is shared out over GPUs (FSDP, ZeRO-3) each holds
its share, and the layer at work and the next one whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, final

from harmonia.models.architecture import Shape
from harmonia.training import LoraSettings, TrainingSettings
from harmonia.training.memory import COPY_BYTES, SHARE, activation_bytes

_ADAPTER = LoraSettings(rank=16)
WIDTH = {"float32": 4, "bfloat16": 2, "float16": 2}
"""Bytes of a number."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Bytes that a task takes, by what they are for.

    Attributes:
        weights: Weights.
        gradients: Their gradients.
        optimizer: AdamW's two moments.
        copies: What autocast keeps of the weights, in the type that it computes in, during a pass.
        activations: What a pass over the longest row holds; 0 where the model's shape is not known.
        cache: Keys and values of the longest prompt; 0 likewise.
        gathered: What each GPU holds whole instead of copies, where several share the model out.
    """

    weights: float
    gradients: float = 0.0
    optimizer: float = 0.0
    copies: float = 0.0
    activations: float = 0.0
    cache: float = 0.0
    gathered: float = 0.0

    @property
    def states(self) -> float:
        """What can be shared out over GPUs."""
        return self.weights + self.gradients + self.optimizer

    @property
    def all(self) -> float:
        """Everything, on one device."""
        return self.states + self.copies + self.activations + self.cache

    def gpus(self, gpu_bytes: float) -> int | None:
        """GPUs that hold it, each filled to `SHARE`; None if no number does."""
        room = SHARE * gpu_bytes
        if self.all <= room:
            return 1
        left = room - self.activations - self.cache - self.gathered
        return max(2, math.ceil(self.states / left)) if left > 0 else None

    def __str__(self) -> str:
        parts = ((one.name, getattr(self, one.name)) for one in fields(self) if one.name != "gathered")
        said = ", ".join(f"{name} {size / 1e9:,.1f}" for name, size in parts if size)
        return f"{self.all / 1e9:,.1f} GB ({said})"


def asking_memory(shape: Shape, dtype: str, longest: float) -> Memory:
    """Memory of asking a model one prompt: batches are halved down to that where they must.

    Args:
        shape: The model.
        dtype: Of its weights.
        longest: Tokens of the longest prompt, with what is written behind it.
    """
    width, widths = WIDTH[dtype], shape.widths
    weights = width * shape.parameters
    if widths is None:
        return Memory(weights=weights)
    # In the layer at work: six vectors of the model's width, three of the inner one.
    layer = 6 * widths.hidden + 3 * widths.inner
    return Memory(weights=weights, activations=layer * width * longest, cache=widths.kept * width * longest)


def training_memory(shape: Shape, settings: TrainingSettings, dtype: str, longest: float) -> Memory:
    """Memory of a fine-tuning whose passes are as small as they can be, if no setting says otherwise.

    Args:
        shape: The model.
        settings: How it is trained. `gradient_checkpointing: null` is reckoned as true: where memory is
            short it is.
        dtype: Of the weights where adapters are trained; else they are trained in float32.
        longest: Tokens of the longest row.
    """
    lora, widths = settings.lora, shape.widths
    trained = shape.parameters if lora is None else lora.rank * shape.adapted
    weights = 4 * trained
    if lora is not None:
        weights += WIDTH[dtype] * shape.parameters
    elif settings.loss == "kl_base":
        weights += 4 * shape.parameters  # the untrained model stands beside it
    states = {"weights": weights, "gradients": 4 * trained, "optimizer": 8 * trained}
    states["copies"] = COPY_BYTES[settings.precision] * trained
    if widths is None:
        return Memory(**states)
    width = 2 if settings.precision == "bf16" else 4
    kept, recomputed = activation_bytes(widths, width)
    token = kept if settings.gradient_checkpointing is False else recomputed
    if settings.loss != "cross_entropy":
        token += 16 * widths.vocabulary  # logits, their softmax and gradients in float32; else they are fused
    # The layer at work with its gradients, and the next one.
    gathered = 3 * width * (shape.parameters - shape.embedded) / widths.layers
    tokens = max(longest, settings.micro_tokens or 0)
    return Memory(**states, activations=token * tokens, gathered=gathered)


def asking_that_fits(shape: Shape, dtype: str, longest: float, gpu_bytes: float) -> Iterator[str]:
    """What would let a model be asked on a GPU that does not hold it, a few words each."""
    needed = asking_memory(shape, dtype, longest)
    if WIDTH[dtype] == 4:
        half = asking_memory(shape, "bfloat16", longest)
        if half.gpus(gpu_bytes) == 1:
            yield f"model.dtype=bfloat16 ({half.all / 1e9:,.1f} GB)"
    if tokens := _tokens(needed, longest, gpu_bytes):
        yield f"prompts of at most {tokens:,} tokens (prompt.shots)"
    if count := needed.gpus(gpu_bytes):
        yield f"model.device_map=auto, which takes {count} GPUs, or a server (model.served, docs/served.md)"


def training_that_fits(
    shape: Shape, settings: TrainingSettings, dtype: str, longest: float, gpu_bytes: float
) -> Iterator[str]:
    """The same for a fine-tuning."""

    def of(dtype: str = dtype, **changes: Any) -> Memory:
        return training_memory(shape, settings.model_copy(update=changes), dtype, longest)

    needed = of()
    held = max(longest, settings.micro_tokens or 0)
    tokens = _tokens(needed, held, gpu_bytes)
    if tokens >= longest:
        yield f"training.micro_tokens={tokens}"
    elif tokens:
        yield f"training.max_length={tokens}"
    if settings.gradient_checkpointing is False and of(gradient_checkpointing=None).gpus(gpu_bytes) == 1:
        yield f"training.gradient_checkpointing=true ({of(gradient_checkpointing=None).all / 1e9:,.1f} GB)"
    for other in dict.fromkeys((dtype, "bfloat16")):
        adapted = of(other, lora=settings.lora or _ADAPTER)
        if adapted.gpus(gpu_bytes) == 1 and adapted != needed:
            words = [] if settings.lora else [f"training.lora.rank={_ADAPTER.rank}"]
            words += [] if other == dtype else [f"model.dtype={other}"]
            yield f"{' '.join(words)} ({adapted.all / 1e9:,.1f} GB)"
            break
    if (count := needed.gpus(gpu_bytes)) and count > 1:
        yield f"FSDP over {count} GPUs (docs/clusters.md)"
        there, here = needed.states / 1e9, (needed.activations + needed.gathered) / 1e9
        yield (
            f"offload, which is not reckoned with: about {there:,.0f} GB of the machines' memory and "
            f"{here:,.1f} GB of each GPU (docs/clusters.md)"
        )


def _tokens(needed: Memory, tokens: float, gpu_bytes: float) -> int:
    """Tokens that the room beside the weights holds, fewer than these; 0 for none that make sense."""
    room = SHARE * gpu_bytes - needed.states - needed.copies
    found = int(room * tokens / ((needed.activations + needed.cache) or math.inf)) if room > 0 else 0
    return found // 8 * 8 if found < tokens else 0
