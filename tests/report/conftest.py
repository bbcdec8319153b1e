from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import vl_convert
from report_run import write_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run directory, made by hand."""
    return write_run(tmp_path / "run")


@pytest.fixture(scope="session", autouse=True)
def same_charts_drawn_once() -> Iterator[None]:
    """Most runs here differ in one cell: a chart that is the same in every byte is drawn for the first."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("vegalite_to_svg", "svg_to_png"):
            patch.setattr(vl_convert, name, drawn_once(getattr(vl_convert, name)))
        yield


def drawn_once(draw: Any) -> Any:
    known: dict[str, Any] = {}

    def drawn(chart: Any, **options: Any) -> Any:
        key = repr((chart, options))
        if key not in known:
            known[key] = draw(chart, **options)
        return known[key]

    return drawn
