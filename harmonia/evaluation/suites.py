"""Test suites: the items to ask and the demonstrations that go with them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from harmonia.data import ItemSource, ReadResult, read_items
from harmonia.errors import InputError


class Suite(BaseModel):
    """One suite of a domain.

    Attributes:
        items: The questions.
        shots: Demonstrations for the `icl<k>` forms; None where only `chat0` and
            `icl0` are asked.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    items: ItemSource
    shots: ItemSource | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteItems:
    """A suite as read: its items, and its demonstrations if it names any."""

    items: ReadResult
    shots: ReadResult | None


def read_suite(suite: Suite, root: Path | None) -> SuiteItems:
    """Read a suite's items and demonstrations.

    Raises:
        InputError: A source is wrong, or one question has an id of another.
    """
    items = read_items(suite.items, root)
    shots = read_items(suite.shots, root) if suite.shots else None
    if not items.items:
        raise InputError("the suite holds no item", file=suite.items.path, remedy="Name a file with items.")
    return SuiteItems(items=items, shots=shots)
