"""The figures: which panels each has, what they show in words, and the part that they become.

A figure of a run has one panel a domain, so that a narrow screen can set them under each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean
from typing import Any, TypeVar

import altair as alt
import vl_convert as vlc
from markupsafe import Markup

from harmonia.analysis import Difference
from harmonia.analysis.run_answers import CHAT
from harmonia.analysis.tables import (
    CONSISTENCY,
    DIFFERENCES,
    FIT,
    LETTERS,
    PROBE,
    RELIABILITY,
    RESULTS,
    ResultRow,
)
from harmonia.groups.confounds import TARGET_LETTERS
from harmonia.groups.names import BASE, GroupName
from harmonia.report import charts, theme
from harmonia.report.chart_parts import Chart, span
from harmonia.report.consistency import into_chat
from harmonia.report.parts import Part, macro, slug
from harmonia.report.run_files import LossCurve, RunFiles
from harmonia.report.sweep import ratio_curve
from harmonia.report.words import in_group_order, listed, percent, plain, ratio_of

_PNG_SCALE = 2.0

Drawn = TypeVar("Drawn")


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One drawing of a figure.

    Attributes:
        name: What it is of, such as a domain; empty for the only one.
        words: What it shows, in words, for who does not see it.
        chart: The chart.
    """

    name: str = ""
    words: str
    chart: Chart


def figure(name: str, title: str, caption: str, panels: Iterable[Panel]) -> Part | None:
    """Draw a figure; None where it has no panels."""
    shown: list[dict[str, Any]] = []
    files: dict[str, bytes] = {}
    for panel in panels:
        stem = slug(f"{name}-{panel.name}")
        spec = {**panel.chart.to_dict(), "config": theme.config()}
        files |= drawn_files(stem, spec)
        words = f"{title}{f', {panel.name}' if panel.name else ''}. {panel.words}."
        parts = {
            "words": words,
            "svg": _inline(files[f"{stem}.svg"].decode(), stem),
            "spec": spec,
            "stem": stem,
        }
        shown.append({"name": panel.name, **parts})
    if not shown:
        return None
    made = macro("figure", name, title, caption, shown)
    return Part(html=made.html, anchor=f"figure-{name}", title=title, files=files, drawn=True)


def drawn_files(stem: str, spec: dict[str, Any]) -> dict[str, bytes]:
    """A chart as SVG and PNG, by the names of the files."""
    version = ".".join(alt.SCHEMA_VERSION.split(".")[:2])
    # An empty list of addresses keeps the renderer off the network.
    svg = vlc.vegalite_to_svg(spec, vl_version=version, allowed_base_urls=[])
    return {f"{stem}.svg": svg.encode(), f"{stem}.png": vlc.svg_to_png(svg, scale=_PNG_SCALE)}


def _inline(svg: str, stem: str) -> Markup:
    """As part of a page: ids of its own, and no name spaces."""
    svg = re.sub(r' xmlns(:xlink)?="[^"]*"', "", svg)
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{stem}-\1"', svg)
    return Markup(re.sub(r"url\(#([^)]+)\)", rf"url(#{stem}-\1)", svg))


def finding(runs: Sequence[Sequence[ResultRow]], differences: Iterable[Difference]) -> Part | None:
    """The picture of the first screen: accuracy in the chat form by group, of one run or several.

    Args:
        runs: Accuracies of each run by the probe's method.
        differences: Differences of the same, over all domains.
    """
    chat = [[row for row in rows if row.form == CHAT] for rows in runs]
    if not any(row.group != BASE for rows in chat for row in rows):
        return None
    names = {row.group for rows in chat for row in rows}
    # What is mixed has a curve of its own, unless there is nothing else.
    few = {name for name in names if ratio_of(name) is None and not GroupName.parse(name).policy}
    groups = in_group_order(few if len(few) > 1 + (BASE in few) else names)
    means = _means(chat, groups)
    asked = [row for rows in chat for row in rows]
    chances = {
        suite: fmean(row.chance for row in asked if row.suite == suite)
        for suite in {row.suite for row in asked}
    }
    compared = {(row.left, row.suite): row for row in differences if row.form == CHAT and row.scope == "all"}
    against = {row.right for row in compared.values() if GroupName.parse(row.right).share_aligned == 0}
    bars = [row for row in compared.values() if row.right in against]
    said = (f"{plain(group)}, {plain(suite)} {percent(share)}" for (group, suite), share in means.items())
    words = f"Share right after tuning on {'; '.join(said)}"
    caption = "Share of questions answered right in the chat form (chat0), mean over domains and seeds. "
    if bars:
        zero = plain(next(iter(against)))
        caption += f"Bars: 95 % interval of the difference from {zero} (the solid line). "
    caption += "Dotted: what guessing gives."
    chart = charts.finding(means, bars, chances, groups)
    return figure("finding", "Accuracy after each training set", caption, [Panel(words=words, chart=chart)])


