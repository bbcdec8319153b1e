"""What the stages of runs took, as a Markdown table: wall-clock seconds by kind of stage.

python scripts/stage_times.py RUN_DIR [RUN_DIR ...]
"""

from __future__ import annotations

import json
import statistics
import sys
from collections import defaultdict
from pathlib import Path


def main(runs: list[str]) -> None:
    """Print the table."""
    seconds: dict[str, list[float]] = defaultdict(list)
    for run in runs:
        manifest = json.loads((Path(run) / "manifest.json").read_text(encoding="utf-8"))
        for key, stage in manifest["stages"].items():
            kind, *rest = key.split("/")
            # Evaluations of base and tuned models cost the same; those by other forms and methods do not.
            label = f"{kind} {rest[-3]} {rest[-2]}" if kind == "evaluate" else kind
            seconds[label].append(stage["seconds"])
    print("| stage | times | median s | longest s | all s |\n| --- | --- | --- | --- | --- |")
    for label, values in seconds.items():
        print(
            f"| {label} | {len(values)} | {statistics.median(values):.2f} | {max(values):.2f} "
            f"| {sum(values):.0f} |"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
