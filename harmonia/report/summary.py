"""The sentences at the top of the report: what was measured, and no more than that."""

from __future__ import annotations

from statistics import fmean

from harmonia.analysis.run_answers import CHAT
from harmonia.analysis.tables import DIFFERENCES, RESULTS, ResultRow
from harmonia.groups.names import GroupName
from harmonia.report.run_files import RunFiles
from harmonia.report.words import (
    between,
    count,
    in_group_order,
    in_suite_order,
    listed,
    percent,
    plain,
    points,
    ratio_of,
)

_COMPARED = ("harmonious", "incompatible", "self_aligning")
_PAIRS = (("harmonious", "incompatible"), ("self_aligning", "incompatible"))


def tuned_seeds(run: RunFiles) -> list[int]:
    """Seeds of all tuned models with a result."""
    return sorted({row.seed for row in run.rows(RESULTS) if row.seed is not None})


def lead(run: RunFiles) -> list[str]:
    """The opening paragraph, sentence by sentence."""
    tuned = [
        row for row in filter(run.by_probe, run.rows(RESULTS)) if row.group != "base" and row.form == CHAT
    ]
    if not tuned:
        return [
            "No tuned model has a result in the chat form (chat0) yet, so nothing can be compared so far."
        ]
    domains = sorted({row.domain for row in tuned})
    seeds = sorted({row.seed for row in tuned if row.seed is not None})
    groups = _kinds(in_group_order(row.group for row in tuned))
    sentences = [
        f"One base model was fine-tuned on {_number(len(groups), 'kind')} of training set "
        f"({listed(groups)}) in {_number(len(domains), 'domain')} ({listed(domains)}) with "
        f"{_number(len(seeds), 'seed')}, and then asked without examples in the chat form (chat0)."
    ]
    for left, right in _pairs(run):
        parts = [
            f"{found} on {plain(suite)} questions"
            for suite in in_suite_order(row.suite for row in tuned)
            if (found := _difference(run, left, right, suite, None))
        ]
        if parts:
            sentences.append(
                f"On average, accuracy after {plain(left)} minus accuracy after {plain(right)} was "
                f"{listed(parts)}."
            )
    sentences.append(_caution(len(seeds)))
    return sentences


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


def domain_sentences(run: RunFiles) -> list[tuple[str, list[str]]]:
    """For each domain, one sentence per suite with accuracies, n and differences."""
    compared = [_called(run, group) for group in _COMPARED]
    asked = filter(run.by_probe, run.rows(RESULTS))
    chosen = [row for row in asked if row.form == CHAT and row.group in compared]
    found = []
    for domain in sorted({row.domain for row in chosen}):
        here = [row for row in chosen if row.domain == domain]
        suites = in_suite_order(row.suite for row in here)
        found.append((domain, [_suite(run, domain, here, suite) for suite in suites]))
    return found


def _suite(run: RunFiles, domain: str, rows: list[ResultRow], suite: str) -> str:
    here = [row for row in rows if row.suite == suite]
    parts = []
    for group in in_group_order(row.group for row in here):
        share = fmean(row.accuracy for row in here if row.group == group)
        parts.append(f"{plain(group)} {percent(share)}")
    differences = []
    for left, right in _pairs(run):
        if found := _difference(run, left, right, suite, domain):
            differences.append(f"{plain(left)} minus {plain(right)}: {found}")
    sizes = listed(count(n) for n in sorted({row.n for row in here}))
    name = plain(suite)
    text = f"{name[:1].upper()}{name[1:]} questions (n = {sizes}): {listed(parts)} right"
    return f"{text}; {'; '.join(differences)}." if differences else f"{text}."


def _pairs(run: RunFiles) -> list[tuple[str, str]]:
    return [(_called(run, left), _called(run, right)) for left, right in _PAIRS]


def _called(run: RunFiles, group: str) -> str:
    """A group as the run calls it: `mixed_0` has the rows of `incompatible`, `mixed_1` of `self_aligning`."""
    groups = {row.group for row in run.rows(RESULTS)}
    alike = (name for name in groups if str(GroupName.parse(name).twin) == group)
    return group if group in groups else next(alike, group)


def _difference(run: RunFiles, left: str, right: str, suite: str, domain: str | None) -> str:
    """The difference in words, with its interval; empty if it was not measured."""
    place = ("all", "all") if domain is None else ("domain", domain)
    for row in filter(run.by_probe, run.rows(DIFFERENCES)):
        found = (row.scope, row.domain, row.left, row.right, row.suite, row.form)
        if found == (*place, left, right, suite, CHAT):
            reach = between(row.low, row.high)
            return f"{points(100 * row.difference)} points (95\u00a0% interval {reach})"
    return ""


def _number(value: int, noun: str) -> str:
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    return f"{words[value] if value < len(words) else value} {noun}{'' if value == 1 else 's'}"
