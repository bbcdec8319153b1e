"""Runs on machines that share no files: what a task reads and writes goes through Ray's object store.

Each worker has a run directory of its own. It fetches what a task needs from the driver's, and gives
back what the task wrote, in pieces.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from harmonia.errors import InputError
from harmonia.journal import write_notes
from harmonia.outputs import remove_own
from harmonia.pipeline.agenda import Run
from harmonia.pipeline.experiment import Experiment
from harmonia.pipeline.manifest import NOTES, PARTIAL, Noted, entry, identity
from harmonia.pipeline.task import Task
from harmonia.pipeline.workbench import Workbench

RETURNED = Path(PARTIAL) / "returned"
"""Folder in the driver's run directory for what has arrived in part."""
_PIECE = 16_000_000

Identities = Mapping[str, Mapping[str, Any]]
"""What files are known by, by their paths in the run directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What a worker must know of the driver's run directory and data to do a task elsewhere.

    Attributes:
        run: The run directory.
        files: Files that the task may read.
        notes: What is noted of the tasks that wrote them.
        data: Hash of each data file, by its path in the settings.
    """

    run: Path
    files: Identities
    notes: Mapping[str, Noted]
    data: Mapping[str, str]

    @classmethod
    def of(cls, run: Run, task: Task | None = None) -> Sent:
        """For a task of a run; without one, the data alone."""
        bench = run.bench
        data = {path: bench.input_hash(path) for path in _data_paths(bench.experiment)}
        if task is None:
            return cls(run=bench.run, files={}, notes={}, data=data)
        notes = {key: run.manifest.stages[key] for key in task.needs if key in run.manifest.stages}
        files = {path: was for left in notes.values() for path, was in left.outputs.items()}
        begun = (file for path in run.partial(task) for file in (path, *path.rglob("*")) if file.is_file())
        files |= {file.relative_to(bench.run).as_posix(): identity(file) for file in begun}
        return cls(run=bench.run, files=files, notes=notes, data=data)


def _data_paths(experiment: Experiment) -> Iterator[str]:
    for domain in experiment.domains.values():
        suites = (source for suite in domain.suites.values() for source in (suite.items, suite.shots))
        yield from (source.path for source in (domain.train, domain.shots, *suites) if source)
    if experiment.general:
        yield experiment.general


class DriverFiles:
    """Reads and writes files on the driver's machine, for workers on others.

    Args:
        folder: Where relative paths start.
    """

    def __init__(self, folder: str) -> None:
        os.chdir(folder)

    def read(self, path: Path, start: int) -> bytes:
        """A piece of a file."""
        with path.open("rb") as handle:
            handle.seek(start)
            return handle.read(_PIECE)

    def write(self, run: Path, name: str, start: int, piece: bytes) -> None:
        """Take in a piece of a file; what comes again is written again."""
        path = run / RETURNED / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("r+b" if start else "wb") as handle:
            handle.seek(start)
            handle.write(piece)

    def settle(self, run: Path, names: Mapping[str, str], outputs: Iterable[str]) -> None:
        """Put files that are whole in their places, by name, instead of what harmonia wrote there before."""
        for output in outputs:
            if (run / output).is_dir():
                remove_own(run / output)
        for path, name in names.items():
            (run / path).parent.mkdir(parents=True, exist_ok=True)
            os.replace(run / RETURNED / name, run / path)


class Elsewhere:
    """A worker's own run directory.

    Args:
        mark: Names the folder, so that it can be cleared, and the `DriverFiles` beside the driver.

    Attributes:
        run: The directory.
    """

    def __init__(self, mark: str) -> None:
        import ray

        self._files = ray.get_actor(files_of(mark))
        folder_of(mark).mkdir(exist_ok=True)
        self.run = Path(tempfile.mkdtemp(dir=folder_of(mark)))
        self._held: dict[str, Mapping[str, Any]] = {}

    def fetch(self, task: Task, sent: Sent) -> None:
        """Have what a task needs. Of tuned models one at a time is held."""
        import ray

        if task.kind == "train":
            shutil.rmtree(self.run / "models", ignore_errors=True)
            self._held = {path: was for path, was in self._held.items() if not path.startswith("models/")}
        for path, was in sent.files.items():
            if self._held.get(path) == was:
                continue
            (self.run / path).parent.mkdir(parents=True, exist_ok=True)
            with (self.run / path).open("wb") as handle:
                for start in range(0, was["size"], _PIECE):
                    handle.write(ray.get(self._files.read.remote(sent.run / path, start)))
            self._held[path] = was
        write_notes(self.run / NOTES, (entry(key, left) for key, left in sent.notes.items()))

    def give_back(self, task: Task, sent: Sent, outputs: Identities) -> None:
        """Put what a task wrote into the driver's run directory."""
        import ray

        names = {path: uuid4().hex for path in outputs}
        for path, name in names.items():
            with (self.run / path).open("rb") as handle:
                start = 0
                while piece := handle.read(_PIECE):
                    ray.get(self._files.write.remote(sent.run, name, start, piece))
                    start = handle.tell()
                if not start:
                    ray.get(self._files.write.remote(sent.run, name, 0, b""))
        ray.get(self._files.settle.remote(sent.run, names, task.outputs))
        self._held |= outputs


def files_of(mark: str) -> str:
    """The name of the `DriverFiles`."""
    return f"{mark}-files"


def folder_of(mark: str) -> Path:
    """The folder of all run directories that workers on this machine have of their own."""
    return Path(tempfile.gettempdir()) / f"harmonia-{mark}"


def clear(mark: str) -> None:
    """Remove what workers on this machine had of their own."""
    shutil.rmtree(folder_of(mark), ignore_errors=True)


def require_data(experiment: Experiment, data: Mapping[str, str], host: str) -> None:
    """Require the driver's data files on this machine.

    Raises:
        InputError: A file is not there, or is another one.
    """
    bench = Workbench(experiment)
    for path, wanted in data.items():
        if bench.input_hash(path) != wanted:
            raise InputError(
                f"machine {host} does not have the data of the command's machine",
                file=experiment.root / path,
                remedy="Copy data and model to the same paths on all machines, or work in a folder that they "
                "share.",
            )
