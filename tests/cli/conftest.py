from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def data(lab_data: Path) -> Path:
    return lab_data
