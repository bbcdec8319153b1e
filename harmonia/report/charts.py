"""One function per figure: records of one domain -> an Altair chart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import altair as alt

from harmonia.analysis import Difference
from harmonia.analysis.calibration import Bin
from harmonia.analysis.tables import ConsistencyRow, ResultRow
from harmonia.report import theme
from harmonia.report.chart_parts import Chart, Span, by_suite, colour_scale, linear, named, ordinal
from harmonia.report.run_files import LossCurve
from harmonia.report.words import in_form_order, in_group_order, in_suite_order, plain

_SHARES = alt.Axis(format="%", tickCount=5)
_OUTCOMES = ("kept", "gained", "lost", "never")


def accuracy(rows: Sequence[ResultRow], ends: Span) -> Chart:
    """Accuracy with its interval in one domain, by suite and group; lines mark the base model."""
    forms = in_form_order(row.form for row in rows)
    groups = in_group_order(row.group for row in rows)
    seeds = sorted({row.seed for row in rows if row.seed is not None}) or [0]
    # The base model has no seed: it takes the middle place of its form.
    middle = seeds[(len(seeds) - 1) // 2]
    series = [f"{form} {seed}" for form in forms for seed in seeds]
    values = [
        {
            **named(row.group, row.suite),
            "form": row.form,
            "line": row.form if row.group == "base" else None,
            "series": f"{row.form} {middle if row.seed is None else row.seed}",
            "accuracy": row.accuracy,
            "low": row.accuracy_low,
            "high": row.accuracy_high,
        }
        for row in rows
    ]
    x = alt.X("accuracy:Q", title="share right", axis=_SHARES, scale=linear(ends))
    lines = [
        alt.Chart()
        .transform_filter(alt.FieldEqualPredicate(field="line", equal=form))
        .mark_rule(color=theme.INK, opacity=0.45, strokeDash=dash)
        .encode(x=x)
        for form, dash in zip(forms, ([1, 0], [4, 3], [1, 3]), strict=False)
    ]
    place = alt.Chart().encode(
        y=alt.Y("group:N", title=None, sort=[plain(group) for group in groups]),
        yOffset=alt.YOffset("series:N", scale=alt.Scale(domain=series, paddingOuter=0.9)),
        color=alt.Color(
            "family:N", scale=colour_scale(in_group_order(map(theme.family, groups))), legend=None
        ),
    )
    bars = place.mark_rule(strokeWidth=1.5).encode(x=alt.X("low:Q", scale=linear(ends)), x2="high:Q")
    shape = alt.Shape("form:N", title="Form", scale=ordinal(forms, ["circle", "diamond", "square"]))
    dots = place.mark_point(size=56, filled=True, opacity=1).encode(x=x, shape=shape)
    height = len(groups) * max(26, 8 * len(series))
    return by_suite(alt.layer(*lines, bars, dots), values, height)


def agreement(rows: Sequence[ConsistencyRow], x_ends: Span, y_ends: Span) -> Chart:
    """Rank agreement with the base model against the accuracy after, a point for each model and suite."""
    values = [
        {
            **named(row.group, row.suite),
            "agreement": row.rank_agreement,
            "accuracy": row.accuracy_after,
        }
        for row in rows
    ]
    suites = [plain(suite) for suite in in_suite_order(row.suite for row in rows)]
    return (
        alt.Chart(alt.Data(values=values))
        .mark_point(size=75, filled=True, opacity=0.9)
        .encode(
            x=alt.X("agreement:Q", title="rank agreement with the base model", scale=linear(x_ends)),
            y=alt.Y("accuracy:Q", title="share right after", axis=_SHARES, scale=linear(y_ends)),
            color=_families([row.group for row in rows]),
            shape=alt.Shape("suite:N", title="Questions", scale=ordinal(suites, theme.SUITE_SHAPES)),
        )
        .properties(width=theme.WIDTH + 40, height=220)
    )


def outcomes(rows: Sequence[ConsistencyRow]) -> Chart:
    """Share of questions kept, gained, lost and never right, by suite and group, all seeds together."""
    totals: dict[tuple[str, str], Counter[str]] = {}
    for row in rows:
        counts = {name: getattr(row, name) for name in _OUTCOMES}
        totals.setdefault((row.group, row.suite), Counter()).update(counts)
    values = [
        {
            **named(group, suite),
            "outcome": name,
            "rank": rank,
            "share": total[name] / max(total.total(), 1),
        }
        for (group, suite), total in totals.items()
        for rank, name in enumerate(_OUTCOMES)
    ]
    groups = [plain(group) for group in in_group_order(row.group for row in rows)]
    bars = (
        alt.Chart()
        .mark_bar(height={"band": 0.72}, stroke=theme.PAPER, strokeWidth=0.6)
        .encode(
            x=alt.X("share:Q", title="share of the questions", axis=_SHARES, scale=linear((0, 1))),
            y=alt.Y("group:N", title=None, sort=groups),
            color=alt.Color(
                "outcome:N",
                scale=ordinal(_OUTCOMES, theme.OUTCOME_COLOURS),
                legend=alt.Legend(title=None, columns=4, symbolType="square", symbolStrokeWidth=0),
            ),
            order="rank:Q",
        )
    )
    return by_suite(bars, values, 20 * len(groups))


def loss(curves: Sequence[LossCurve]) -> Chart:
    """Training loss by step, one line a model."""
    values = [
        {**named(curve.group, ""), "model": f"{curve.group} {curve.seed}", "step": step, "loss": value}
        for curve in curves
        for step, value in curve.points
    ]
    return (
        alt.Chart(alt.Data(values=values))
        .mark_line(strokeWidth=1.6, point={"size": 14})
        .encode(
            x=alt.X("step:Q", title="optimiser step", axis=alt.Axis(tickMinStep=1, format="d")),
            y=alt.Y("loss:Q", title="training loss, nats per token", scale=alt.Scale(zero=True)),
            color=_families([curve.group for curve in curves]),
            detail="model:N",
        )
        .properties(width=theme.WIDTH + 40, height=190)
    )


def ratios(rows: Sequence[tuple[float, Difference]], ends: Span) -> Chart:
    """Points gained over ratio 0 by the share of self-aligned rows, over one domain or all, by suite."""
    values = [
        {
            **named(row.left, row.suite),
            "ratio": ratio,
            "points": 100 * row.difference,
            "low": 100 * row.low,
            "high": 100 * row.high,
        }
        for ratio, row in rows
    ]
    values += [
        {**named("incompatible", suite), "ratio": 0.0, "points": 0.0, "low": 0.0, "high": 0.0}
        for suite in in_suite_order(row.suite for _, row in rows)
    ]
    x = alt.X("ratio:Q", title="share of self-aligned rows", scale=alt.Scale(domain=[0, 1], padding=8))
    scale = linear(ends)
    y = alt.Y("points:Q", title="points over ratio 0", scale=scale)
    dots = alt.Chart().encode(x=x, color=_families(["incompatible", *(row.left for _, row in rows)]))
    chart = alt.layer(
        alt.Chart().mark_line(strokeWidth=1.2, color=theme.INK, opacity=0.6).encode(x=x, y=y),
        dots.mark_rule(strokeWidth=1.5).encode(y=alt.Y("low:Q", scale=scale), y2="high:Q"),
        dots.mark_point(size=48, filled=True, opacity=1).encode(y=y),
    )
    return by_suite(chart, values, 120)


def reliability(bins: Sequence[Bin]) -> Chart:
    """Share right over confidence, a point a bin; on the line, confidence is what it says."""
    values = [
        {"confidence": row.confidence, "right": row.right, "low": row.right_low, "high": row.right_high}
        for row in bins
    ]
    scale = linear((0.0, 1.0))
    x = alt.X("confidence:Q", title="mean confidence", axis=_SHARES, scale=scale)
    y = alt.Y("right:Q", title="share right", axis=_SHARES, scale=scale)
    dots = alt.Chart(alt.Data(values=values)).encode(x=x)
    ends = alt.Data(values=[{"confidence": end, "right": end} for end in (0.0, 1.0)])
    return alt.layer(
        alt.Chart(ends).mark_line(color=theme.INK, opacity=0.45, strokeDash=[4, 3]).encode(x=x, y=y),
        dots.mark_rule(color=theme.PROBE, strokeWidth=1.5).encode(y=alt.Y("low:Q", scale=scale), y2="high:Q"),
        dots.mark_point(color=theme.PROBE, size=48, filled=True, opacity=1).encode(y=y),
    ).properties(width=theme.WIDTH + 40, height=240)


def _families(groups: Sequence[str]) -> Chart:
    families = in_group_order(map(theme.family, groups))
    legend = alt.Legend(title="Tuned on", columns=3)
    return alt.Color("family:N", scale=colour_scale(families), legend=legend)
