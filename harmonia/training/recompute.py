"""Activations computed again in the backward pass, by the name that the library has for it.

`gradient_checkpointing` became `activation_checkpointing` in transformers 5.23.
"""

from __future__ import annotations

from functools import cache
from typing import Any

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
