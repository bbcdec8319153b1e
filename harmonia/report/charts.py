"""One function per figure: records of one domain -> an Altair chart."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any, TypeVar

import altair as alt

from harmonia.analysis import Difference
from harmonia.analysis.calibration import Bin
from harmonia.analysis.tables import ConsistencyRow, FitRow, ResultRow
from harmonia.groups.names import BASE
from harmonia.report import theme
from harmonia.report.chart_parts import (
    SHARES,
    Chart,
    Span,
    around_zero,
    by_suite,
    colours,
    linear,
    named,
    ordinal,
    taken,
    told,
    values_of,
)
from harmonia.report.run_files import LossCurve
from harmonia.report.words import (
    ABSENT,
    between,
    in_form_order,
    in_group_order,
    in_suite_order,
    plain,
    reach,
)

Key = TypeVar("Key", bound=Hashable)


def finding(
    means: Mapping[tuple[str, str], float],
    bars: Iterable[Difference],
    chances: Mapping[str, float],
    groups: Sequence[str],
) -> Chart:
    """Mean accuracy by suite and group, with the interval of its difference from ratio 0, and chance."""
    bars_of = {(row.left, row.suite): row for row in bars}
    zeros = {row.suite: (row.right, row.accuracy_right) for row in bars_of.values()}
    values = []
    for (group, suite), share in means.items():
        row, zero = bars_of.get((group, suite)), zeros.get(suite, ("", None))
        value = {**named(group, suite), "accuracy": share, "chance": chances[suite]}
        value |= {"zero": zero[1] if zero[0] == group else None, "interval": ABSENT}
        if row:
            low, high = row.accuracy_right + row.low, row.accuracy_right + row.high
            value |= {"low": low, "high": high, "interval": reach(low, high)}
        values.append(value)
    ends = [
        value[name] for value in values for name in ("accuracy", "chance", "low", "high") if name in value
    ]
    scale = linear((max(0.0, min(ends) - 0.02), min(1.0, max(ends) + 0.02)))
    x = alt.X("accuracy:Q", title="share right, chat form", axis=SHARES, scale=scale)
    place = alt.Chart().encode(
        y=_by_group(groups),
        color=colours(groups, legend=False),
        tooltip=told("group", "suite", "interval", accuracy="%"),
    )
    lines = [_line("chance", scale, [1, 3])]
    if bars_of:
        lines.append(_line("zero", scale, [1, 0]))
        lines.append(place.mark_rule(strokeWidth=2.5).encode(x=alt.X("low:Q", scale=scale), x2="high:Q"))
    chart = alt.layer(*lines, place.mark_point(size=70, filled=True, opacity=1).encode(x=x))
    return by_suite(chart, values, 19 * len(groups))


def accuracy(rows: Sequence[ResultRow], ends: Span) -> Chart:
    """Accuracy with its interval in one domain, by suite and group; lines mark the base model and chance."""
    forms = in_form_order(row.form for row in rows)
    groups = in_group_order(row.group for row in rows)
    values = values_of(rows, "form", "accuracy", "chance", "n", low="accuracy_low", high="accuracy_high")
    scale = linear(ends)
    x = alt.X("accuracy:Q", title="share right", axis=SHARES, scale=scale)
    lines = [
        _line("accuracy", scale, [4, 3] if form.startswith("chat") else [1, 0]).transform_filter(
            (alt.datum.group == plain(BASE)) & (alt.datum.form == form)
        )
        for form in forms
    ]
    place = alt.Chart().encode(
        y=_by_group(groups),
        yOffset=alt.YOffset("form:N", scale=alt.Scale(domain=forms, paddingOuter=0.6)),
        color=colours(groups, legend=False),
        tooltip=told("group", "suite", "form", "seed", "n", accuracy="%", low="%", high="%"),
    )
    bars = place.mark_rule(strokeWidth=1.5, opacity=0.6).encode(x=alt.X("low:Q", scale=scale), x2="high:Q")
    shape = alt.Shape("form:N", title="Asked", scale=ordinal(forms, ["circle", "diamond", "square"]))
    dots = place.mark_point(size=50, filled=True, opacity=0.85).encode(x=x, shape=shape)
    height = len(groups) * max(18, 14 * len(forms))
    return by_suite(alt.layer(_line("chance", scale, [1, 3]), *lines, bars, dots), values, height)


def agreement(rows: Sequence[ConsistencyRow], x_ends: Span, y_ends: Span) -> Chart:
    """Rank agreement with the base model against the accuracy after, a point for each model and suite."""
    values = values_of(rows, agreement="rank_agreement", accuracy="accuracy_after", KL="kl")
    suites = [plain(suite) for suite in in_suite_order(row.suite for row in rows)]
    return (
        alt.Chart(alt.Data(values=values))
        .mark_point(size=75, filled=True, opacity=0.9)
        .encode(
            x=alt.X("agreement:Q", title="rank agreement with the base model", scale=linear(x_ends)),
            y=alt.Y("accuracy:Q", title="share right after", axis=SHARES, scale=linear(y_ends)),
            color=colours(row.group for row in rows),
            shape=alt.Shape("suite:N", title="Questions", scale=ordinal(suites, theme.SUITE_SHAPES)),
            tooltip=told("group", "suite", "seed", agreement=".2f", accuracy="%", KL=".3f"),
        )
        .properties(width=theme.WIDTH + 40, height=220)
    )


CELLS = {
    (True, False): "other weights, same form",
    (False, True): "same weights, other form",
    (True, True): "other weights, other form",
}
"""What differs between before and after, by (weights, form)."""


def cell_of(row: ConsistencyRow) -> str:
    """Which of the cells a comparison of a tuned model is in."""
    return CELLS[row.before_model == BASE, row.before_form != row.after_form]


def cells(rows: Sequence[ConsistencyRow]) -> Chart:
    """Mean rank agreement of each group by what differs: the form, the weights, or both."""
    found = _mean(((row.group, cell_of(row)), row.rank_agreement) for row in rows if row.group != BASE)
    groups = in_group_order(group for group, _ in found)
    values = [
        {**named(group, ""), "differs": cell, "agreement": value} for (group, cell), value in found.items()
    ]
    base = [row.rank_agreement for row in rows if row.group == BASE]
    values += [{**named(BASE, ""), "differs": CELLS[False, True], "agreement": fmean(base)}] if base else []
    colour = ordinal([*CELLS.values()], ["#0072b2", "#e69f00", "#d55e00"])
    return (
        alt.Chart(alt.Data(values=values))
        .mark_point(size=75, filled=True, opacity=1)
        .encode(
            x=alt.X("agreement:Q", title="rank agreement of before and after", scale=alt.Scale(zero=False)),
            y=_by_group([BASE, *groups] if base else groups),
            color=alt.Color("differs:N", scale=colour, legend=alt.Legend(title="Differs", columns=1)),
            shape=alt.Shape(
                "differs:N", scale=ordinal([*CELLS.values()], theme.SUITE_SHAPES), title="Differs"
            ),
            tooltip=told("group", "differs", agreement=".2f"),
        )
        .properties(width=theme.WIDTH, height=22 * (len(groups) + 1))
    )


def ratios(curve: Sequence[tuple[float, Difference]], moved: Sequence[ConsistencyRow]) -> Chart:
    """Points gained over ratio 0, agreement and KL by the share of self-aligned rows, a row a measure."""
    shares = {row.left: ratio for ratio, row in curve} | {row.right: 0.0 for _, row in curve}
    points = [
        {**named(row.left, row.suite), "ratio": ratio, "value": 100 * row.difference}
        | {"low": 100 * row.low, "high": 100 * row.high, "interval": between(row.low, row.high)}
        for ratio, row in curve
    ]
    suites = in_suite_order(row.suite for _, row in curve)
    zero = [
        {**named("incompatible", suite), "ratio": 0.0, "value": 0.0, "interval": ABSENT} for suite in suites
    ]
    here = [row for row in moved if row.group in shares]
    shown = [_curve([*zero, *points], suites, "points over ratio 0", linear(around_zero(points)))]
    for name, title in (("rank_agreement", "rank agreement"), ("kl", "KL, nats")) if here else ():
        found = _mean(((row.group, row.suite), getattr(row, name)) for row in here)
        values = [
            {**named(*place), "ratio": shares[place[0]], "value": value} for place, value in found.items()
        ]
        shown.append(_curve(values, suites, title, alt.Scale(zero=False)))
    return alt.vconcat(*shown, spacing=12)


def _curve(values: Sequence[dict[str, Any]], suites: Sequence[str], title: str, scale: Chart) -> Chart:
    names = [plain(suite) for suite in suites]
    colour = alt.Color("suite:N", title="Questions", scale=ordinal(names, theme.SUITE_COLOURS))
    x = alt.X("ratio:Q", title="share of self-aligned rows", scale=alt.Scale(domain=[0, 1], padding=8))
    y = alt.Y("value:Q", title=title, scale=scale)
    bars = any("interval" in value for value in values)
    base = alt.Chart(alt.Data(values=list(values))).encode(x=x, color=colour)
    dots = base.mark_point(size=48, filled=True, opacity=1).encode(
        y=y,
        shape=alt.Shape("suite:N", title="Questions", scale=ordinal(names, theme.SUITE_SHAPES)),
        tooltip=told("group", "suite", "ratio", *["interval"] * bars, value=".3f"),
    )
    line = base.mark_line(strokeWidth=1.2, opacity=0.7).encode(y=y)
    layers = [line, dots]
    if bars:
        layers[1:1] = [base.mark_rule(strokeWidth=1.5).encode(y=alt.Y("low:Q", scale=scale), y2="high:Q")]
    return alt.layer(*layers).properties(width=theme.WIDTH + 40, height=120)


def fit(rows: Sequence[FitRow]) -> Chart:
    """Share of its own training rows that each model answers as trained."""
    groups = in_group_order(row.group for row in rows)
    values = values_of(rows, "fit", "reworded", "chance", low="fit_low", high="fit_high")
    scale = linear((0, 1))
    place = alt.Chart(alt.Data(values=values)).encode(
        y=_by_group(groups),
        color=colours(groups, legend=False),
        tooltip=told("group", "seed", fit="%", reworded="%", low="%", high="%", chance="%"),
    )
    x = alt.X("fit:Q", title="answered as trained", axis=SHARES, scale=scale)
    return alt.layer(
        _line("chance", scale, [1, 3], place),
        place.mark_rule(strokeWidth=1.5, opacity=0.6).encode(x=alt.X("low:Q", scale=scale), x2="high:Q"),
        place.mark_point(size=56, filled=True, opacity=0.85).encode(x=x),
    ).properties(width=theme.WIDTH, height=20 * len(groups))


def letters(shares: Sequence[tuple[Hashable, str, str, float]]) -> Chart:
    """Mean share of each letter by group, as shaded cells with their numbers.

    Args:
        shares: (of what, group, letter, share); what has no row of a letter has none of it.
    """
    over: dict[str, set[Hashable]] = {}
    totals: dict[tuple[str, str], float] = {}
    for what, group, letter, share in shares:
        over.setdefault(group, set()).add(what)
        totals[group, letter] = totals.get((group, letter), 0.0) + share
    values = [
        {**named(group, ""), "letter": letter, "share": total / len(over[group])}
        for (group, letter), total in totals.items()
    ]
    groups = in_group_order(over)
    base = alt.Chart(alt.Data(values=values)).encode(
        x=alt.X("letter:O", title=None, axis=alt.Axis(orient="top", labelAngle=0)),
        y=_by_group(groups),
        tooltip=told("group", "letter", share="%"),
    )
    # Shades of one colour that black ink can be read on, in print and in the dark alike.
    shade = alt.Scale(range=["#f4f8fb", "#56b4e9"], domain=[0, 1])
    return alt.layer(
        base.mark_rect().encode(color=alt.Color("share:Q", scale=shade, legend=None)),
        base.mark_text(fontSize=11, color=theme.ON_SHADE).encode(text=alt.Text("share:Q", format=".0%")),
    ).properties(width=theme.WIDTH, height=20 * len(groups))


def loss(curves: Sequence[LossCurve]) -> Chart:
    """Training loss by step, one line a model."""
    values = [
        {**named(curve.group, ""), "model": f"{curve.group} {curve.seed}"}
        | {"seed": curve.seed, "step": step, "loss": value}
        for curve in curves
        for step, value in curve.points
    ]
    return (
        alt.Chart(alt.Data(values=values))
        .mark_line(strokeWidth=1.4, opacity=0.8)
        .encode(
            x=alt.X("step:Q", title="optimizer step", axis=alt.Axis(tickMinStep=1, format="d")),
            y=alt.Y("loss:Q", title="training loss, nats per token", scale=alt.Scale(zero=True)),
            color=colours(curve.group for curve in curves),
            detail="model:N",
            tooltip=told("group", "seed"),
        )
        .properties(width=theme.WIDTH + 40, height=190)
    )


def reliability(bins: Sequence[Bin]) -> Chart:
    """Share right over confidence, a point a bin; on the line, confidence is what it says."""
    values = [taken(row, "confidence", "right", "n", low="right_low", high="right_high") for row in bins]
    scale = linear((0.0, 1.0))
    x = alt.X("confidence:Q", title="mean confidence", axis=SHARES, scale=scale)
    y = alt.Y("right:Q", title="share right", axis=SHARES, scale=scale)
    tips = told("n", confidence="%", right="%", low="%", high="%")
    dots = alt.Chart(alt.Data(values=values)).encode(x=x, tooltip=tips)
    ends = alt.Data(values=[{"confidence": end, "right": end} for end in (0.0, 1.0)])
    return alt.layer(
        alt.Chart(ends).mark_line(color=theme.INK, opacity=0.45, strokeDash=[4, 3]).encode(x=x, y=y),
        dots.mark_rule(color=theme.PROBE, strokeWidth=1.5).encode(y=alt.Y("low:Q", scale=scale), y2="high:Q"),
        dots.mark_point(color=theme.PROBE, size=48, filled=True, opacity=1).encode(y=y),
    ).properties(width=theme.WIDTH + 40, height=240)


def shares(rows: Sequence[tuple[str, str, float, float, float]], title: str) -> Chart:
    """Dots with their intervals, a row a name: (series, name, share, low, high); series by colour."""
    values = [
        {"series": series, "name": name, "share": share, "low": low, "high": high}
        for series, name, share, low, high in rows
    ]
    names, several = [*dict.fromkeys(row[1] for row in rows)], [*dict.fromkeys(row[0] for row in rows)]
    legend = alt.Legend(title=None) if len(several) > 1 else None
    scale = linear((0.0, 1.0))
    place = alt.Chart(alt.Data(values=values)).encode(
        y=alt.Y("name:N", title=None, sort=names),
        yOffset=alt.YOffset("series:N", scale=alt.Scale(domain=several, paddingOuter=0.6)),
        color=alt.Color("series:N", scale=ordinal(several, theme.SUITE_COLOURS), legend=legend),
        tooltip=told("name", "series", share="%", low="%", high="%"),
    )
    return alt.layer(
        place.mark_rule(strokeWidth=2.5).encode(x=alt.X("low:Q", scale=scale), x2="high:Q"),
        place.mark_point(size=70, filled=True, opacity=1).encode(
            x=alt.X("share:Q", title=title, axis=SHARES, scale=scale)
        ),
    ).properties(width=theme.WIDTH + 40, height=max(26, 18 * len(several)) * len(names))


def _by_group(groups: Sequence[str]) -> Chart:
    return alt.Y("group:N", title=None, sort=[plain(group) for group in groups])


def _line(field: str, scale: Chart, dash: Sequence[int], base: Chart | None = None) -> Chart:
    """An upright line at the mean of a field, over the whole height."""
    chart = alt.Chart() if base is None else alt.Chart(base.data)
    return chart.mark_rule(color=theme.INK, opacity=0.55, strokeDash=list(dash)).encode(
        x=alt.X(f"mean({field}):Q", scale=scale)
    )


def _mean(pairs: Iterable[tuple[Key, float]]) -> dict[Key, float]:
    found: dict[Key, list[float]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return {key: fmean(values) for key, values in found.items()}
