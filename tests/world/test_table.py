"""docs/lab.md shows the figures that the shipped bases carry."""

from __future__ import annotations

from pathlib import Path

from harmonia.world.build.table import shipped_builds, shipped_table

PAGE = Path(__file__).parents[2] / "docs" / "lab.md"


def test_page_holds_the_tables_of_the_shipped_bases():
    page = PAGE.read_text(encoding="utf-8")
    assert shipped_table() in page
    assert shipped_builds() in page
