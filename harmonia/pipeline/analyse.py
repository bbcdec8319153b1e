"""The tables and claims of a run, from all its predictions that there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from harmonia.analysis import Place, RunAnswers, claims_document, differences, read_run, run_tables, tables
from harmonia.analysis.answers import Answers
from harmonia.analysis.run_answers import Excluded
from harmonia.errors import InputError
from harmonia.files import write_json
from harmonia.groups.confounds import CONFOUNDS, TARGET_LETTERS
from harmonia.groups.names import BASE
from harmonia.pipeline.experiment import Experiment
from harmonia.pipeline.overlaps import suite_items_left_out
from harmonia.pipeline.workbench import Workbench
from harmonia.probe import read_beliefs

__all__ = ["CLAIMS", "OUTPUTS", "analyse", "analyse_run"]

CLAIMS = "claims.json"
OUTPUTS = (CLAIMS, *(file for table in tables.ANALYSED for file in table.files(tables.FOLDER)))
"""What an analysis writes."""


def analyse(bench: Workbench, *, predictions: Sequence[str]) -> list[str]:
    """Write accuracies, consistency, differences, claims and confounds."""
    excluded = suite_items_left_out(bench)
    answers = read_run(
        bench.run,
        # What failed, or could not be computed, has left none.
        [path for path in predictions if (bench.run / path).is_file()],
        name=bench.experiment.name,
        model=bench.model_hash(),
        probe_form=bench.experiment.prompt.probe_form,
        method=bench.experiment.prompt.method,
        excluded=excluded,
    )
    analyse_run(bench.run, answers, threshold=bench.experiment.groups.threshold, excluded=excluded)
    _collect(bench.run, bench.experiment)
    count = sum(len(ids) for ids in excluded.values())
    notes = [f"{count} test questions left out of all scores"] if count else []
    return [*notes, *run_tables.near_chance(run_tables.fit_rows(answers))]


def analyse_run(
    run: Path, answers: RunAnswers, *, threshold: float, excluded: Excluded | None = None
) -> None:
    """Write the tables of a run's answers into its directory.

    Raises:
        InputError: There are no answers.
    """
    if not answers.answers:
        raise InputError("there are no predictions to analyse", file=run, remedy="See the stages' reasons.")
    folder = run / tables.FOLDER
    probed = {
        domain: read_beliefs(path)
        for domain in answers.domains
        if (path := run / "beliefs" / f"{domain}.parquet").is_file()
    }
    asked = {
        Place(
            domain=domain,
            group=BASE,
            seed=None,
            form=found[0].form,
            readout=answers.method,
            suite=tables.PROBE,
        ): Answers.of(found)
        for domain, found in probed.items()
    } | dict(answers.answers)
    calibrations, diagrams = run_tables.calibration_rows(asked)
    biases, letters = run_tables.letter_rows(asked)
    rows = differences([answers])
    tables.RESULTS.write(folder, run_tables.result_rows(answers))
    tables.FIT.write(folder, run_tables.fit_rows(answers))
    tables.LOST.write(folder, run_tables.loss_rows(answers))
    tables.CONSISTENCY.write(folder, run_tables.consistency_rows(answers, threshold))
    tables.BELIEFS.write(
        folder, (run_tables.beliefs_row(domain, found, threshold) for domain, found in probed.items())
    )
    tables.LETTER_BIAS.write(folder, biases)
    tables.LETTERS.write(folder, letters)
    tables.CALIBRATION.write(folder, calibrations)
    tables.RELIABILITY.write(folder, diagrams)
    tables.DIFFERENCES.write(folder, rows)
    write_json(run / CLAIMS, asdict(claims_document([answers], rows, excluded=excluded)))


def _collect(run: Path, experiment: Experiment) -> None:
    """Put the tables of confounds and target letters of all domains and seeds into one each."""
    built = [
        run / folder
        for domain in experiment.domains
        for folder in (f"groups/{domain}/seed{seed}" for seed in experiment.seeds)
        if (run / CONFOUNDS.files(folder)[0]).is_file()
    ]
    out = run / tables.FOLDER
    CONFOUNDS.write(out, (row for folder in built for row in CONFOUNDS.read(folder)))
    TARGET_LETTERS.write(out, (row for folder in built for row in TARGET_LETTERS.read(folder)))
