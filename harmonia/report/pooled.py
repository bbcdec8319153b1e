"""Several runs on one page: their claim cards and accuracies together, for different base models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import altair as alt
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harmonia.analysis import Difference
from harmonia.analysis.run_answers import CHAT, ratio_of
from harmonia.files import fresh_directory, write_json, write_text
from harmonia.report import theme
from harmonia.report.cards import cards, policies_table
from harmonia.report.chart_parts import Chart, by_suite, named
from harmonia.report.figures import save_chart
from harmonia.report.records import Claims
from harmonia.report.table import Column, Entry, Table, build
from harmonia.report.words import (
    ABSENT,
    count,
    in_group_order,
    in_suite_order,
    listed,
    percent,
    plain,
    points,
)

__all__ = ["PooledRun", "write_pooled_page"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledRun:
    """One of the runs.

    Attributes:
        name: Its name.
        domains: Its domains.
        link: Where its own report lies, from the page.
    """

    name: str
    domains: tuple[str, ...]
    link: str


def write_pooled_page(
    folder: Path,
    runs: Sequence[PooledRun],
    document: Mapping[str, Any],
    differences: Sequence[Difference],
) -> Path:
    """Write `claims.json`, `report.html` and `figures/` about several runs into a folder.

    Args:
        folder: Where to write.
        runs: The runs.
        document: Content of `claims.json` for all of them.
        differences: All comparisons of groups over them.

    Returns:
        Path of the page.
    """
    claims = Claims.model_validate(document)
    rows = [row for row in differences if row.scope == "all" and row.form == CHAT]
    environment = Environment(
        loader=PackageLoader("harmonia.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template("pooled.html").render(
        name=listed(run.name for run in runs),
        lead=_lead(runs, rows),
        runs=[(run, run.link) for run in runs],
        groups=_groups_table(rows),
        policies=policies_table(claims),
        figure=_figure(folder, rows),
        cards=cards(claims),
        rule=claims.rule,
    )
    write_json(folder / "claims.json", dict(document))
    path = folder / "report.html"
    write_text(path, text)
    return path


def _lead(runs: Sequence[PooledRun], rows: Sequence[Difference]) -> str:
    units = max((row.units for row in rows), default=0)
    seeds = max((row.seeds for row in rows), default=0)
    return (
        f"{count(len(runs))} base models, {count(units)} units (a base model in a domain), "
        f"{count(seeds)} fine-tuning seeds in each, compared on the same questions."
    )


def _groups_table(rows: Sequence[Difference]) -> Table:
    """Accuracy of each group on each suite, and how far it is from the incompatible one."""
    by_group: dict[str, dict[str, Difference]] = {}
    for row in rows:
        if row.right == "incompatible":
            by_group.setdefault(row.left, {})[row.suite] = row
    suites = in_suite_order(row.suite for row in rows)
    reference: dict[str, Difference] = {row.suite: row for row in rows if row.right == "incompatible"}
    names = in_group_order([*by_group, "incompatible"])
    columns = [Column[str]("group", "Tuned on", plain, kind="head")]
    for suite in suites:

        def cell(group: str, suite: str = suite) -> Entry | str:
            if group == "incompatible":
                return percent(reference[suite].accuracy_right) if suite in reference else ABSENT
            row = by_group[group].get(suite)
            if row is None:
                return ABSENT
            interval = f"{points(100 * row.difference)} ({points(100 * row.low)} to {points(100 * row.high)})"
            return Entry(text=percent(row.accuracy_left), small=(interval,))

        columns.append(Column[str](suite, plain(suite), cell))
    return build(
        "Share of questions answered right", columns, names, marked=lambda name: name == "incompatible"
    )


def _figure(folder: Path, rows: Sequence[Difference]) -> Markup | None:
    """The sweep over the share of self-aligned rows; None where nothing was mixed."""
    swept = [
        (ratio, row)
        for row in rows
        if row.right == "incompatible" and (ratio := ratio_of(row.left)) is not None and ratio > 0
    ]
    if not any(ratio < 1 for ratio, _ in swept):
        return None
    with fresh_directory(folder / "figures") as figures:
        panel = save_chart(
            figures,
            "sweep",
            "all",
            "Points gained over ratio 0 by the share of self-aligned rows, a panel a suite.",
            _sweep(swept),
        )
    return panel.svg


def _sweep(swept: Sequence[tuple[float, Difference]]) -> Chart:
    values = [
        {
            **named(row.left, row.suite),
            "ratio": ratio,
            "points": 100 * row.difference,
            "low": 100 * row.low,
            "high": 100 * row.high,
        }
        for ratio, row in swept
    ]
    values += [
        {**named("incompatible", suite), "ratio": 0.0, "points": 0.0, "low": 0.0, "high": 0.0}
        for suite in in_suite_order(row.suite for _, row in swept)
    ]
    x = alt.X("ratio:Q", title="share of self-aligned rows", scale=alt.Scale(domain=[0, 1], padding=8))
    y = alt.Y("points:Q", title="points over ratio 0")
    base = alt.Chart().encode(x=x)
    chart = alt.layer(
        base.mark_line(strokeWidth=1.2, color=theme.INK, opacity=0.6).encode(y=y),
        base.mark_rule(color=theme.INK, opacity=0.6).encode(
            y=alt.Y("low:Q", title="points over ratio 0"), y2="high:Q"
        ),
        base.mark_point(size=48, filled=True, opacity=1, color=theme.colour_of("mixed_0.5")).encode(y=y),
    )
    return by_suite(chart, values, 120)
