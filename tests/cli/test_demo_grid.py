"""What `harmonia demo` is asked for is what it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import harmonia.pipeline.demo
from harmonia.cli.commands import app
from harmonia.errors import InputError


@pytest.mark.parametrize(("given", "ratios"), [("", ()), ("0.2, 0.6", (0.2, 0.6))])
def test_ratios_may_be_none_at_all(
    given: str, ratios: tuple[float, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def stop(out: Path, grid: Any, changes: Any) -> None:
        asked.append(grid)
        raise InputError("far enough")

    monkeypatch.setattr(harmonia.pipeline.demo, "demo_experiments", stop)
    CliRunner().invoke(app, ["demo", "--ratios", given, "--out", str(tmp_path / "out")])
    assert [grid.ratios for grid in asked] == [ratios]
