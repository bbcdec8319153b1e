"""`manifest.json`: how a run was made, and which of its tasks are done.

A task counts as done when its address is noted and every file it wrote is still as it was.
The note is made last, so that nothing half-written looks finished. It is a line of
`stages.jsonl`, which is only added to; the manifest is written anew from all notes.
A damaged manifest therefore costs no work.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from harmonia.errors import InputError
from harmonia.files import write_json
from harmonia.hashing import file_sha256
from harmonia.journal import note, noted, write_notes
from harmonia.outputs import mark, own_files, require_folder_place
from harmonia.parsing import read_object
from harmonia.pipeline.task import Graph, Task

NAME = "manifest.json"
SETTINGS = "experiment.yaml"
NOTES = "stages.jsonl"
PARTIAL = ".partial"
"""Folder in the run for what an interrupted task can take up again."""

log = logging.getLogger(__name__)


class Noted(BaseModel):
    """What is noted of a task.

    Attributes:
        status: `done`; `not_computed` where it can have no result; `failed` where another
            try may have one.
        address: Its content address.
        reason: Why it has no result.
        notes: What a reader of the report should know.
        seconds: How long it took.
        peak_memory_mb: The most memory that its process had taken by its end.
        outputs: Size and hash of each file it wrote, relative to the run directory.
        dropped: Whether these files were deleted once nothing needed them any more (`keep_models`).
    """

    model_config = ConfigDict(frozen=True)

    status: Literal["done", "not_computed", "failed"]
    address: str = ""
    reason: str | None = None
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    peak_memory_mb: float = 0.0
    outputs: dict[str, dict[str, Any]] = {}
    dropped: bool = False


@dataclass(slots=True, kw_only=True)
class Manifest:
    """The manifest of one run directory.

    Attributes:
        run: The run directory.
        head: Everything but the tasks.
        stages: What each task left, by key.
        graph: All tasks, once `keep` has been told; they are written in its order: tasks side by
            side end in any order, and the page lists them.
    """

    run: Path
    head: dict[str, Any] = field(default_factory=dict)
    stages: dict[str, Noted] = field(default_factory=dict)
    graph: Graph | None = None
    _read: dict[tuple[str, int, int], dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def read(cls, run: Path) -> Manifest:
        """The manifest of a run directory; an empty one for a new run.

        What of it is damaged is told, and is as if it were not there.
        """
        head = _written(run)
        stages = head.pop("stages", {})
        entries = list(stages.items()) if isinstance(stages, dict) else []
        entries += [(entry.pop("key", ""), entry) for entry in noted(run / NOTES)]
        found: dict[str, Noted] = {}
        for key, values in entries:
            with suppress(ValidationError):
                found[key] = Noted.model_validate(values)
        if lost := sorted({key for key, _ in entries} - found.keys()):
            log.warning("%s: the notes of %s are damaged", run / NAME, ", ".join(lost))
        return cls(run=run, head=head, stages=found)

    def begin(self) -> None:
        """Write down what is known so far."""
        write_notes(self.run / NOTES, (entry(key, noted) for key, noted in self.stages.items()))
        self.write()

    def write(self) -> None:
        """Write the manifest in one step."""
        order = self.graph.tasks if self.graph else self.stages
        ordered = (key for key in order if key in self.stages)
        stages = {key: self.stages[key].model_dump(mode="json") for key in ordered}
        write_json(self.run / NAME, {**self.head, "stages": stages})

    def keep(self, graph: Graph) -> None:
        """Drop what the graph no longer has, what failed, and what was made without that; files stay."""
        failed = {key for key, noted in self.stages.items() if noted.status == "failed"}
        lost = failed | {key for key in graph.needing(failed) if self.reason(key)}
        kept = graph.tasks.keys() - lost - graph.made_without(lost)
        self.stages = {key: noted for key, noted in self.stages.items() if key in kept}
        self.graph = graph

    def knows(self, task: Task) -> bool:
        """Whether the task is noted as it is now; its files are not looked at."""
        return task.key in self.stages and self.stages[task.key].address == task.address

    def is_done(self, task: Task, *, hashed: bool = True) -> bool:
        """Whether the task need not be done: its result is there, or cannot be had.

        Args:
            task: The task.
            hashed: Whether files are read; without, those of the right size pass.
        """
        if not self.knows(task):
            return False
        if self.stages[task.key].dropped:
            needing = (
                [one for one in self.graph.tasks.values() if task.key in one.needs] if self.graph else []
            )
            return all(self.is_done(one, hashed=hashed) for one in needing)
        files = self.stages[task.key].outputs.items()
        if not hashed:
            return all(
                (self.run / path).is_file() and (self.run / path).stat().st_size == was.get("size")
                for path, was in files
            )
        return all(self._unchanged(path, was) for path, was in files)

    def has_unchanged(self, output: str) -> bool:
        """Whether the files of one output are as the task that wrote it left them."""
        files = [file for noted in self.stages.values() for file in noted.outputs.items()]
        mine = [(path, was) for path, was in files if path == output or path.startswith(f"{output}/")]
        return bool(mine) and all(self._unchanged(path, was) for path, was in mine)

    def note(self, key: str, left: Noted) -> None:
        """Note what a task left."""
        self.stages[key] = left
        note(self.run / NOTES, entry(key, left))
        self.write()

    def reason(self, key: str) -> str | None:
        """Why a task has no result; None if it has one."""
        return self.stages[key].reason if key in self.stages else None

    def _unchanged(self, path: str, was: dict[str, Any]) -> bool:
        file = self.run / path
        if not file.is_file():
            return False
        # A task's files are asked for by each task that needs it; they are read once as they are.
        left = file.stat()
        key = path, left.st_size, left.st_mtime_ns
        if key not in self._read:
            self._read[key] = identity(file)
        return self._read[key] == was


def identity(file: Path) -> dict[str, Any]:
    """What a file is known by."""
    return {"size": file.stat().st_size, "sha256": file_sha256(file)}


def is_run(folder: Path) -> bool:
    """Whether a folder is a run directory."""
    return NAME in own_files(folder) or isinstance(_written(folder).get("stages"), dict)


def require_run_place(run: Path) -> None:
    """Require a folder that a run may be written in: a run's, an empty one, or a new one.

    Raises:
        InputError: It holds files of others, or cannot be written.
    """
    if is_run(run):
        require_folder_place(run, names=())
    else:
        require_folder_place(run, holds=NAME)


def claim_run(folder: Path) -> None:
    """Note that a folder is a run directory from now on."""
    mark(folder, (NAME, SETTINGS, NOTES))


def _written(run: Path) -> dict[str, Any]:
    """The manifest as it was written; nothing if it is not there or damaged."""
    path = run / NAME
    if not path.is_file():
        return {}
    try:
        return read_object(path, what="the manifest")
    except InputError as error:
        log.warning("%s It is written anew.", error)
        return {}


def entry(key: str, left: Noted) -> dict[str, Any]:
    """The line of `NOTES` that says what a task left."""
    return {"key": key, **left.model_dump(mode="json")}
