"""What could not be computed, and why: nothing is left out of the report in silence."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from harmonia.analysis.run_answers import CHAT
from harmonia.analysis.tables import CALIBRATION, DIFFERENCES, RESULTS
from harmonia.columns import Table
from harmonia.groups.names import GroupName
from harmonia.numbers import counted
from harmonia.report.run_files import NotedStage, RunFiles
from harmonia.report.sweep import ratio_curve
from harmonia.report.words import in_group_order, in_suite_order, listed, plain, ratio_of

_MOST_NAMED = 12
_FAILED_NAMED = 3
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.]*\w)")
"""A number by itself: none of a name, such as `seed0`."""


def missing_parts(run: RunFiles) -> list[tuple[str, str]]:
    """Return (what, why) for each thing that the report cannot show."""
    found = (_stages, _manifest, _models, _answers, _curves, _claims)
    return [*run.absent, *(part for look in found for part in look(run))]


def failures(stages: Mapping[str, str], tasks: int, run: str = "") -> list[str]:
    """How many tasks failed, which, and where to look, in a sentence; none where none failed.

    Args:
        stages: The status of each task that ended.
        tasks: Tasks in all.
        run: Name of the run, where a page is of several.
    """
    if not (keys := [key for key, status in stages.items() if status == "failed"]):
        return []
    more = [counted(len(keys) - _FAILED_NAMED, "other")] if len(keys) > _FAILED_NAMED else []
    said = f"{len(keys)} of {counted(tasks, 'task')} failed: {listed([*keys[:_FAILED_NAMED], *more])}."
    where = f"the page of {run} says" if run else "“Limits”, at the end, says"
    return [f"{f'{run}: ' if run else ''}{said} What needs them is missing here; {where} why."]


def without_result(stages: Mapping[str, NotedStage]) -> list[tuple[str, str]]:
    """Return (which tasks, why) for those that have no result, of one reason together."""
    lost: dict[str, list[str]] = {}
    for key, stage in stages.items():
        if stage.status != "done":
            reason = f"{stage.status.replace('_', ' ')}: {stage.reason or 'the run gives no reason'}"
            lost.setdefault(reason, []).append(key)
    return [(_keys(keys), reason) for reason, keys in lost.items()]


def _stages(run: RunFiles) -> Iterator[tuple[str, str]]:
    noted: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for key, stage in run.manifest.stages.items():
        for note in stage.notes:
            noted.setdefault((key.partition("/")[0], _NUMBER.sub("#", note)), []).append((key, note))
    if not run.manifest.stages:
        yield "all stages", "not run yet: manifest.json lists none"
    yield from without_result(run.manifest.stages)
    for found in noted.values():
        yield _keys([key for key, _ in found]), f"note: {_together([note for _, note in found])}"


def _together(notes: list[str]) -> str:
    """Notes that differ in their numbers alone, as one: `3 to 40 of 200 beliefs are borderline`."""
    reach = []
    for numbers in zip(*map(_NUMBER.findall, notes), strict=True):
        low, high = min(numbers, key=float), max(numbers, key=float)
        reach.append(low if float(low) == float(high) else f"{low} to {high}")
    each = iter(reach)
    return _NUMBER.sub(lambda _: next(each), notes[0])


def _keys(keys: list[str]) -> str:
    if len(keys) <= _MOST_NAMED:
        return ", ".join(keys)
    kinds = Counter(key.partition("/")[0] for key in keys)
    named = listed(f"{counted(number, 'stage')} of {kind}" for kind, number in kinds.items())
    return f"{named}, which manifest.json lists"


def _manifest(run: RunFiles) -> Iterator[tuple[str, str]]:
    manifest = run.manifest
    for what, value in (
        ("the model", manifest.model),
        ("the method", manifest.method),
        ("the preset", manifest.preset),
        ("the files of questions", manifest.data),
        ("the versions", manifest.versions),
        ("the machine", manifest.machine),
    ):
        if not value:
            yield what, "manifest.json does not say"
    if not manifest.answer_tokens and manifest.method != "cloze":
        yield "the letters’ tokens", "manifest.json does not say"


def _models(run: RunFiles) -> Iterator[tuple[str, str]]:
    """Stages that the groups and seeds call for and the manifest does not list."""
    for (domain, seed), summary in sorted(run.groups.items()):
        # Of two groups that teach the same rows a model is tuned on one.
        trained = [name for name in summary.groups if str(GroupName.parse(name).twin) not in summary.groups]
        keys = [f"train/{domain}/{name}/seed{seed}" for name in in_group_order(trained)]
        if waiting := [key for key in keys if key not in run.manifest.stages]:
            yield _keys(waiting), "not run yet"


def _answers(run: RunFiles) -> Iterator[tuple[str, str]]:
    """Evaluations that were done and that a table of answers has no row of."""
    done = {
        key.removeprefix("evaluate/")
        for key, stage in run.manifest.stages.items()
        if key.startswith("evaluate/") and stage.status == "done"
    }
    tables: tuple[Table[Any], ...] = RESULTS, CALIBRATION
    for table in tables:
        rows = run.rows(table)
        if rows and (gaps := sorted(done - {row.where for row in rows})):
            yield _keys(gaps), f"no row in the table {table.name}"


def _curves(run: RunFiles) -> Iterator[tuple[str, str]]:
    for domain in run.by_domain(RESULTS, lambda row: row.form == CHAT and ratio_of(row.group) is not None):
        if not ratio_curve(filter(run.by_probe, run.rows(DIFFERENCES)), domain=domain):
            yield f"{domain}, the curve over ratios", "no difference of a mixed group was computed"


def _claims(run: RunFiles) -> Iterator[tuple[str, str]]:
    for claim in run.claims.claims if run.claims else ():
        whys: dict[str, list[str]] = {}
        for finding in claim.findings:
            if finding.because:
                whys.setdefault(finding.because, []).append(finding.suite)
        for why, suites in whys.items():
            yield f"claim {claim.claim} on {listed(map(plain, in_suite_order(suites)))} questions", why
