"""What several charts share: facets by suite, axes of groups, colours of groups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import altair as alt

from harmonia.report import theme
from harmonia.report.words import plain
from harmonia.types import SUITES

Chart: TypeAlias = Any  # Altair's classes are not typed for us.
Span: TypeAlias = tuple[float, float]


def span(values: Iterable[float], *, low: float, high: float) -> Span:
    """Ends of an axis that holds all values with some air, on tenths, within `low` and `high`."""
    seen = list(values)
    if not seen:
        return low, high
    below, above = (min(seen) - 0.02) * 10 // 1 / 10, -(-(max(seen) + 0.02) * 10 // 1) / 10
    return max(low, round(below, 1)), min(high, round(above, 1))


def linear(ends: Span) -> Chart:
    """A scale with fixed ends, the same in every panel of a figure."""
    return alt.Scale(domain=list(ends), zero=False, nice=False)


def ordinal(names: Sequence[str], values: Sequence[Any]) -> Chart:
    """A scale that gives each name its own value; values repeat when there are more names."""
    return alt.Scale(domain=list(names), range=[values[k % len(values)] for k in range(len(names))])


def colour_scale(families: Sequence[str]) -> Chart:
    """Colours of groups under their plain names."""
    return ordinal([plain(name) for name in families], [theme.colour_of(name) for name in families])


def named(group: str, suite: str) -> dict[str, Any]:
    """The fields by which charts tell models and suites apart."""
    return {
        "group": plain(group),
        "family": plain(theme.family(group)),
        "suite": plain(suite),
        "place": SUITES.index(suite) if suite in SUITES else len(SUITES),
    }


def by_suite(chart: Chart, values: Sequence[dict[str, Any]], height: int) -> Chart:
    """One row a suite, from the nearest to the training data to the farthest."""
    rows = alt.Row(
        "suite:N",
        title=None,
        sort=alt.EncodingSortField("place", op="min"),
        header=alt.Header(orient="top", labelAnchor="start", labelPadding=2),
    )
    inner = chart.properties(width=theme.WIDTH, height=height)
    return inner.facet(row=rows, data=alt.Data(values=list(values)), spacing=14)
