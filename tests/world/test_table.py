"""docs/lab.md shows the figures that the shipped bases carry."""

from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_page_holds_the_tables_of_the_shipped_bases():
    page = (ROOT / "docs" / "lab.md").read_text(encoding="utf-8")
    script = runpy.run_path(str(ROOT / "scripts" / "lab_tables.py"))
    assert script["figures"]() in page
    assert script["builds"]() in page
