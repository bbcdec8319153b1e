"""Who is asked: a model whose files are here, or one that a server holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harmonia.cli.given import Given
    from harmonia.models import ModelSettings
    from harmonia.models.server import ServedModelSettings


def model_settings(given: Given, model: str) -> ModelSettings | ServedModelSettings:
    """The settings of a model by what `--model` says: an address is a server's."""
    from harmonia.models import ModelSettings
    from harmonia.models.server import ServedModelSettings, is_address

    if is_address(model):
        return given.of(ServedModelSettings, {"served": model})
    return given.of(ModelSettings, {"path": model})


def answerer(which: ModelSettings | ServedModelSettings) -> Any:
    """The model, ready to be asked."""
    from harmonia.models import fingerprint, load_model
    from harmonia.models.served_model import ServedModel
    from harmonia.models.server import ServedModelSettings

    if isinstance(which, ServedModelSettings):
        return ServedModel(which)
    return load_model(which, fingerprint(which))
