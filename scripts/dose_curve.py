"""The dose curve: how long models were tuned, how well they learned, and what that cost them.

Each run directory is the same experiment under another `training.epochs`, such as

    for e in 1 3 8; do harmonia demo --bases 1 --ratios "" --out runs/dose/$e training.epochs=$e; done
    python scripts/dose_curve.py runs/dose/curve runs/dose/*/base0

Prints a Markdown table and draws `dose.svg` and `dose.png` into the folder named first. All shares
are means over domains, suites and seeds. Of the questions that the base model answers right by both
methods: `known` are right by letters in chat form, `in words` right in words in the probe's form.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import altair as alt

from harmonia.analysis.run_answers import CHAT
from harmonia.analysis.tables import FIT, FOLDER, LOST, RESULTS
from harmonia.files import read_text
from harmonia.parsing import parse_yaml
from harmonia.report.figures import drawn_files
from harmonia.report.words import in_group_order, percent, plain

WORDS = "cloze"
MEASURES = ("fit", "accuracy", "known", "in words")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dose:
    """One group after so many epochs; shares as `MEASURES` names them, None where there are none."""

    epochs: int
    group: str
    shares: dict[str, float | None]


def doses_of(run: Path) -> list[Dose]:
    """The doses of one run."""
    path = run / "experiment.yaml"
    settings: Any = parse_yaml(read_text(path, what="the settings"), file=path).values
    epochs, probe_form = settings["training"]["epochs"], f"icl{settings['prompt']['shots']}"
    fits, lost, results = FIT.read(run / FOLDER), LOST.read(run / FOLDER), RESULTS.read(run / FOLDER)
    asked = [row for row in lost if (row.form, row.readout, row.other_form) == (CHAT, WORDS, probe_form)]
    found = []
    for group in in_group_order(row.group for row in asked):
        here = [row for row in asked if row.group == group and row.right_before]
        learned = [row.fit for row in fits if row.group == group and row.fit is not None]
        right = [r.accuracy for r in results if (r.group, r.form, r.readout) == (group, CHAT, "letter")]
        shares = {
            "fit": _mean(learned),
            "accuracy": _mean(right),
            "known": _mean([(row.kept + row.other_lost) / row.right_before for row in here]),
            "in words": _mean([(row.kept + row.readout_lost) / row.right_before for row in here]),
        }
        found.append(Dose(epochs=epochs, group=group, shares=shares))
    return found


def _mean(shares: Sequence[float]) -> float | None:
    return fmean(shares) if shares else None


def chart(doses: Sequence[Dose]) -> Any:
    """Shares over epochs, a panel a group."""
    values = [
        {"epochs": dose.epochs, "group": plain(dose.group), "measure": name, "share": share}
        for dose in doses
        for name, share in dose.shares.items()
        if share is not None
    ]
    y = alt.Y("share:Q", title="share", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1]))
    return (
        alt.Chart(alt.Data(values=values))
        .mark_line(point=True)
        .encode(
            x=alt.X("epochs:Q", title="epochs", scale=alt.Scale(type="log", base=2)),
            y=y,
            color=alt.Color("measure:N", title=None, sort=list(MEASURES)),
        )
        .properties(width=180, height=180)
        .facet(facet=alt.Facet("group:N", title=None), columns=3)
    )


def main(out: Path, runs: list[Path]) -> None:
    """Print the table and draw the curve."""
    doses = sorted((dose for run in runs for dose in doses_of(run)), key=lambda dose: dose.epochs)
    print(f"| tuned on | epochs | {' | '.join(MEASURES)} |\n{'| --- ' * (2 + len(MEASURES))}|")
    for group in in_group_order(dose.group for dose in doses):
        for dose in doses:
            if dose.group == group:
                cells = " | ".join(percent(dose.shares[name]) for name in MEASURES)
                print(f"| {plain(group)} | {dose.epochs} | {cells} |")
    out.mkdir(parents=True, exist_ok=True)
    for name, content in drawn_files("dose", chart(doses).to_dict()).items():
        (out / name).write_bytes(content)


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(run) for run in sys.argv[2:]])
