"""The tables and claims of a run, from all its predictions that there are."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from harmonia.analysis import (
    Answers,
    Difference,
    Place,
    RunAnswers,
    accuracy_of,
    categories,
    claims_document,
    consistency_of,
    differences,
    read_run,
)
from harmonia.analysis.run_answers import BASE, Excluded
from harmonia.errors import InputError
from harmonia.files import write_csv, write_json
from harmonia.pipeline.overlaps import suite_items_left_out
from harmonia.pipeline.trust import TRUST_OUTPUTS, write_trust
from harmonia.pipeline.workbench import Workbench

__all__ = ["OUTPUTS", "analyse", "analyse_run"]

OUTPUTS = (
    *("results.csv", "consistency.csv", "differences.csv", "claims.json", "confounds.csv"),
    *TRUST_OUTPUTS,
)
"""What an analysis writes."""


def analyse(bench: Workbench, *, predictions: Sequence[str]) -> list[str]:
    """Write accuracies, consistency, differences, claims and confounds."""
    excluded = suite_items_left_out(bench)
    answers = read_run(
        bench.run,
        predictions,
        name=bench.experiment.name,
        model=bench.model_hash(),
        probe_form=bench.experiment.prompt.probe_form,
        excluded=excluded,
    )
    analyse_run(bench.run, answers, threshold=bench.experiment.groups.threshold, excluded=excluded)
    _collect_confounds(bench.run, bench.experiment.domains)
    count = sum(len(ids) for ids in excluded.values())
    return [f"{count} test questions left out of all scores"] if count else []


def analyse_run(
    run: Path, answers: RunAnswers, *, threshold: float, excluded: Excluded | None = None
) -> None:
    """Write the tables of a run's answers into its directory.

    Args:
        run: The run directory.
        answers: What its models answered, without the excluded items.
        threshold: Confidence above which a belief is known or conflicting.
        excluded: What was left out, for the record.

    Raises:
        InputError: There are no answers.
    """
    if not answers.answers:
        raise InputError("there are no predictions to analyse", file=run, remedy="See the stages' reasons.")
    results = [
        {**_own(place), "form": place.form, "suite": place.suite, **asdict(accuracy_of(found))}
        for place, found in answers.answers.items()
    ]
    write_csv(run / "results.csv", results)
    write_csv(run / "consistency.csv", list(_consistency(answers, threshold)))
    write_trust(run, answers, threshold=threshold)
    rows = differences([answers])
    write_csv(
        run / "differences.csv",
        [{**asdict(row), "seed": _seed(row.seed)} for row in rows],
        [field.name for field in fields(Difference)],
    )
    document = claims_document([answers], rows)
    document["excluded"] = {
        f"{domain}/{suite}": sorted(ids) for (domain, suite), ids in (excluded or {}).items() if ids
    }
    write_json(run / "claims.json", document)


def _consistency(run: RunAnswers, threshold: float) -> Iterator[dict[str, Any]]:
    for place, after in run.answers.items():
        sure = run.base(place.domain, run.probe_form, place.suite)
        known = None if sure is None else categories(sure, threshold)
        for who, form, before in _befores(run, place):
            found = consistency_of(before, after, category_I=known)
            forms = {"before_form": form, "after_form": place.form, "before_model": who}
            yield {**_own(place), "suite": place.suite, **forms, **found.row()}


def _befores(run: RunAnswers, place: Place) -> Iterator[tuple[str, str, Answers]]:
    """(model, form, answers) that a model's answers in one form are compared with.

    A tuned model is compared with the base model in every form, and any model with itself in
    the probe's form: what the form of the prompt does alone.
    """
    for before, answers in run.answers.items():
        if (before.domain, before.suite) != (place.domain, place.suite):
            continue
        itself = (before.group, before.seed) == (place.group, place.seed)
        if itself and before.form == run.probe_form != place.form:
            yield (BASE if place.group == BASE else "tuned"), before.form, answers
        if before.group == BASE != place.group:
            yield BASE, before.form, answers


def _collect_confounds(run: Path, domains: Iterable[str]) -> None:
    """Put the domains' tables of confounds into one."""
    rows: list[dict[str, Any]] = []
    for domain in domains:
        path = run / "groups" / domain / "confounds.csv"
        if path.is_file():
            with path.open(encoding="utf-8", newline="") as handle:
                rows += [{"domain": domain, **row} for row in csv.DictReader(handle)]
    write_csv(run / "confounds.csv", rows)


def _own(place: Place) -> dict[str, Any]:
    return {"domain": place.domain, "group": place.group, "seed": _seed(place.seed)}


def _seed(seed: int | None) -> int | str:
    return "" if seed is None else seed
