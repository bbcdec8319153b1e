"""A stage: a named step with an address, the stages it needs, and what it writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harmonia.hashing import sha256_json

if TYPE_CHECKING:
    from harmonia.pipeline.workbench import Workbench

Action = Callable[["Workbench"], "list[str]"]
"""Does the work in the run directory; returns notes for the report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step of an experiment.

    Attributes:
        key: Its name, `kind/...`.
        recipe: Everything that decides the result: code version, settings, hashes of
            inputs, addresses of the stages it needs.
        needs: Keys of those stages.
        outputs: What it writes, relative to the run directory.
        action: Does it.
    """

    key: str
    recipe: dict[str, Any]
    needs: tuple[str, ...]
    outputs: tuple[str, ...]
    action: Action

    @property
    def address(self) -> str:
        """Content address: equal addresses mean equal results."""
        return sha256_json(self.recipe)
