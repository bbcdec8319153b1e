"""Test suites: the items to ask and the demonstrations that go with them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from harmonia.data import ItemSource


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
