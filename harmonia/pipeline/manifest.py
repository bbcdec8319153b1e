"""`manifest.json`: how a run was made, and which of its stages are done.

A stage counts as done when its address is noted here and every file it wrote is still
as it was. The note is made last, so that nothing half-written looks finished.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harmonia.errors import InputError
from harmonia.files import write_json
from harmonia.hashing import file_sha256
from harmonia.parsing import read_object
from harmonia.pipeline.stage import Stage

NAME = "manifest.json"


@dataclass(slots=True, kw_only=True)
class Manifest:
    """The manifest of one run directory.

    Attributes:
        run: The run directory.
        head: Everything but the stages.
        stages: What each stage left, by key.
    """

    run: Path
    head: dict[str, Any] = field(default_factory=dict)
    stages: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def read(cls, run: Path) -> Manifest:
        """The manifest of a run directory; an empty one for a new run.

        Raises:
            InputError: There is a manifest that cannot be read.
        """
        path = run / NAME
        if not path.exists():
            return cls(run=run)
        try:
            values = read_object(path, what="the manifest")
            stages = values.pop("stages")
        except (InputError, KeyError, AttributeError) as error:
            raise InputError(
                "not a manifest of harmonia", file=path, remedy="Move it away to begin the run anew."
            ) from error
        return cls(run=run, head=values, stages=stages)

    def write(self) -> None:
        """Write the manifest in one step."""
        write_json(self.run / NAME, {**self.head, "stages": self.stages})

    def is_done(self, stage: Stage) -> bool:
        """Whether the stage need not run: its result is there, or cannot be had."""
        noted = self.stages.get(stage.key)
        if noted is None or noted["address"] != stage.address:
            return False
        return all(self._unchanged(path, was) for path, was in noted["outputs"].items())

    def has_unchanged(self, output: str) -> bool:
        """Whether the files of one output are as the stage that wrote it left them."""
        noted = [entry["outputs"].items() for entry in self.stages.values()]
        files = {path: was for outputs in noted for path, was in outputs if _within(path, output)}
        return bool(files) and all(self._unchanged(path, was) for path, was in files.items())

    def note(self, stage: Stage, *, seconds: float, peak_memory_mb: float, notes: Iterable[str]) -> None:
        """Note a stage as done."""
        files = [file for output in stage.outputs for file in _files(self.run / output)]
        self.stages[stage.key] = {
            "status": "done",
            "address": stage.address,
            "reason": None,
            "notes": list(notes),
            "seconds": round(seconds, 3),
            "peak_memory_mb": round(peak_memory_mb, 1),
            "outputs": {file.relative_to(self.run).as_posix(): self._identity(file) for file in files},
        }
        self.write()

    def note_not_computed(self, stage: Stage, reason: str) -> None:
        """Note that a stage has no result, and why."""
        self.stages[stage.key] = {
            "status": "not_computed",
            "address": stage.address,
            "reason": reason,
            "notes": [],
            "seconds": 0.0,
            "peak_memory_mb": 0.0,
            "outputs": {},
        }
        self.write()

    def reason(self, key: str) -> str | None:
        """Why a stage has no result; None if it has one."""
        noted = self.stages.get(key)
        return noted["reason"] if noted else None

    def _identity(self, file: Path) -> dict[str, Any]:
        return {"size": file.stat().st_size, "sha256": file_sha256(file)}

    def _unchanged(self, path: str, was: dict[str, Any]) -> bool:
        file = self.run / path
        return file.is_file() and self._identity(file) == was


def _within(path: str, output: str) -> bool:
    return path == output or path.startswith(f"{output}/")


def _files(path: Path) -> list[Path]:
    return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
