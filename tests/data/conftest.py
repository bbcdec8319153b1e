from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harmonia.data import ItemSource, ReadResult, read_items


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., ReadResult]:
    """Write a file below `law/` (or at the path given) and read it."""

    def write_and_read(content: str | bytes, name: str = "law/test.jsonl", **fields: Any) -> ReadResult:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_items(ItemSource(path=name, **fields), tmp_path)

    return write_and_read
