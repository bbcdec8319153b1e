"""The curve over the share of self-aligned rows, from a run's differences."""

from __future__ import annotations

from collections.abc import Iterable

from harmonia.analysis import Difference
from harmonia.analysis.run_answers import CHAT
from harmonia.groups.names import GroupName


def ratio_curve(rows: Iterable[Difference], *, domain: str | None = None) -> list[tuple[float, Difference]]:
    """(share of self-aligned rows, its difference from share 0) of each mixture, in the chat form.

    Share 0 is the incompatible group and share 1 the self-aligning one: the same rows.

    Without a domain it is of all together.

    Returns:
        In rising order; empty where no mixture of both was compared.
    """
    wanted = ("all", "all", CHAT) if domain is None else ("domain", domain, CHAT)
    found = []
    for row in rows:
        left, right = (GroupName.parse(name).share_aligned for name in (row.left, row.right))
        if left is not None and right == 0 and (row.scope, row.domain, row.form) == wanted:
            found.append((left, row))
    return sorted(found, key=lambda pair: pair[0]) if any(0 < ratio < 1 for ratio, _ in found) else []
