"""Every planned comparison of two groups: how much more of the questions one gets right."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from harmonia.analysis.bootstrap import cut, paired_bootstrap
from harmonia.analysis.run_answers import RunAnswers, units_of
from harmonia.analysis.tests import holm, mcnemar
from harmonia.columns import Count, PValue, Share, ShareChange
from harmonia.groups.names import GroupName
from harmonia.types import Method

ALL = "all"
"""What stands for all domains together where a domain is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How much more one kind of model got right than another; shares, 0 to 1.

    Attributes:
        scope: `all` domains together, one `domain`, one `seed` of a domain, or `policies`
            against each other over all domains. Holm's adjustment is over one scope, form and readout.
        domain: The domain; `all` for all.
        suite: What was asked.
        form: In which form.
        readout: By which method.
        left: The one group.
        right: The group that it is compared with.
        seed: The seed; None for all that both have.
        items: Different items.
        clusters: Different clusters of items (passages, entities, subjects), which the interval
            draws whole; empty where it draws each item by itself.
        seeds: Fewest seeds of a domain.
        units: Base models x domains.
        accuracy_left: Share right, mean over units.
        accuracy_right: That of the other.
        difference: Left minus right.
        low: Lower end of the 95 % interval over items and seeds.
        high: Upper end.
        p: Two-sided, of no difference.
        p_holm: The same after Holm's adjustment.
        test: `mcnemar` for one seed of one domain, where it is exact; `items_and_seeds`
            otherwise, by Student's t on the interval's variance.
        left_only: Items that only the left model got right, for one seed of one domain.
        right_only: Items that only the right one did.
    """

    scope: str
    domain: str
    suite: str
    form: str
    readout: Method
    left: str
    right: str
    seed: int | None
    items: Count
    clusters: Count | None
    seeds: Count
    units: Count
    accuracy_left: Share
    accuracy_right: Share
    difference: ShareChange
    low: ShareChange
    high: ShareChange
    p: PValue
    p_holm: PValue
    test: str
    left_only: Count | None
    right_only: Count | None


def planned_pairs(groups: Sequence[str]) -> list[tuple[str, str]]:
    """(group, what it is compared with), fixed before any result is seen.

    A policy is compared with `policy_all`, a group built from matched beliefs with the
    incompatible one built from the same, every other with the incompatible one.
    """
    pairs = []
    for group in groups:
        name = GroupName.parse(group)
        other = str(name.beside("all" if name.policy else "incompatible"))
        if not name.policy and other not in groups:
            other = str(replace(name, kind="mixed", ratio=0.0))
        if other in groups and other != group and str(name.twin) != other:
            pairs.append((group, other))
    return pairs


def policy_pairs(groups: Sequence[str]) -> list[tuple[str, str]]:
    """All pairs of policies."""
    return list(combinations([group for group in groups if GroupName.parse(group).policy], 2))


def differences(runs: Sequence[RunAnswers]) -> list[Difference]:
    """Make every planned comparison on the answers of runs of different base models.

    Returns:
        For all domains together, for each domain, and for each seed of it, in this order.
    """
    groups = list(dict.fromkeys(group for run in runs for group in run.groups))
    tuned = [place for run in runs for place in run.answers if place.seed is not None]
    domains = list(dict.fromkeys(place.domain for place in tuned))
    asked = list(dict.fromkeys((place.form, place.readout, place.suite) for place in tuned))
    seeds = sorted({place.seed for place in tuned if place.seed is not None})
    found: list[Difference] = []
    for one in asked:
        for left, right in policy_pairs(groups):
            found += _compared(runs, left, right, one, scope="policies")
        for left, right in planned_pairs(groups):
            found += _compared(runs, left, right, one, scope="all")
            for domain in domains:
                found += _compared(runs, left, right, one, scope="domain", domain=domain)
                for seed in seeds if len(runs) == 1 else ():
                    found += _compared(runs, left, right, one, scope="seed", domain=domain, seed=seed)
    scopes = ("all", "domain", "seed", "policies")
    return sorted(_adjusted(found), key=lambda row: (row.form, row.readout, scopes.index(row.scope)))


def _compared(
    runs: Sequence[RunAnswers],
    left: str,
    right: str,
    asked: tuple[str, Method, str],
    *,
    scope: str,
    domain: str | None = None,
    seed: int | None = None,
) -> Iterator[Difference]:
    form, readout, suite = asked
    units = units_of(runs, left, right, suite=suite, form=form, readout=readout, domain=domain, seed=seed)
    if not units:
        return
    # The same resamples in every row of a suite, whatever is compared.
    estimate = paired_bootstrap(units, address=f"{form}/{suite}")
    low, high = cut(estimate.low, estimate.high)
    left_only = right_only = None
    p, test = estimate.p, "items_and_seeds"
    if len(units) == 1 and estimate.seeds == 1:
        left_only, right_only, p = mcnemar(units[0].left_S_I[0] > 0, units[0].right_S_I[0] > 0)
        test = "mcnemar"
    yield Difference(
        scope=scope,
        domain=domain or ALL,
        suite=suite,
        form=form,
        readout=readout,
        left=left,
        right=right,
        seed=seed,
        items=estimate.items,
        clusters=estimate.clusters,
        seeds=estimate.seeds,
        units=estimate.units,
        accuracy_left=estimate.left,
        accuracy_right=estimate.right,
        difference=estimate.value,
        low=low,
        high=high,
        p=p,
        p_holm=p,
        test=test,
        left_only=left_only,
        right_only=right_only,
    )


def _adjusted(rows: Sequence[Difference]) -> list[Difference]:
    """The rows with `p_holm`, adjusted over each scope, form and readout."""
    families: dict[tuple[str, str, str], list[Difference]] = defaultdict(list)
    for row in rows:
        families[row.scope, row.form, row.readout].append(row)
    return [
        replace(row, p_holm=p)
        for family in families.values()
        for row, p in zip(family, holm([row.p for row in family]), strict=True)
    ]
