"""What an audit writes: verdicts, summary, canaries, the page, and the bad rows left out."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from harmonia.audit.page import audit_page
from harmonia.audit.rows import ROWS, write_rows
from harmonia.audit.run import Answerer, Audit, Audited, read_rows
from harmonia.audit.settings import AuditSettings
from harmonia.audit.summary import shares_of
from harmonia.files import write_json, write_json_lines
from harmonia.journal import Progress
from harmonia.outputs import Inputs, fresh_directory, require_folder_place, scratch
from harmonia.report.parts import FIGURES
from harmonia.types import Item

SUMMARY, CANARIES, PAGE, BAD_ROWS = "summary.json", "canaries.jsonl", "report.html", "bad_rows.jsonl"
FILES = (ROWS, SUMMARY, CANARIES, PAGE, FIGURES, BAD_ROWS)


def require_place(out: Path, inputs: Inputs) -> None:
    """Require that the folder of an audit can be written.

    Raises:
        InputError: It cannot, or something of others would be lost.
    """
    require_folder_place(out, inputs=inputs, names=FILES, holds=SUMMARY)


def audit_file(
    model: Answerer,
    path: Path,
    settings: AuditSettings,
    *,
    exam: Sequence[Item] = (),
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> Audited:
    """Audit a file; with `out` the folder is written, and work that was cut off is taken up.

    Raises:
        InputError: As for `require_place` and `read_rows`.
    """
    folder = None if out is None else Path(out)
    if folder is not None:
        require_place(folder, (path,))
    audit = Audit(model, read_rows(path, settings), settings, exam)
    if folder is None:
        return audit.run(progress=progress)
    with journal_of(audit, folder) as journal:
        found = audit.run(journal, progress)
        write_audit(folder, audit, found)
        return replace(found, rows=tuple(found.rows))


@contextmanager
def journal_of(audit: Audit, out: Path) -> Iterator[Path]:
    """Where the work for a folder is noted as long as it is not written."""
    journal = scratch(out, f"audit-{audit.address[:12]}")
    yield journal
    shutil.rmtree(journal, ignore_errors=True)


def write_audit(out: Path, audit: Audit, found: Audited) -> None:
    """Write the folder in one step."""
    with fresh_directory(out, keep=True) as partial:
        write_rows(partial / ROWS, found.rows, found.about)
        write_json(partial / SUMMARY, {**found.about, **summary_of(found)})
        write_json_lines(partial / CANARIES, found.canaries)
        audit_page(audit, found).write(partial)
        if found.bad:
            write_json_lines(partial / BAD_ROWS, (one.parts() for one in found.bad))


def summary_of(found: Audited) -> dict[str, Any]:
    """The figures of `summary.json`."""
    return {
        "rows_of_the_file": found.of,
        "rows_audited": len(found.rows),
        "rows_borderline": found.borderline,
        "bad_rows_left_out": len(found.bad),
        "categories": [asdict(one) for one in shares_of(found.counts, found.of)],
        "notes": [*found.warnings, *found.notes],
    }
