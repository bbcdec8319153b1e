"""The tables of docs/real-results.md from its runs, and docs/real-run/: their cards and tables.

python scripts/real_results.py RUN_DIR [RUN_DIR ...]

Each run's tables take the place of what stands between `<!-- NAME -->` and `<!-- end -->`
in the page, NAME being the run's.
"""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import sys
from pathlib import Path

import numpy as np
from lab_results import READ, effect_table, known_table

from harmonia.analysis import RunAnswers, claims_document, differences
from harmonia.analysis.diagnosis import WORDS
from harmonia.errors import InputError
from harmonia.groups.names import BASE
from harmonia.pipeline.pool import read_finished
from harmonia.types import SUITES

PAGE = Path(__file__).parents[1] / "docs" / "real-results.md"
KEPT = PAGE.parent / "real-run"


def main(runs: list[Path]) -> None:
    """Write the tables of each run into the page, and keep its small files beside it."""
    text = PAGE.read_text(encoding="utf-8")
    for run in runs:
        answers = read_finished(run)
        block = re.compile(rf"(<!-- {re.escape(answers.name)} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not block.search(text):
            raise InputError(
                "has no place for this run",
                source=str(PAGE),
                field=answers.name,
                remedy=f"Add <!-- {answers.name} --> and <!-- end --> where its tables are to stand.",
            )
        tables = told(answers)
        text = block.sub(lambda found, tables=tables: f"{found[1]}\n{tables}\n{found[2]}", text)
        keep(run, KEPT / answers.name)
    PAGE.write_text(text, encoding="utf-8")


def told(answers: RunAnswers) -> str:
    """A run's verdicts, accuracies, what is known, and all effects, as Markdown."""
    claims = claims_document([answers], tuple(differences([answers]))).claims
    with contextlib.redirect_stdout(io.StringIO()) as out:
        print("| card | verdict |\n| --- | --- |")
        for claim in claims:
            print(f"| {claim.claim} | {claim.verdict} |")
        for one in claims[0].diagnosis:
            print(f"| `incompatible`: {one.of} | {one.verdict} |")
        accuracy_table(answers)
        known_table([answers])
        print()
        effect_table([one for claim in claims for one in claim.findings if one.verdict != "not computed"])
    return out.getvalue()


def accuracy_table(answers: RunAnswers) -> None:
    """Print percent right in words of each kind of model on each suite, means over seeds."""
    asked = [(suite, head) for suite in SUITES for head in READ if READ[head][1] == WORDS]
    print("\n| tuned on | " + " | ".join(f"{suite}, {head}" for suite, head in asked) + " |")
    print("| --- " * (1 + len(asked)) + "|")
    for group in (BASE, *answers.groups):
        cells = []
        for suite, head in asked:
            form, method = READ[head]
            found = [
                one.correct_I.mean()
                for domain in answers.domains
                for one in (
                    [answers.base(domain, form, suite, method)]
                    if group == BASE
                    else answers.tuned(domain, group, form, suite, method).values()
                )
                if one is not None
            ]
            cells.append(f"{100 * np.mean(found):.1f}" if found else "")
        print(f"| {group.replace('_', ' ')} | " + " | ".join(cells) + " |")


def keep(run: Path, folder: Path) -> None:
    """Copy what is small of a run: claim cards and tables for people."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "tables").mkdir(parents=True)
    shutil.copy(run / "claims.json", folder / "claims.json")
    for table in sorted((run / "tables").glob("*.csv")):
        shutil.copy(table, folder / "tables" / table.name)


if __name__ == "__main__":
    main([Path(run) for run in sys.argv[1:]])
