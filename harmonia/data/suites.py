"""Test suites: the items to ask and the demonstrations that go with them."""

from __future__ import annotations

from harmonia.data.source import ItemSource
from harmonia.parsing import Settings


class Suite(Settings):
    """One suite of a domain.

    Attributes:
        items: The questions.
        shots: Demonstrations for the `icl<k>` forms; None where only `chat0` and
            `icl0` are asked.
    """

    items: ItemSource
    shots: ItemSource | None = None
