"""The page of one run: what was loaded, as a finding and sections, in one HTML file."""

from __future__ import annotations

from pathlib import Path

from harmonia.analysis.tables import DIFFERENCES, RESULTS
from harmonia.report import figures, summary
from harmonia.report.chance import chance_warnings
from harmonia.report.headline import finding
from harmonia.report.load import load_run
from harmonia.report.missing import failures
from harmonia.report.parts import Page
from harmonia.report.sections import sections


def write_page(run: Path) -> Path:
    """Write `report.html` and `figures/` of a run directory; see `harmonia.report.write_report`."""
    files = load_run(run)
    results = [*filter(files.by_probe, files.rows(RESULTS))]
    stages = {key: stage.status for key, stage in files.manifest.stages.items()}
    found = finding(files.claims) if files.claims else []
    return Page(
        kind="harmonia report",
        title=files.manifest.name,
        finding=[*found, *summary.lead(files)],
        warnings=[*failures(stages, files.manifest.tasks or len(stages)), *chance_warnings(results)],
        picture=figures.finding([results], filter(files.by_probe, files.rows(DIFFERENCES))),
        sections=sections(files),
    ).write(run)
