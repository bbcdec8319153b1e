"""The report's figures: which panels each has, what they show in words, and their files.

A figure has one panel a domain, so that a narrow screen can set them under each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import altair as alt
import vl_convert as vlc
from markupsafe import Markup, escape

from harmonia.analysis import Difference
from harmonia.analysis.tables import CONSISTENCY, DIFFERENCES, PROBE, RELIABILITY, RESULTS, ConsistencyRow
from harmonia.outputs import fresh_directory
from harmonia.report import charts, theme
from harmonia.report.chart_parts import Chart, span
from harmonia.report.run_files import RunFiles
from harmonia.report.sweep import ratio_curve
from harmonia.report.words import in_group_order, listed, plain

_PNG_SCALE = 2.0
_Charts: TypeAlias = Iterator[tuple[str, str, Chart]]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure's declaration; the page says how to read it.

    Attributes:
        name: Start of its files' names.
        title: What it shows.
        charts: Its charts as (domain, what it shows in words, chart).
        without: What is missing when there is nothing to show; empty if it is optional.
    """

    name: str
    title: str
    charts: Callable[[RunFiles], _Charts]
    without: str = ""


def _accuracy(run: RunFiles) -> _Charts:
    reached = (end for row in run.rows(RESULTS) for end in (row.accuracy_low, row.accuracy_high))
    ends = span(reached, low=0.0, high=1.0)
    for domain, rows in run.by_domain(RESULTS, run.by_probe).items():
        words = f"Share of questions answered right after tuning on {_groups(rows)}"
        yield domain, words, charts.accuracy(rows, ends)


def _paper_cells(run: RunFiles) -> dict[str, list[ConsistencyRow]]:
    """The paper's cells and the base model's own, of the domains that have one of the paper's."""
    cells = run.by_domain(CONSISTENCY, lambda row: row.is_paper_forms)
    return {domain: rows for domain, rows in cells.items() if any(row.is_paper for row in rows)}


def _agreement(run: RunFiles) -> _Charts:
    cells = [row for row in run.rows(CONSISTENCY) if row.is_paper_forms]
    x_ends = span((row.rank_agreement for row in cells), low=-1.0, high=1.0)
    y_ends = span((row.accuracy_after for row in cells), low=0.0, high=1.0)
    for domain, rows in _paper_cells(run).items():
        words = f"Rank agreement against accuracy for {_groups(rows)}"
        yield domain, words, charts.agreement(rows, x_ends, y_ends)


def _outcomes(run: RunFiles) -> _Charts:
    for domain, rows in _paper_cells(run).items():
        words = f"Shares of questions kept, gained, lost and never right for {_groups(rows)}"
        yield domain, words, charts.outcomes(rows)


def _loss(run: RunFiles) -> _Charts:
    for domain in sorted({curve.domain for curve in run.losses}):
        curves = [curve for curve in run.losses if curve.domain == domain]
        yield domain, f"Training loss by step for {_groups(curves)}", charts.loss(curves)


def _ratios(run: RunFiles) -> _Charts:
    rows = [*filter(run.by_probe, run.rows(DIFFERENCES))]
    domains = sorted({row.domain for row in rows if row.scope == "domain"})
    swept = {"all domains": ratio_curve(rows)} if len(domains) > 1 else {}
    swept |= {domain: ratio_curve(rows, domain=domain) for domain in domains}
    ends = around_zero([pair for curve in swept.values() for pair in curve])
    for name, curve in swept.items():
        if curve:
            yield name, "Points gained by the share of self-aligned rows", charts.ratios(curve, ends)


def around_zero(rows: Sequence[tuple[float, Difference]]) -> tuple[float, float]:
    """Ends of an axis of points that holds 0 and all intervals, on fives."""
    values = [0.0, *(100 * end for _, row in rows for end in (row.low, row.high))]
    return min(values) // 5 * 5, -(-max(values) // 5) * 5


def _reliability(run: RunFiles) -> _Charts:
    for domain, bins in run.by_domain(RELIABILITY, lambda row: row.suite == PROBE).items():
        yield domain, "Share of beliefs that are right by their confidence", charts.reliability(bins)


def _groups(rows: Iterable[Any]) -> str:
    return listed(plain(group) for group in in_group_order(row.group for row in rows))


_NO_CELL = "no row of consistency is the paper’s cell (icl → chat0)"
FIGURES = (
    Figure("accuracy", "Accuracy by suite and group", _accuracy, "there are no accuracies"),
    Figure("agreement", "Consistency with the base model, and accuracy", _agreement, _NO_CELL),
    Figure("outcomes", "What was kept, gained and lost", _outcomes, _NO_CELL),
    Figure("ratios", "Points gained over ratio 0 by the share of self-aligned rows", _ratios),
    Figure(
        "reliability",
        "Reliability of the base model’s beliefs",
        _reliability,
        "the probe has no reliability diagram",
    ),
    Figure("loss", "Training loss", _loss, "no fine-tuning run has left a loss.jsonl"),
)


def write_figures(run: RunFiles) -> dict[str, list[tuple[str, Markup]]]:
    """Write all figures as SVG and PNG into the run's `figures/`, in one step.

    Returns:
        (domain, drawing) of each panel of each figure by its name; a figure without data has none.
    """
    panels: dict[str, list[tuple[str, Markup]]] = {figure.name: [] for figure in FIGURES}
    with fresh_directory(run.path / "figures") as folder:
        for figure in FIGURES:
            for domain, words, chart in figure.charts(run):
                stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", f"{figure.name}-{domain}")
                drawing = save_chart(folder, stem, f"{figure.title}, {domain}. {words}.", chart)
                panels[figure.name].append((domain, drawing))
    return panels


def save_chart(folder: Path, stem: str, words: str, chart: Chart) -> Markup:
    """Draw a chart into a folder, as SVG and PNG; returns it for a page."""
    spec = {**chart.to_dict(), "config": theme.config()}
    version = ".".join(alt.SCHEMA_VERSION.split(".")[:2])
    # An empty list of addresses keeps the renderer off the network.
    svg = vlc.vegalite_to_svg(spec, vl_version=version, allowed_base_urls=[])
    label = escape(words)
    svg = re.sub(r"<svg ", f'<svg role="img" aria-label="{label}" ', svg, count=1)
    (folder / f"{stem}.svg").write_text(svg, encoding="utf-8")
    (folder / f"{stem}.png").write_bytes(vlc.svg_to_png(svg, scale=_PNG_SCALE))
    # As part of a page it has the page's colours, ids of its own, and no name spaces.
    svg = re.sub(r' xmlns(:xlink)?="[^"]*"', "", svg)
    svg = svg.replace(theme.INK, "currentColor").replace(theme.PAPER, "var(--page)")
    svg = svg.replace(theme.BLANK, "var(--line)")
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{stem}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{stem}-\1)", svg)
    return Markup(svg)
