"""Finished chunks of an asking, noted so that an interrupted one can take them up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harmonia.journal import note, noted
from harmonia.probe.views import View


class Journal:
    """One line of JSON per finished chunk.

    Args:
        path: The file; None to note nothing. A last line cut short by an interruption is
            dropped from it, so that the next note does not grow onto it.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._done: dict[tuple[int, int], list[tuple[View, ...]]] = {}
        for entry in noted(path):
            self._done[entry["draw"], entry["start"]] = [tuple(map(_view, seen)) for seen in entry["views"]]

    def read(self, draw: int, start: int) -> list[tuple[View, ...]] | None:
        """The views of a chunk, per item; None if it was not finished."""
        return self._done.get((draw, start))

    def note(self, draw: int, start: int, views: Sequence[Sequence[View]]) -> None:
        """Add a finished chunk: a draw of demonstrations, and the place of its first item."""
        values = [[asdict(view) for view in seen] for seen in views]
        note(self._path, {"draw": draw, "start": start, "views": values})


def _view(values: dict[str, Any]) -> View:
    return View(**{**values, "order": tuple(values["order"]), "probs": tuple(values["probs"])})
