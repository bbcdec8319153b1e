"""One model over several GPUs: which of its layers go to which, known before its weights are read.

The map is accelerate's (`infer_auto_device_map`, balanced). A layer lies on a GPU whole: what does not fit
is refused, and never read from memory or disk again for each pass.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from harmonia.errors import InputError

log = logging.getLogger(__name__)


def gpu_room() -> dict[int, int]:
    """Bytes that each GPU of this machine can still take, by its number.

    Raises:
        InputError: There is no GPU.
    """
    import torch

    if not torch.cuda.is_available():
        raise _refusal("this machine has no GPU to spread a model over", "Leave it out on such a machine.")
    return {number: torch.cuda.mem_get_info(number)[0] for number in range(torch.cuda.device_count())}


def device_map(model: Any, dtype: str, file: Path) -> dict[str, int]:
    """The GPU of each part of a model, evenly filled.

    Args:
        model: Its layers, without weights.
        dtype: Of its weights.
        file: Where it lies.

    Returns:
        Numbers of GPUs by the name of a module, which holds for what is in it.

    Raises:
        InputError: There is no GPU, the GPUs together do not hold it, or its layers cannot be told apart.
    """
    import torch
    from accelerate import infer_auto_device_map
    from accelerate.utils import get_balanced_memory

    whole = list(model._no_split_modules or ())
    if not whole:
        remedy = "Take a GPU that holds it, or have it served."
        raise _refusal("the model's code does not say which of its layers lie on one GPU", remedy, file)
    if getattr(model.config, "quantization_config", None):
        remedy = "Take a GPU that holds it, or have it served."
        raise _refusal("the model's weights are quantized, and what they take is not known", remedy, file)
    room = gpu_room()
    about = {"no_split_module_classes": whole, "dtype": getattr(torch, dtype)}
    found = infer_auto_device_map(model, get_balanced_memory(model, dict(room), **about), **about)
    # It names the disk for what is left over.
    if left := sorted(name for name, place in found.items() if not isinstance(place, int)):
        held = ", ".join(f"{free / 1e9:,.1f} GB" for free in room.values())
        raise _refusal(
            f"GPUs with {held} free do not hold the model in {dtype} ({len(left)} parts are left, "
            f"the first is {left[0]})",
            "Take more GPUs, another model.dtype, or have it served.",
            file,
        )
    counts = {gpu: list(found.values()).count(gpu) for gpu in sorted(set(found.values()))}
    log.info("%s: parts by GPU: %s", file, ", ".join(f"{gpu}: {count}" for gpu, count in counts.items()))
    return dict(found)


def _refusal(problem: str, remedy: str, file: Path | None = None) -> InputError:
    return InputError(problem, file=file, field="model.device_map", seen="auto", remedy=remedy)
