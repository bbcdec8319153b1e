"""Tables on what the answers are worth: beliefs over draws, letters, calibration."""

from __future__ import annotations

from functools import partial

from harmonia.analysis.tables import (
    BELIEFS,
    CALIBRATION,
    LETTER_BIAS,
    LETTERS,
    PROBE,
    BeliefsRow,
    CalibrationRow,
    LetterBiasRow,
)
from harmonia.numbers import count
from harmonia.probe.level import LEVELS
from harmonia.report.grid import grids
from harmonia.report.html_table import Entry, PageColumn, PageTable, build, field, fields
from harmonia.report.run_files import RunFiles
from harmonia.report.words import ABSENT, decimal, percent

LETTER_SHARES = {
    "prior": "mean probability of the letter, %",
    "answered": "answered, %",
    "right": "right, %",
}
"""What is told of each letter, by column."""


def beliefs_table(run: RunFiles) -> PageTable:
    """What the beliefs of each domain are, and how steady."""

    def part(row: BeliefsRow, name: str) -> Entry:
        number = getattr(row, name)
        return Entry(text=count(number), small=(percent(number / row.n),))

    columns = (
        field(BeliefsRow, "domain", "Domain", "head"),
        *fields(BeliefsRow, form="Form", n="n", draws="Draws"),
        *(PageColumn(name, name.capitalize(), partial(part, name=name)) for name in LEVELS),
        *fields(BeliefsRow, agreement="Agreement of draws", right_rate="Draws right"),
    )
    rows = run.rows(BELIEFS)
    return build("The base model’s beliefs", columns, rows)


def most_draws(run: RunFiles) -> int:
    """The most draws of demonstrations that beliefs were taken over."""
    return max((row.draws for row in run.rows(BELIEFS)), default=1)


def probe_letters_table(run: RunFiles) -> PageTable:
    """Letter bias of the probe, a line a domain."""
    rows = [row for row in run.rows(LETTER_BIAS) if row.suite == PROBE]
    shares = {(row.domain, row.letter): row for row in run.rows(LETTERS) if row.suite == PROBE}

    def share(row: LetterBiasRow, name: str, letter: str) -> str:
        found = shares.get((row.domain, letter))
        return ABSENT if found is None else f"{100 * getattr(found, name):.1f}"

    columns: list[PageColumn[LetterBiasRow]] = [
        field(LetterBiasRow, "domain", "Domain", "head"),
        *fields(LetterBiasRow, form="Form", n="n"),
        PageColumn("rstd", "RStd", lambda row: decimal(row.rstd)),
        PageColumn("rstd_null_95", "By chance", lambda row: decimal(row.rstd_null_95)),
        field(LetterBiasRow, "letter_mass", "Letter mass"),
    ]
    for name, above in LETTER_SHARES.items():
        for x in sorted({letter for _, letter in shares}):
            columns.append(PageColumn(f"{name} {x}", x, partial(share, name=name, letter=x), above))
    return build("The letters of the probe", columns, rows)


def letter_bias_tables(run: RunFiles) -> list[PageTable]:
    """One table a domain: letter bias of every model on every suite."""

    def shown(row: LetterBiasRow) -> Entry:
        mass = [] if row.letter_mass is None else [f"mass {percent(row.letter_mass)}"]
        return Entry(text=decimal(row.rstd), small=(f"chance {decimal(row.rstd_null_95)}", *mass))

    rows = run.by_domain(LETTER_BIAS, lambda row: row.suite != PROBE)
    return grids(rows, "RStd and letter mass", shown)


def probe_calibration_table(run: RunFiles) -> PageTable:
    """Calibration of the probe, a line a domain."""
    rows = [row for row in run.rows(CALIBRATION) if row.suite == PROBE]
    columns: tuple[PageColumn[CalibrationRow], ...] = (
        field(CalibrationRow, "domain", "Domain", "head"),
        *fields(CalibrationRow, form="Form", n="n"),
        PageColumn("ece", "ECE", lambda row: decimal(row.ece)),
        PageColumn("ece_null_95", "By chance", lambda row: decimal(row.ece_null_95)),
        PageColumn("brier", "Brier", lambda row: decimal(row.brier)),
    )
    return build("Calibration of the probe", columns, rows)


def calibration_tables(run: RunFiles) -> list[PageTable]:
    """One table a domain: calibration of every model on every suite."""

    def shown(row: CalibrationRow) -> Entry:
        small = (f"chance {decimal(row.ece_null_95)}", f"Brier {decimal(row.brier)}")
        return Entry(text=decimal(row.ece), small=small)

    return grids(run.by_domain(CALIBRATION, lambda row: row.suite != PROBE), "ECE and Brier score", shown)
