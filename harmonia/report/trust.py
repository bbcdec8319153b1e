"""Tables on what the answers are worth: beliefs over draws, letters, calibration."""

from __future__ import annotations

from collections.abc import Callable

from harmonia.analysis import Place
from harmonia.analysis.tables import PROBE, BeliefsRow, CalibrationRow, LetterBiasRow, LetterRow
from harmonia.report.grid import grids
from harmonia.report.html_table import Column, Entry, Table, build
from harmonia.report.run_files import RunFiles
from harmonia.report.words import ABSENT, count, decimal, percent

__all__ = [
    "beliefs_table",
    "calibration_tables",
    "letter_bias_tables",
    "probe_calibration_table",
    "probe_letters_table",
]


def beliefs_table(run: RunFiles) -> Table | None:
    """What the beliefs of each domain are, and how steady."""
    columns = (
        Column[BeliefsRow]("domain", "Domain", lambda row: row.domain, kind="head"),
        Column[BeliefsRow]("form", "Form", lambda row: row.form, kind="text"),
        Column[BeliefsRow]("n", "n", lambda row: count(row.n)),
        Column[BeliefsRow]("draws", "Draws", lambda row: count(row.draws)),
        Column[BeliefsRow]("known", "Known", lambda row: _part(row.known, row.n)),
        Column[BeliefsRow]("conflicting", "Conflicting", lambda row: _part(row.conflicting, row.n)),
        Column[BeliefsRow]("uncertain", "Uncertain", lambda row: _part(row.uncertain, row.n)),
        Column[BeliefsRow]("agreement", "Agreement of draws", lambda row: percent(row.agreement)),
        Column[BeliefsRow]("right_rate", "Draws right", lambda row: percent(row.right_rate)),
    )
    return build("The base model’s beliefs", columns, run.beliefs) if run.beliefs else None


def probe_letters_table(run: RunFiles) -> Table | None:
    """Letter bias of the probe, a line a domain."""
    rows = [row for row in run.letter_bias if row.suite == PROBE]
    shares = {(row.domain, row.letter): row for row in run.letters if row.suite == PROBE}
    columns = [
        Column[LetterBiasRow]("domain", "Domain", lambda row: row.domain, kind="head"),
        Column[LetterBiasRow]("form", "Form", lambda row: row.form, kind="text"),
        Column[LetterBiasRow]("n", "n", lambda row: count(row.n)),
        Column[LetterBiasRow]("rstd", "RStd", lambda row: decimal(row.rstd)),
        Column[LetterBiasRow]("mass", "Letter mass", lambda row: percent(row.letter_mass)),
    ]

    def at(field: str, letter: str) -> Callable[[LetterBiasRow], str]:
        def cell(row: LetterBiasRow) -> str:
            found = shares.get((row.domain, letter))
            return ABSENT if found is None else f"{100 * getattr(found, field):.1f}"

        return cell

    for field, above in (
        ("prior", "mean probability of the letter, %"),
        ("answered", "answered, %"),
        ("right", "right, %"),
    ):
        columns += [
            Column(f"{field} {x}", x, at(field, x), above=above) for x in sorted({x for _, x in shares})
        ]
    return build("The letters of the probe", columns, rows) if rows else None


def letter_bias_tables(run: RunFiles) -> list[Table]:
    """One table a domain: letter bias of every model on every suite."""
    shares: dict[tuple[object, ...], list[LetterRow]] = {}
    for row in run.letters:
        shares.setdefault(_place(row), []).append(row)

    def shown(row: LetterBiasRow) -> Entry:
        mass = [] if row.letter_mass is None else [f"mass {percent(row.letter_mass)}"]
        here = shares.get(_place(row), [])
        lists = (
            f"{name} {' '.join(f'{100 * getattr(one, field):.0f}' for one in here)}"
            for name, field in (("prior", "prior"), ("gave", "answered"))
        )
        return Entry(text=decimal(row.rstd), small=(*mass, *lists))

    rows = [row for row in run.letter_bias if row.suite != PROBE]
    return grids(rows, "RStd, letter mass, and the letters’ shares in %", shown)


def _place(row: Place) -> tuple[object, ...]:
    return row.domain, row.group, row.seed, row.form, row.suite


def probe_calibration_table(run: RunFiles) -> Table | None:
    """Calibration of the probe, a line a domain."""
    rows = [row for row in run.calibration if row.suite == PROBE]
    columns = (
        Column[CalibrationRow]("domain", "Domain", lambda row: row.domain, kind="head"),
        Column[CalibrationRow]("form", "Form", lambda row: row.form, kind="text"),
        Column[CalibrationRow]("n", "n", lambda row: count(row.n)),
        Column[CalibrationRow]("ece", "ECE", lambda row: decimal(row.ece)),
        Column[CalibrationRow]("brier", "Brier", lambda row: decimal(row.brier)),
    )
    return build("Calibration of the probe", columns, rows) if rows else None


def calibration_tables(run: RunFiles) -> list[Table]:
    """One table a domain: calibration of every model on every suite."""
    rows = [row for row in run.calibration if row.suite != PROBE]
    return grids(rows, "ECE, Brier score and n", _calibrated)


def _calibrated(row: CalibrationRow) -> Entry:
    return Entry(text=decimal(row.ece), small=(f"Brier {decimal(row.brier)}", f"n = {count(row.n)}"))


def _part(number: int, whole: int) -> Entry:
    return Entry(text=count(number), small=(percent(number / whole),))
