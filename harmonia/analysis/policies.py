"""Which policy of choosing training rows won, or that none can be told apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harmonia.analysis.differences import Difference
from harmonia.analysis.run_answers import CHAT
from harmonia.analysis.verdicts import MIN_SEEDS
from harmonia.types import Method

_ALPHA = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The policies on one suite.

    Attributes:
        suite: The suite, asked in chat form.
        accuracy: Share right after each policy, mean over units, falling.
        not_told_apart: The best policy and those that Holm's adjusted tests, over all pairs
            of policies on all suites, do not tell from it (alpha .05); all, with one seed.
        winner: The best policy if it stands alone in that; None otherwise.
    """

    suite: str
    accuracy: dict[str, float]
    not_told_apart: tuple[str, ...]
    winner: str | None


def policy_rankings(rows: Sequence[Difference], method: Method) -> list[Ranking]:
    """Rank the policies of each suite by the comparisons of scope `policies`, in chat form by a method."""
    pairs = [row for row in rows if row.scope == "policies" and (row.form, row.readout) == (CHAT, method)]
    found = []
    for suite in dict.fromkeys(row.suite for row in pairs):
        here = [row for row in pairs if row.suite == suite]
        shares = {row.left: row.accuracy_left for row in here}
        shares |= {row.right: row.accuracy_right for row in here}
        order = sorted(shares, key=lambda policy: (-shares[policy], policy))
        beaten = {
            other
            for row in here
            for one, other in ((row.left, row.right), (row.right, row.left))
            if one == order[0] and row.p_holm < _ALPHA and row.seeds >= MIN_SEEDS
        }
        together = tuple(policy for policy in order if policy not in beaten)
        found.append(
            Ranking(
                suite=suite,
                accuracy={policy: shares[policy] for policy in order},
                not_told_apart=together,
                winner=order[0] if len(together) == 1 else None,
            )
        )
    return found
