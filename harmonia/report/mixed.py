"""What the mixed models say beside the bootstrap, a table a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harmonia.analysis import MixedModelRow
from harmonia.numbers import counted
from harmonia.report.html_table import Entry, PageColumn, build
from harmonia.report.parts import Part, prose, tables
from harmonia.report.words import ABSENT, between, decimal, ends, listed, plain, points
from harmonia.types import Method

_MODELS = {
    "meta": (
        "Base models as a sample",
        "difference of the shares right, in percentage points",
        "The base models at hand are taken for a sample of such base models.",
    ),
    "logistic": (
        "Single answers",
        "odds ratio of a right answer by what the base model believes",
        "A regression of single answers: how many times the odds of a right answer are those after the "
        "other group, by what the base model believes (1: no difference).",
    ),
}
"""Of each model what it is, what it estimates, and how that is read."""


def mixed_parts(rows: Sequence[MixedModelRow], method: Method) -> Iterator[Part]:
    """The estimates by the probe's method; of levels the odds ratios, not how these differ.

    Of a model that could not be fitted anywhere there is a sentence that says why.
    """
    for model, (name, estimated, note) in _MODELS.items():
        here = [row for row in rows if (row.model, row.readout) == (model, method) and "/" not in row.term]
        if any(row.estimate is not None for row in here):
            spread = any(row.between_bases is not None for row in here)
            columns = [one for one in _COLUMNS[model == "meta" :] if spread or one.name != "spread"]
            shown = build(f"{name}: {estimated}", columns, here, section=lambda row: row.suite)
            yield from tables([shown], note)
        elif here:
            reasons = listed(dict.fromkeys(str(row.because) for row in here))
            yield prose(f"{name}: no estimate, because {reasons}.")


def _estimate(row: MixedModelRow) -> Entry | str:
    if row.estimate is None or row.low is None or row.high is None:
        return Entry(text=ABSENT, small=(f"because {row.because}",))
    if row.model == "meta":
        text, reach = points(100 * row.estimate), between(row.low, row.high)
    else:
        text, reach = f"{row.estimate:.3g}", ends(row.low, row.high, f"{row.low:.3g} to {row.high:.3g}")
    return Entry(text=text, small=(reach, *(filter(None, [row.because]))))


def _spread(row: MixedModelRow) -> str:
    if row.between_bases is None:
        return ABSENT
    return points(100 * row.between_bases).lstrip("+") if row.model == "meta" else decimal(row.between_bases)


_COLUMNS: tuple[PageColumn[MixedModelRow], ...] = (
    PageColumn("term", "Base model\u2019s belief", lambda row: row.term, kind="text"),
    PageColumn("suite", "Questions", lambda row: plain(row.suite), kind="head"),
    PageColumn("pair", "Tuned on", lambda row: f"{plain(row.left)} against {plain(row.right)}", kind="text"),
    PageColumn("estimate", "Estimate (95 % interval)", _estimate),
    PageColumn("spread", "Spread between base models", _spread),
    PageColumn(
        "over",
        "Over",
        lambda row: f"{counted(row.bases, 'base model')}, {counted(row.models, 'tuned model')}",
        kind="text",
    ),
)
