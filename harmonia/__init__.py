"""What a language model believes, and what fine-tuning did to it: the names of `harmonia.api`."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harmonia.api import (
        audit,
        compare,
        groups,
        load,
        plan,
        probe,
        read_beliefs,
        report,
        run,
        serve,
        train,
    )
    from harmonia.compare.drift import KnowledgeDriftCallback
    from harmonia.curating import curate

__version__ = "0.1.0"

__all__ = [
    "KnowledgeDriftCallback",
    "audit",
    "compare",
    "curate",
    "groups",
    "load",
    "plan",
    "probe",
    "read_beliefs",
    "report",
    "run",
    "serve",
    "train",
]

_APART = {"KnowledgeDriftCallback": "harmonia.compare.drift", "curate": "harmonia.curating"}
"""Where those are that are not of `harmonia.api`."""

# What these libraries would report to their makers. Nothing goes out that nobody asked for: each
# reads this when it is first imported, so it stands before any other import.
for _name, _silent in (
    ("HF_HUB_DISABLE_TELEMETRY", "1"),
    ("RAY_USAGE_STATS_ENABLED", "0"),
    ("WANDB_ERROR_REPORTING", "false"),
    ("MLFLOW_DISABLE_TELEMETRY", "true"),
):
    os.environ.setdefault(_name, _silent)


def __getattr__(name: str) -> Any:
    """A function of the API, imported when it is first asked for: torch and pandas take seconds."""
    if name in __all__:
        return getattr(import_module(_APART.get(name, "harmonia.api")), name)
    raise AttributeError(f"module 'harmonia' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """Folders have the names of functions (`probe`, `groups`, `report`): here the functions have them.

    `from harmonia.probe import ...` imports from the folder all the same.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