def _means(runs: Sequence[Sequence[ResultRow]], groups: Sequence[str]) -> dict[tuple[str, str], float]:
    """Mean accuracy over units (a run's domains), of each the mean over seeds, by group and suite."""
    units: dict[tuple[str, str], dict[tuple[int, str], list[float]]] = {}
    for number, rows in enumerate(runs):
        for row in rows:
            if row.group in groups:
                seeds = units.setdefault((row.group, row.suite), {})
                seeds.setdefault((number, row.domain), []).append(row.accuracy)
    return {place: fmean(map(fmean, of.values())) for place, of in units.items()}


def accuracy(run: RunFiles) -> Part | None:
    """Accuracy of every model in every form."""
    reached = [end for row in run.rows(RESULTS) for end in (row.accuracy_low, row.accuracy_high, row.chance)]
    return _by_domain(
        "accuracy",
        "Accuracy by suite and training set",
        "A point is a model (one a seed) with its 95 % Wilson interval over questions. Lines: the base "
        "model, solid with examples (icl), dashed in the chat form. Dotted: what guessing gives.",
        "Share of questions answered right after tuning on",
        run.by_domain(RESULTS, run.by_probe),
        partial(charts.accuracy, ends=span(reached, low=0.0, high=1.0)),
    )


def agreement(run: RunFiles) -> Part | None:
    """Consistency with the base model against accuracy."""
    found = into_chat(run)
    every = [row for rows in found.values() for row in rows]
    x_ends = span((row.rank_agreement for row in every), low=-1.0, high=1.0)
    y_ends = span((row.accuracy_after for row in every), low=0.0, high=1.0)
    return _by_domain(
        "agreement",
        "Consistency with the base model, and accuracy",
        "A point is a model on a suite. To the right: the options are ranked as the base model ranks them. "
        "Up: more answers are right.",
        "Rank agreement against accuracy for",
        found,
        partial(charts.agreement, x_ends=x_ends, y_ends=y_ends),
    )


def cells(run: RunFiles) -> Part | None:
    """What the form of the question does, what the weights do, and both."""
    rows = run.by_domain(CONSISTENCY, run.by_probe)
    return _by_domain(
        "cells",
        "What the form does, and what the weights do",
        "How far the ranking of the options stays what it was, mean over suites and seeds: asked in another "
        "form with the same weights, in the same form with other weights, and both. Far left: most changed.",
        "Rank agreement by form and weights for",
        {domain: found for domain, found in rows.items() if any(row.group != BASE for row in found)},
        charts.cells,
    )


def ratios(run: RunFiles) -> Part | None:
    """Accuracy, agreement and KL over the share of self-aligned rows."""
    asked = [*filter(run.by_probe, run.rows(DIFFERENCES))]
    domains = sorted({row.domain for row in asked if row.scope == "domain"})
    swept = {"all domains": ratio_curve(asked)} if len(domains) > 1 else {}
    swept |= {domain: ratio_curve(asked, domain=domain) for domain in domains}
    moved = [row for rows in into_chat(run).values() for row in rows]

    def panels() -> Iterator[Panel]:
        for name, curve in swept.items():
            if curve:
                here = [row for row in moved if name in ("all domains", row.domain)]
                words = "Points gained over ratio 0, rank agreement and KL by the share of self-aligned rows"
                yield Panel(name=name, words=words, chart=charts.ratios(curve, here))

    return figure(
        "ratios",
        "Accuracy, agreement and KL by the share of self-aligned rows",
        "Accuracy: points gained in the chat form over ratio 0 (incompatible), bars are 95 % intervals over "
        "questions and seeds. Agreement and KL with the base model: means over seeds; KL 0: nothing changed.",
        panels(),
    )


