"""Finished runs of several base models, judged together."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harmonia.analysis import (
    ClaimsDocument,
    Difference,
    RunAnswers,
    claims_document,
    differences,
    mixed_models,
    read_run,
    run_tables,
)
from harmonia.errors import InputError
from harmonia.parsing import read_object, validated
from harmonia.pipeline.manifest import Manifest

WRITTEN = ("claims.json", "report.html", "figures", "tables")
"""What is written about several runs."""

_REMEDY = "Let harmonia run write this file again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooled:
    """What several runs say together.

    Attributes:
        runs: (run directory, its answers).
        document: Content of `claims.json` for all of them.
        differences: All comparisons of groups over them.
    """

    runs: tuple[tuple[Path, RunAnswers], ...]
    document: ClaimsDocument
    differences: tuple[Difference, ...]

    def write(self, folder: Path) -> Path:
        """Write `claims.json`, `report.html`, `figures/` and `tables/`; returns the page's path."""
        from harmonia.report.pooled import PooledRun, write_pooled_page

        runs = [
            PooledRun(
                name=answers.name,
                domains=tuple(answers.domains),
                link=Path(os.path.relpath(run / "report.html", folder)).as_posix(),
                results=tuple(run_tables.result_rows(answers)),
                stages={key: left.status for key, left in Manifest.read(run).stages.items()},
            )
            for run, answers in self.runs
        ]
        mixed = mixed_models([answers for _, answers in self.runs])
        return write_pooled_page(folder, runs, self.document, self.differences, mixed)


def pool(runs: Sequence[Path]) -> Pooled:
    """Judge runs of different base models together.

    Args:
        runs: Finished run directories.

    Raises:
        InputError: A run is not finished, or two share their base model and a domain.
    """
    answers = [read_finished(run) for run in runs]
    rows = tuple(differences(answers))
    return Pooled(
        runs=tuple(zip(runs, answers, strict=True)),
        document=claims_document(answers, rows),
        differences=rows,
    )


def read_finished(run: Path) -> RunAnswers:
    """A finished run's answers, read as its own analysis read them.

    Raises:
        InputError: The run has not been analysed, or has no predictions.
    """
    path = run / "claims.json"
    if not path.is_file():
        raise InputError(
            "the run has not been analysed", file=path, remedy="Finish it with harmonia run or harmonia demo."
        )
    document = validated(ClaimsDocument, read_object(path, what="the claims"), file=path, remedy=_REMEDY)
    if len(document.runs) != 1:
        raise InputError("not the claims of one run", file=path, seen=len(document.runs), remedy=_REMEDY)
    about = document.runs[0]
    # What the manifest does not name was left by earlier settings.
    paths = [
        path
        for key, stage in Manifest.read(run).stages.items()
        if key.startswith(("evaluate/", "fit/")) and stage.status == "done"
        for path in stage.outputs
    ]
    answers = read_run(
        run,
        paths,
        name=about.name,
        model=about.model,
        probe_form=about.probe_form,
        method=about.method,
        excluded=document.left_out,
    )
    if not answers.answers:
        raise InputError("the run has no predictions", file=run, remedy="Finish it with harmonia run.")
    return answers
