"""What several charts share: facets by suite, axes of groups, colours of groups, what the pointer tells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import altair as alt

from harmonia.report import theme
from harmonia.report.words import in_group_order, plain, seed_of
from harmonia.types import SUITES

Chart: TypeAlias = Any  # Altair's classes are not typed for us.
Span: TypeAlias = tuple[float, float]

SHARES = alt.Axis(format="%", tickCount=5)
"""An axis of shares of 1, in percent."""


def span(values: Iterable[float], *, low: float, high: float) -> Span:
    """Ends of an axis that holds all values with some air, on tenths, within `low` and `high`."""
    seen = list(values)
    if not seen:
        return low, high
    below, above = (min(seen) - 0.02) * 10 // 1 / 10, -(-(max(seen) + 0.02) * 10 // 1) / 10
    return max(low, round(below, 1)), min(high, round(above, 1))


def around_zero(values: Iterable[Mapping[str, Any]]) -> Span:
    """Ends of an axis of points that holds 0 and all intervals, on fives."""
    ends = [0.0, *(float(value[end]) for value in values for end in ("low", "high"))]
    return min(ends) // 5 * 5, -(-max(ends) // 5) * 5


def linear(ends: Span) -> Chart:
    """A scale with fixed ends, the same in every panel of a figure."""
    return alt.Scale(domain=list(ends), zero=False, nice=False)


def ordinal(names: Sequence[str], values: Sequence[Any]) -> Chart:
    """A scale that gives each name its own value; values repeat when there are more names."""
    return alt.Scale(domain=list(names), range=[values[k % len(values)] for k in range(len(names))])


def colours(groups: Iterable[str], *, legend: bool = True) -> Chart:
    """Colours of groups under their plain names."""
    families = in_group_order(map(theme.family, groups))
    scale = ordinal([plain(name) for name in families], [theme.colour_of(name) for name in families])
    shown = alt.Legend(title="Tuned on", columns=3) if legend else None
    return alt.Color("family:N", scale=scale, legend=shown)


def told(*names: str, **numbers: str) -> list[Chart]:
    """What a pointer on a mark tells: texts, and numbers in their formats (`%` is a share in percent)."""
    texts = [alt.Tooltip(f"{name}:N", title=name) for name in names]
    formats = {name: ".1%" if shape == "%" else shape for name, shape in numbers.items()}
    return [*texts, *(alt.Tooltip(f"{name}:Q", title=name, format=how) for name, how in formats.items())]


def named(group: str, suite: str) -> dict[str, Any]:
    """The fields by which charts tell models and suites apart."""
    return {
        "group": plain(group),
        "family": plain(theme.family(group)),
        "suite": plain(suite),
        "place": SUITES.index(suite) if suite in SUITES else len(SUITES),
    }


def values_of(rows: Iterable[Any], *columns: str, **others: str) -> list[dict[str, Any]]:
    """Columns of models' results as the fields of a chart, others under another name."""
    return [
        {
            **named(row.group, getattr(row, "suite", "")),
            **{"seed": seed_of(row.seed), **taken(row, *columns, **others)},
        }
        for row in rows
    ]


def taken(row: Any, *columns: str, **others: str) -> dict[str, Any]:
    """Columns of a row by their names, others under another."""
    return {
        shown: getattr(row, name) for shown, name in (*zip(columns, columns, strict=True), *others.items())
    }


def by_suite(chart: Chart, values: Sequence[dict[str, Any]], height: int) -> Chart:
    """One row a suite, from the nearest to the training data to the farthest."""
    return by_row(chart, "suite", values, height)


def by_row(chart: Chart, field: str, values: Sequence[dict[str, Any]], height: int) -> Chart:
    """One row a value of a field, in the order of `place`."""
    rows = alt.Row(
        f"{field}:N",
        title=None,
        sort=alt.EncodingSortField("place", op="min"),
        header=alt.Header(orient="top", labelAnchor="start", labelPadding=2),
    )
    inner = chart.properties(width=theme.WIDTH, height=height)
    return inner.facet(row=rows, data=alt.Data(values=list(values)), spacing=14)
