"""The sentences at the top of the report: what was measured, and no more than that."""

from __future__ import annotations

from harmonia.analysis.run_answers import CHAT
from harmonia.analysis.tables import RESULTS
from harmonia.groups.names import BASE, GroupName
from harmonia.numbers import counted
from harmonia.report.run_files import RunFiles
from harmonia.report.words import in_group_order, listed, plain, ratio_of


def lead(run: RunFiles) -> list[str]:
    """How far what was found reaches, and what was done; a sentence each."""
    tuned = [row for row in run.rows(RESULTS) if run.by_probe(row) and row.group != BASE and row.form == CHAT]
    if not tuned:
        return [
            "No tuned model has a result in the chat form (chat0) yet, so nothing can be compared so far."
        ]
    domains = sorted({row.domain for row in tuned})
    seeds = sorted({row.seed for row in tuned if row.seed is not None})
    groups = _kinds(in_group_order(row.group for row in tuned))
    return [
        _caution(len(seeds)),
        f"One base model was fine-tuned on {counted(len(groups), 'kind')} of training set "
        f"({listed(groups)}) in {counted(len(domains), 'domain')} ({listed(domains)}) with "
        f"{counted(len(seeds), 'seed')}, and then asked without examples in the chat form (chat0).",
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
