"""The sentences at the top of the report: what was measured, and no more than that."""

from __future__ import annotations

from harmonia.analysis.run_answers import CHAT
from harmonia.analysis.tables import DIFFERENCES, RESULTS
from harmonia.groups.names import BASE, GroupName
from harmonia.report.run_files import RunFiles
from harmonia.report.words import (
    between,
    in_group_order,
    in_suite_order,
    listed,
    plain,
    points,
    ratio_of,
)

_PAIRS = (("harmonious", "incompatible"), ("self_aligning", "incompatible"))


def lead(run: RunFiles) -> list[str]:
    """What was found in figures, how far that reaches, and what was done; a sentence each."""
    tuned = [row for row in run.rows(RESULTS) if run.by_probe(row) and row.group != BASE and row.form == CHAT]
    if not tuned:
        return [
            "No tuned model has a result in the chat form (chat0) yet, so nothing can be compared so far."
        ]
    domains = sorted({row.domain for row in tuned})
    seeds = sorted({row.seed for row in tuned if row.seed is not None})
    groups = _kinds(in_group_order(row.group for row in tuned))
    sentences = []
    for left, right in _pairs(run):
        parts = [
            f"{found} on {plain(suite)} questions"
            for suite in in_suite_order(row.suite for row in tuned)
            if (found := _difference(run, left, right, suite))
        ]
        if parts:
            sentences.append(
                f"Accuracy after {plain(left)} minus accuracy after {plain(right)}, in points with 95\u00a0% "
                f"intervals: {listed(parts)}."
            )
    return [
        *sentences,
        _caution(len(seeds)),
        f"One base model was fine-tuned on {_number(len(groups), 'kind')} of training set "
        f"({listed(groups)}) in {_number(len(domains), 'domain')} ({listed(domains)}) with "
        f"{_number(len(seeds), 'seed')}, and then asked without examples in the chat form (chat0).",
    ]


def limits(run: RunFiles) -> list[str]:
    """What the figures do not say, in sentences."""
    seeds = {row.seed for row in run.rows(RESULTS) if row.seed is not None}
    return [_caution(len(seeds))] if seeds else []


def _kinds(groups: list[str]) -> list[str]:
    """Plain names of the groups, all mixtures as one kind."""
    ratios = [f"{ratio:g}" for group in groups if (ratio := ratio_of(group)) is not None]
    kinds = [plain(group) for group in groups if ratio_of(group) is None]
    return (
        [*kinds, f"mixed in ratios from {ratios[0]} to {ratios[-1]}"]
        if len(ratios) > 1
        else [*map(plain, groups)]
    )


def _caution(seeds: int) -> str:
    if seeds > 1:
        return (
            f"The intervals are over questions and {seeds} seeds. They describe this model and these "
            "domains only."
        )
    return (
        "There is one seed: these differences carry no interval over seeds, and another seed may "
        "give others. They describe this model and these questions only."
    )


def twins(run: RunFiles) -> list[str]:
    """Mixed groups that are not tuned on, because another group has the same rows."""
    names = in_group_order(name for found in run.groups.values() for name in found.groups)
    same = [(name, str(GroupName.parse(name).twin)) for name in names]
    return [f"that of {plain(name)} is that of {plain(twin)}" for name, twin in same if twin in names]


def _pairs(run: RunFiles) -> list[tuple[str, str]]:
    return [(_called(run, left), _called(run, right)) for left, right in _PAIRS]


def _called(run: RunFiles, group: str) -> str:
    """A group as the run calls it: `mixed_0` has the rows of `incompatible`, `mixed_1` of `self_aligning`."""
    groups = {row.group for row in run.rows(RESULTS)}
    alike = (name for name in groups if str(GroupName.parse(name).twin) == group)
    return group if group in groups else next(alike, group)


def _difference(run: RunFiles, left: str, right: str, suite: str) -> str:
    """The difference in words, with its interval; empty if it was not measured."""
    for row in filter(run.by_probe, run.rows(DIFFERENCES)):
        found = (row.scope, row.left, row.right, row.suite, row.form)
        if found == ("all", left, right, suite, CHAT):
            return f"{points(100 * row.difference)} ({between(row.low, row.high)})"
    return ""


def _number(value: int, noun: str) -> str:
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    return f"{words[value] if value < len(words) else value} {noun}{'' if value == 1 else 's'}"
