"""The summary of an audit: how many rows are of each category, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harmonia.audit.rule import AuditCategory
from harmonia.columns import Count, Share
from harmonia.probe.stability import wilson


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryShare:
    """How much of a file is of one category.

    Attributes:
        category: The category.
        rows: Audited rows of it.
        share: Their share of the audited rows.
        share_low: Lower end of the 95 % interval of the share in the whole file: Wilson's, with
            the correction for a finite population. It is the share itself where all rows were audited.
        share_high: Upper end of it.
    """

    category: AuditCategory
    rows: Count
    share: Share
    share_low: Share
    share_high: Share


def shares_of(counts: Mapping[AuditCategory, int], of: int) -> tuple[CategoryShare, ...]:
    """The share of each category in a file of so many rows, from those that were audited, one at least."""
    audited = sum(counts.values())
    return tuple(_share(name, hits, audited, of) for name, hits in counts.items())


def _share(category: AuditCategory, hits: int, n: int, of: int) -> CategoryShare:
    share = hits / n
    low = high = share
    if n < of:
        more = (of - 1) / (of - n)  # as if so many times as many rows had been drawn
        low, high = wilson(hits * more, n * more)
    return CategoryShare(category=category, rows=hits, share=share, share_low=low, share_high=high)
