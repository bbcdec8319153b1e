"""A table of the page as LaTeX (booktabs) and as CSV."""

from __future__ import annotations

import csv
import io

from harmonia.files import as_cell
from harmonia.report.html_table import PageTable

_LATEX = {
    **{sign: rf"\{sign}" for sign in "&%$#_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    **{
        "−": "$-$",
        "→": r"$\rightarrow$",
        "●": r"$\bullet$",
        "\u00a0": "~",
        "\u202f": r"\,",
        "␣": r"\textvisiblespace{}",
    },
    **{
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "–": "--",
        "’": "'",
        "“": "``",
        "”": "''",
        "…": r"\dots{}",
    },
}


def csv_of(table: PageTable) -> str:
    """The table with its headings in one row; small print stands behind the text, in brackets."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows(map(as_cell, row) for row in (_headings(table), *_cells(table)))
    return out.getvalue()


def latex_of(table: PageTable) -> str:
    r"""The table for `\input`, with booktabs' rules; rows that begin a section have a rule above."""
    columns = "".join("r" if kind == "number" else "l" for _, _, kind in table.columns)
    lines = [r"\begin{tabular}{" + columns + "}", r"\toprule", _row(_headings(table)), r"\midrule"]
    for line, cells in zip(table.lines, _cells(table), strict=True):
        lines += [r"\midrule"] * line.starts
        lines.append(_row(cells))
    about = f"% {' '.join(table.caption.split())}"
    return "\n".join([about, *lines, r"\bottomrule", r"\end{tabular}", ""])


def _headings(table: PageTable) -> list[str]:
    above = [text for text, width in table.spans or (("", len(table.columns)),) for _ in range(width)]
    named = zip(above, table.columns, strict=True)
    return [f"{over}: {heading}" if over else heading for over, (_, heading, _) in named]


def _cells(table: PageTable) -> list[list[str]]:
    return [
        [f"{one.text} ({'; '.join(one.small)})" if one.small else one.text for one in line.entries]
        for line in table.lines
    ]


def _row(cells: list[str]) -> str:
    return " & ".join("".join(_LATEX.get(sign, sign) for sign in cell) for cell in cells) + r" \\"
