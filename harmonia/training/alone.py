"""Fine-tuning outside of a run: what resumes it lies beside the model folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from harmonia.files import require_file
from harmonia.groups.group_files import write_group
from harmonia.hashing import file_sha256
from harmonia.models import fingerprint
from harmonia.outputs import held_alone, scratch
from harmonia.training.sft import Progress, Trained, TrainingJob, fine_tune, job_hash
from harmonia.types import GroupRow


def fine_tune_alone(job: TrainingJob, out: Path, *, progress: Progress | None = None) -> Trained:
    """Train and write a model folder; called again after an interruption it goes on.

    Raises:
        InputError: As for `fine_tune`, or the training set is not there.
        TrainingError: As there.
        HarmoniaError: Another process trains into this folder.
    """
    require_file(job.group, what="the training set")
    noted = fingerprint(job.model)
    address = job_hash(job, noted, file_sha256(job.group))
    work = scratch(out, f"checkpoints-{address[:12]}")
    with _alone(Path(os.path.realpath(out))):
        trained = fine_tune(job, out, work=work, progress=progress, noted=noted)
        shutil.rmtree(work, ignore_errors=True)
    return trained


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Hold a model folder against a second training; the processes of one launch are one training."""
    if os.environ.get("RANK", "0") != "0":
        yield
        return
    lock = place.with_name(f".{place.name}.lock")
    with held_alone(lock, f"{place}: another training writes here. Wait for it, or give another --out."):
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


@contextmanager
def written_out(rows: Sequence[GroupRow], out: Path) -> Iterator[Path]:
    """A training set as a file, as long as it is needed; `out` is the model folder."""
    path = scratch(out, "group.jsonl")
    try:
        write_group(path, rows)
        yield path
    finally:
        path.unlink(missing_ok=True)
