"""Memory of a set made of many audited rows: reader, table of verdicts, choice, export; verdicts by script.

    python scripts/curate_memory.py 100000 1000000

Each number of rows is a process of its own; its peak is printed, with the seconds it took.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from harmonia.audit import AuditRow, write_rows
from harmonia.audit.rule import CATEGORIES
from harmonia.curate import CurateSettings, curate_audit, open_audit
from harmonia.hashing import draw, file_sha256


def verdict(number: int) -> AuditRow:
    """What a scripted model finds of a row."""
    category = CATEGORIES[draw(0, "script", str(number)) % len(CATEGORIES)]
    return AuditRow(
        id=f"r{number}",
        line=number,
        kind="open",
        category=category,
        confidence=1.0,
        conflict=0.9 if category == "conflicting" else 0.0,
        reason="by script",
        instruction=f"What is number {number}?",
        answer=f"It is {number}.",
        turn=1,
        trained=0.5,
        own_answer=f"It is {number + 1}.",
        tokens=4,
        cut=0,
        shots=4,
    )


def work(folder: Path, rows: int) -> None:
    """Write a file and its verdicts, and a set of it."""
    data = folder / "rows.jsonl"
    with data.open("w", encoding="utf-8") as handle:
        for number in range(1, rows + 1):
            row = {
                "id": f"r{number}",
                "instruction": f"What is number {number}?",
                "output": f"It is {number}.",
            }
            handle.write(json.dumps(row) + "\n")

    def verdicts() -> Iterator[AuditRow]:
        return map(verdict, range(1, rows + 1))

    about = {
        "model": "script",
        "data": {"name": data.name, "path": str(data), "sha256": file_sha256(data)},
        "settings": {"short": 12},
    }
    (folder / "audit").mkdir()
    write_rows(folder / "audit" / "rows.parquet", verdicts(), about)
    (folder / "audit" / "canaries.jsonl").touch()
    begun = time.perf_counter()
    found = curate_audit(open_audit(folder / "audit"), CurateSettings(policy="self_align"))
    found.save(folder / "set.jsonl", format="trl")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{rows:,} rows: peak {peak} MB, curated in {time.perf_counter() - begun:.0f} s", flush=True)


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
