"""What a finished run says at its end, in at most 25 lines: the finding, the page, what to do next."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from harmonia.cli.progress import out as console

_MOST_ROWS = 9
_SHORT = 150


def print_summary(runs: Sequence[Path], page: Path) -> None:
    """Print it for a run, or for several that a page judges together."""
    from harmonia.analysis import ClaimsDocument
    from harmonia.analysis.run_tables import near_chance
    from harmonia.analysis.tables import FIT, FOLDER
    from harmonia.parsing import read_object, validated
    from harmonia.report.headline import headline

    claims = page.with_name("claims.json")
    document = validated(ClaimsDocument, read_object(claims, what="the claims"), file=claims)
    console.print(headline(document), style="bold")
    console.print(accuracies(runs))
    warnings = [line for run in runs for line in near_chance(FIT.read(run / FOLDER))]
    for line in warnings[:1]:
        console.print(f"warning: {line if len(line) <= _SHORT else line[:_SHORT] + ' ...'}", style="yellow")
    if len(warnings) > 1:
        console.print(f"{len(warnings) - 1} more warnings: see Accuracy on the page", style="yellow")
    console.print(f"The page: {page}")
    console.print(f"Look at it: harmonia open {page.parent}")
    console.print(f"Ask about any answer: harmonia query {runs[0]}")


def accuracies(runs: Sequence[Path]) -> Table:
    """Accuracies of finished runs: suites side by side, means over runs, domains and seeds."""
    from harmonia.analysis.run_answers import CHAT
    from harmonia.analysis.tables import FOLDER, RESULTS
    from harmonia.groups.names import BASE

    rows = [row for run in runs for row in RESULTS.read(run / FOLDER)]
    first = rows[0].readout if rows else ""
    # Of the base model both forms, of the tuned ones the chat form, by the probe's method.
    rows = [row for row in rows if row.readout == first and (row.group == BASE or row.form == CHAT)]
    cells: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        cells[row.group, row.form][row.suite].append(row.accuracy)
    suites = list(dict.fromkeys(row.suite for row in rows))
    title = "accuracy" if len(rows) == len(cells) * len(suites) else "accuracy, mean"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name in ("model", "form"):
        # Where the screen is narrow the names of models take two lines: a figure is never cut.
        table.add_column(name, no_wrap=name != "model", overflow="fold")
    for suite in suites:
        table.add_column(suite.replace("_", " "), justify="right", no_wrap=True)
    shown = _MOST_ROWS if len(cells) <= _MOST_ROWS else _MOST_ROWS - 1
    for asked, found in list(cells.items())[:shown]:
        means = [
            f"{sum(found[suite]) / len(found[suite]):.3f}" if suite in found else "-" for suite in suites
        ]
        table.add_row(*asked, *means)
    if len(cells) > _MOST_ROWS:
        table.add_row(f"and {len(cells) - shown} more on the page", "", *("" for _ in suites))
    return table
