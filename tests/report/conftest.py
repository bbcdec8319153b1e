from __future__ import annotations

from pathlib import Path

import pytest
from report_run import write_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run directory, made by hand."""
    return write_run(tmp_path / "run")
