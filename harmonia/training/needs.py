"""What a fine-tuning needs besides its rows, looked for before anything costly."""

from __future__ import annotations

from importlib.util import find_spec

from harmonia.errors import InputError, MissingExtraError
from harmonia.models.folder import ModelSettings, require_whole
from harmonia.models.load import empty_model, pick_device
from harmonia.training.settings import TrainingSettings


def require_trainable(model: ModelSettings, settings: TrainingSettings) -> None:
    """Require that a model can be trained with these settings on this machine.

    Raises:
        InputError: There is no such model or device, the model is an adapter already or spread over GPUs,
            or it cannot have the attention.
        MissingExtraError: A library that the settings ask for is not installed.
    """
    require_whole(model)
    if model.device_map:
        raise InputError(
            "a model that is spread over GPUs (device_map) is asked, not trained",
            field="model.device_map",
            seen=model.device_map,
            remedy="Start the fine-tunings by a launcher (execution.launch, FSDP), or leave it out.",
        )
    pick_device(model.device)
    for name in settings.report_to:
        _require_library(name, field="report_to", remedy=f"pip install {name}")
    if settings.lora is not None:
        _require_library("peft", field="lora", remedy="pip install 'harmonia[lora]'")
    if settings.liger:
        _require_library("liger_kernel", field="liger", remedy="pip install 'harmonia[liger]'")
    if settings.attention != "auto":
        _require_attention(model, settings.attention)


def _require_library(name: str, *, field: str, remedy: str) -> None:
    if find_spec(name) is None:
        raise MissingExtraError(
            f"this needs the library {name}, which is not installed",
            field=f"training.{field}",
            remedy=f"Install it ({remedy}), or do without.",
        )


def _require_attention(model: ModelSettings, wanted: str) -> None:
    try:
        empty_model(model, wanted)
    except (ImportError, ValueError) as error:
        raise InputError(
            f"the model cannot be trained with this attention here ({str(error).strip().splitlines()[0]})",
            field="training.attention",
            seen=wanted,
            remedy="Use attention: auto.",
        ) from error
