"""Tables on what the answers are worth: beliefs over draws, letters, calibration."""

from __future__ import annotations

from collections.abc import Callable

from harmonia.report.grid import grids
from harmonia.report.records import RunFiles
from harmonia.report.rows import PROBE, Calibrated, Letters, Probed
from harmonia.report.table import Column, Entry, Table, build
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
        Column[Probed]("domain", "Domain", lambda row: row.domain, kind="head"),
        Column[Probed]("form", "Form", lambda row: row.form, kind="text"),
        Column[Probed]("n", "n", lambda row: count(row.n)),
        Column[Probed]("draws", "Draws", lambda row: count(row.draws)),
        Column[Probed]("known", "Known", lambda row: _part(row.known, row.n)),
        Column[Probed]("conflicting", "Conflicting", lambda row: _part(row.conflicting, row.n)),
        Column[Probed]("uncertain", "Uncertain", lambda row: _part(row.uncertain, row.n)),
        Column[Probed]("agreement", "Agreement of draws", lambda row: _share(row.agreement)),
        Column[Probed]("right_rate", "Draws right", lambda row: _share(row.right_rate)),
    )
    return build("The base model’s beliefs", columns, run.beliefs) if run.beliefs else None


def probe_letters_table(run: RunFiles) -> Table | None:
    """Letter bias of the probe, a line a domain."""
    rows = [row for row in run.letters if row.suite == PROBE]
    columns = [
        Column[Letters]("domain", "Domain", lambda row: row.domain, kind="head"),
        Column[Letters]("form", "Form", lambda row: row.form, kind="text"),
        Column[Letters]("n", "n", lambda row: count(row.n)),
        Column[Letters]("rstd", "RStd", lambda row: decimal(row.rstd)),
        Column[Letters]("mass", "Letter mass", lambda row: _share(row.letter_mass)),
    ]
    letters = sorted({letter for row in rows for letter in _by_letter(row.right)})
    for field, above in (
        ("prior", "mean probability of the letter, %"),
        ("answered", "answered, %"),
        ("right", "right, %"),
    ):
        columns += [Column(f"{field} {x}", x, _at(field, x), above=above) for x in letters]
    return build("The letters of the probe", columns, rows) if rows else None


def letter_bias_tables(run: RunFiles) -> list[Table]:
    """One table a domain: letter bias of every model on every suite."""
    rows = [row for row in run.letters if row.suite != PROBE]
    caption = "RStd, letter mass, and the letters’ shares in %"
    return grids(rows, caption, _letters)


def _letters(row: Letters) -> Entry:
    mass = [] if row.letter_mass is None else [f"mass {percent(row.letter_mass)}"]
    lists = (f"{name} {_listed(text)}" for name, text in (("prior", row.prior), ("gave", row.answered)))
    return Entry(text=decimal(row.rstd), small=(*mass, *lists))


def _listed(text: str) -> str:
    return " ".join(f"{100 * share:.0f}" for share in _by_letter(text).values())


def _at(field: str, letter: str) -> Callable[[Letters], str]:
    def cell(row: Letters) -> str:
        shares = _by_letter(getattr(row, field))
        return f"{100 * shares[letter]:.1f}" if letter in shares else ABSENT

    return cell


def _by_letter(text: str) -> dict[str, float]:
    return {letter: float(share) for letter, _, share in (part.partition("=") for part in text.split())}


def probe_calibration_table(run: RunFiles) -> Table | None:
    """Calibration of the probe, a line a domain."""
    rows = [row for row in run.calibration if row.suite == PROBE]
    columns = (
        Column[Calibrated]("domain", "Domain", lambda row: row.domain, kind="head"),
        Column[Calibrated]("form", "Form", lambda row: row.form, kind="text"),
        Column[Calibrated]("n", "n", lambda row: count(row.n)),
        Column[Calibrated]("ece", "ECE", lambda row: decimal(row.ece)),
        Column[Calibrated]("brier", "Brier", lambda row: decimal(row.brier)),
    )
    return build("Calibration of the probe", columns, rows) if rows else None


def calibration_tables(run: RunFiles) -> list[Table]:
    """One table a domain: calibration of every model on every suite."""
    rows = [row for row in run.calibration if row.suite != PROBE]
    return grids(rows, "ECE, Brier score and n", _calibrated)


def _calibrated(row: Calibrated) -> Entry:
    return Entry(text=decimal(row.ece), small=(f"Brier {decimal(row.brier)}", f"n = {count(row.n)}"))


def _part(number: int, whole: int) -> Entry:
    return Entry(text=count(number), small=(percent(number / whole),))


def _share(value: float | None) -> str:
    return ABSENT if value is None else percent(value)