def sweep(rows: Sequence[Difference]) -> Part | None:
    """Points gained over the share of self-aligned rows, of several runs together."""
    curve = ratio_curve(rows)
    words = "Points gained over ratio 0 by the share of self-aligned rows"
    return figure(
        "sweep",
        "Points gained by the share of self-aligned rows",
        "Over ratio 0 (incompatible), mean over base models, domains and seeds; bars are 95 % intervals over "
        "questions and seeds. At 1 all rows are self-aligned.",
        [Panel(words=words, chart=charts.ratios(curve, []))] if curve else [],
    )


def fit(run: RunFiles) -> Part | None:
    """Whether models learned their rows."""
    return _by_domain(
        "fit",
        "Whether models learned what they were trained on",
        "Share of its own training rows that a model answers as it was trained, right or wrong, with its 95 "
        "% interval. Dotted: what guessing gives.",
        "Share answered as trained for",
        run.by_domain(FIT, lambda row: row.fit is not None),
        charts.fit,
    )


def letters(run: RunFiles) -> Part | None:
    """Which letters models answer."""
    return _by_domain(
        "letters",
        "Which letters are answered in the chat form",
        "Mean over suites and seeds. A model that answers one letter, or all alike, no longer answers what "
        "it is asked.",
        "Share of the answers that give each letter for",
        run.by_domain(LETTERS, lambda row: row.suite != PROBE and row.form == CHAT and run.by_probe(row)),
        lambda rows: charts.letters(
            [((row.suite, row.seed), row.group, row.letter, row.answered) for row in rows]
        ),
    )


def targets(run: RunFiles) -> Part | None:
    """Which letters the training sets teach."""
    return _by_domain(
        "targets",
        "Which letters the training sets teach",
        "Where training sets differ here, a difference between their models may come from the letters.",
        "Share of the targets with each letter for",
        run.by_domain(TARGET_LETTERS),
        lambda rows: charts.letters([(row.seed, row.group, row.letter, row.share) for row in rows]),
    )


def reliability(run: RunFiles) -> Part | None:
    """Whether the base model's confidence can be taken at its word."""
    return figure(
        "reliability",
        "Reliability of the base model’s beliefs",
        "Beliefs in bins of equal size by confidence: how confident, and how many are right, with 95 % "
        "Wilson intervals. On the dashed line the two are the same; below it the model is too sure.",
        (
            Panel(
                name=domain,
                words="Share of beliefs that are right by their confidence",
                chart=charts.reliability(bins),
            )
            for domain, bins in run.by_domain(RELIABILITY, lambda row: row.suite == PROBE).items()
        ),
    )


def loss(run: RunFiles) -> Part | None:
    """Training loss."""
    curves: dict[str, list[LossCurve]] = {}
    for curve in sorted(run.losses, key=lambda curve: curve.domain):
        curves.setdefault(curve.domain, []).append(curve)
    caption = "A line is a fine-tuning run."
    return _by_domain("loss", "Training loss", caption, "Training loss by step for", curves, charts.loss)


def _by_domain(
    name: str,
    title: str,
    caption: str,
    words: str,
    shown: Mapping[str, list[Drawn]],
    draw: Callable[[list[Drawn]], Chart],
) -> Part | None:
    """A figure of one panel a domain, whose words end in the groups that it shows."""
    panels = (
        Panel(name=domain, words=f"{words} {_groups(rows)}", chart=draw(rows))
        for domain, rows in shown.items()
    )
    return figure(name, title, caption, panels)


def _groups(rows: Iterable[Any]) -> str:
    return listed(plain(group) for group in in_group_order(row.group for row in rows))


def shares_figure(
    title: str, caption: str, rows: Sequence[tuple[str, str, float, float, float]]
) -> Part | None:
    """The picture of an audit or a comparison: shares with their intervals; see `charts.shares`."""
    said = (f"{name}, {series} {percent(share)}" for series, name, share, _, _ in rows)
    panels = [Panel(words="; ".join(said), chart=charts.shares(rows, "share"))] if rows else []
    return figure("finding", title, caption, panels)
