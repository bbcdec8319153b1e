"""What a finished run says at its end."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from report_run import GROUPS, RIGHT, results, write_run, write_table

from harmonia.cli import summary
from harmonia.cli.progress import Screen
from harmonia.cli.summary import print_summary


def test_a_run_ends_with_a_finding_the_page_and_what_to_do_in_25_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_run(tmp_path / "run", compared=True)
    rows = results()
    many = [
        row | {"group": f"mixed_0.{k}"} for k in range(1, 10) for row in rows if row["group"] == GROUPS[0]
    ]
    write_table(run, "results", rows + many)
    shown = Screen(width=80, file=io.StringIO())
    monkeypatch.setattr(summary, "console", shown)
    print_summary([run], run / "report.html")
    said = shown.file.getvalue()
    # What a terminal of 80 columns makes of it.
    lines = [line[at : at + 80] for line in said.splitlines() for at in range(0, max(1, len(line)), 80)]
    assert len(lines) <= 25
    # Both domains' right answers of the base model in chat form, of 100 questions each.
    assert [RIGHT[domain, "base"][0] for domain in ("engineering", "history")] == [55, 60]
    (base,) = [line.split() for line in lines if line.startswith("base") and "chat0" in line]
    assert base[2] == "0.575"
    assert "and 6 more on the page" in said
    assert f"The page: {run / 'report.html'}" in said
    assert f"harmonia open {run}" in said and f"harmonia query {run}" in said
