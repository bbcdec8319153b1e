"""Memory of an audit and a curated set of many rows: reader, verdicts, table, page, export; a scripted model.

    python scripts/audit_memory.py 100000 1000000

Each number of rows is a process of its own; peaks are printed with seconds of processor time. Every 97th row
of the file is broken, so the bad rows left out take memory as well.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harmonia.audit import Audit, AuditSettings, read_rows
from harmonia.audit.folder import journal_of, write_audit
from harmonia.curate import CurateSettings, curate_audit, open_audit
from harmonia.models import Likelihood, TokenReading
from harmonia.models.fake import FakeModel
from harmonia.prompts import Request

SETTINGS = AuditSettings(draws=1, samples=0, shots=2, on_bad_row="skip")


class Scripted(FakeModel):
    """Finds every third answer unlikely, whatever it says."""

    def __init__(self) -> None:
        super().__init__(lambda text: {" 1": 0.5}, name="scripted")

    def loglikelihoods(self, requests: Sequence[Request], **_: Any) -> list[tuple[Likelihood, ...]]:
        """A reading of each token, by the answer's length alone."""
        found = []
        for one in requests:
            (ids,) = one.continuations
            logprob = -0.1 if len(ids) % 3 else -5.0
            token = TokenReading(logprob=logprob, entropy=0.5, other=49, other_logprob=-0.2)
            found.append((Likelihood(sum=logprob * len(ids), tokens=(token,) * len(ids)),))
        return found


def write_file(path: Path, rows: int) -> None:
    """So many rows, a few of them broken."""
    with path.open("w", encoding="utf-8") as handle:
        for number in range(1, rows + 1):
            row = {
                "id": f"r{number}",
                "instruction": f"What is number {number}?",
                "output": f"It is {number}.",
            }
            handle.write("{broken\n" if number % 97 == 0 else json.dumps(row) + "\n")


def work(folder: Path, rows: int) -> None:
    """Audit a file, and make a set of it."""

    def told(what: str) -> None:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(f"{rows:,} rows, {what}: peak {peak} MB, {time.process_time():.0f} s", flush=True)

    data, out = folder / "rows.jsonl", folder / "audit"
    write_file(data, rows)
    told("written")
    audit = Audit(Scripted(), read_rows(data, SETTINGS), SETTINGS)
    told("read")
    with journal_of(audit, out) as journal:
        found = audit.run(journal)
        told("audited")
        write_audit(out, audit, found)
    told("table and page")
    curated = curate_audit(open_audit(out), CurateSettings(policy="drop_conflicting"))
    curated.save(folder / "set.jsonl", format="trl")
    told("curated")


def main() -> None:
    """Measure each number of rows that is given."""
    if len(sys.argv) == 3 and sys.argv[1] == "--in-here":
        with tempfile.TemporaryDirectory() as folder:
            work(Path(folder), int(sys.argv[2]))
        return
    for rows in sys.argv[1:]:
        subprocess.run([sys.executable, __file__, "--in-here", rows], check=True)


if __name__ == "__main__":
    main()
