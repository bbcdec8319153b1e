"""The model before and after training: what to start from, and the tuned one ready to be asked.

Training changes a model in place: a loss beside its forward, its configuration, its
attention, adapters on its layers. Here all that is undone. What is asked in memory is then
bit by bit what loading the saved folder gives, and a base that adapters were trained on
answers as before.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from harmonia.models.folder import ModelSettings, require_unchanged
from harmonia.models.load import load_checked
from harmonia.models.local import LocalModel
from harmonia.training.memory import stop_recomputing
from harmonia.training.settings import TrainingSettings

_PATCHED = ("forward", "_original_forward")
"""What TRL and accelerate hang on a model to train it."""
_SET = ("bos_token_id", "eos_token_id", "pad_token_id", "output_router_logits")
"""What the trainers set in a model's configuration."""


def starting_model(
    model: ModelSettings,
    settings: TrainingSettings,
    tokenizer: Any,
    resident: LocalModel | None,
    noted: str | None = None,
) -> Any:
    """The weights to train, in fp32; with adapters the frozen base, in its own dtype.

    Adapters are put on a `resident` model; to train all weights a copy of it is taken. Liger, which changes a
    model for good, gets its own. What is loaded must have the fingerprint `noted`, where one was taken.

    Raises:
        InputError: The model cannot be loaded, or is not the one noted.
    """
    if resident is not None and resident.settings != model:
        raise ValueError(f"the resident model is {resident.settings}, not {model}")
    if resident and settings.lora and not settings.liger:
        return resident.model
    if resident and not settings.lora and model.dtype == "float32":
        return copy.deepcopy(resident.model).requires_grad_(True)
    wanted = model if settings.lora else model.model_copy(update={"dtype": "float32"})
    loaded, _ = load_checked(wanted, "cpu", tokenizer)
    require_unchanged(model, noted)
    return loaded


@contextmanager
def set_up_for_training(model: Any, settings: TrainingSettings) -> Iterator[None]:
    """Set a model up to be trained; when done, take everything off it but what it learned.

    After an error a base loses its adapters, too.
    """
    from transformers.integrations.liger import apply_liger_kernel

    cached, attention = model.config.use_cache, model.config._attn_implementation
    holders = [model.config.get_text_config(), model.generation_config]
    before = [{name: getattr(one, name) for name in _SET if hasattr(one, name)} for one in holders]
    try:
        if settings.attention != "auto":
            model.set_attn_implementation(settings.attention)
        if settings.liger:
            # TRL's fused head is used for the loss, as without Liger.
            apply_liger_kernel(model, {"fused_linear_cross_entropy": False, "cross_entropy": False})
        yield
    except BaseException:
        _take_adapters_off(model)
        raise
    finally:
        without_patches(model)
        stop_recomputing(model)
        if settings.attention != "auto":
            model.set_attn_implementation(attention)
        model.config.use_cache = cached
        if settings.lora is not None:
            for one, values in zip(holders, before, strict=True):
                for name, value in values.items():
                    setattr(one, name, value)


def without_patches(model: Any) -> Any:
    """A model, or the adapters around one, with the forward of its class, in eval mode."""
    for name in _PATCHED:
        model.__dict__.pop(name, None)
    return model.eval()


def detach(tuned: LocalModel) -> None:
    """Take a tuned adapter off the resident base, which then answers as before.

    The tuned model cannot be asked after this. Without adapters there is nothing to do.
    """
    if hasattr(tuned.model, "get_base_model"):
        _take_adapters_off(tuned.model.get_base_model())


def in_dtype(model: Any, dtype: str) -> Any:
    """An fp32 model in another dtype, made by the library's own loading but without a disk.

    Which weights and buffers keep fp32 is the architecture's affair.
    """
    import torch

    if dtype == "float32":
        return model
    rounded = type(model).from_pretrained(
        None,
        config=copy.deepcopy(model.config),
        state_dict=model.state_dict(),
        dtype=getattr(torch, dtype),
    )
    rounded.generation_config = model.generation_config
    return rounded.to(model.device).eval()


def _take_adapters_off(base: Any) -> None:
    for name, module in list(base.named_modules()):
        if hasattr(module, "get_base_layer"):
            parent, _, own = name.rpartition(".")
            setattr(base.get_submodule(parent), own, module.get_base_layer())
    base.__dict__.pop("peft_config", None)
