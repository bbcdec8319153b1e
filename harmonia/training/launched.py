"""One fine-tuning in several processes that a launcher starts (accelerate, torchrun).

They are told what to do, and tell how far they are, by files of one folder: what processes print launchers
label, send elsewhere or drop.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock
from pydantic import TypeAdapter

from harmonia.errors import HarmoniaError, InputError, TrainingError
from harmonia.files import write_json, write_text
from harmonia.parsing import parse_json, validated
from harmonia.training.sft import Progress, Trained, TrainingJob, fine_tune

LOG = "launched.log"
"""What launcher and processes print, in the folder of checkpoints."""
_CALL, _TOLD, _FAILED, _WAITING = "call.json", "told.json", "failed.txt", "waiting"
_EVERY_S = 0.2
"""How far they are is told, and looked for, no more often than this."""
_PATIENCE_S = 5.0
"""A launcher that is told to end may take this long."""
_QUIET_S = 300.0
"""Where no step is done for so long, it is said."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """What each process calls `fine_tune` with."""

    job: TrainingJob
    out: Path
    work: Path
    noted: str


def require_launcher(launch: Sequence[str]) -> None:
    """Require that a launcher's command is on this machine; none, too, will do.

    Raises:
        InputError: It is not.
    """
    if launch and shutil.which(launch[0]) is None:
        remedy = "Name a launcher that is installed, such as [accelerate, launch, --config_file, FILE]."
        raise InputError("no such command", field="execution.launch", seen=launch, remedy=remedy)


def fine_tune_launched(
    launch: Sequence[str], job: TrainingJob, out: Path, *, work: Path, noted: str, progress: Progress
) -> Trained:
    """Do what `fine_tune` does in processes that a launcher starts.

    Args:
        launch: Its command, which takes `-m MODULE ARGUMENTS` behind it.
        job: What decides the checkpoint.
        out: The model's folder.
        work: Folder of checkpoints to resume from.
        noted: Fingerprint of the base model.
        progress: Told how far it is.

    Raises:
        InputError: There is no such command.
        TrainingError: The processes failed, with what they said.
    """
    require_launcher(launch)
    work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="launch-", dir=work, ignore_cleanup_errors=True) as name:
        place = Path(name)
        call = _Call(job=job, out=out, work=work, noted=noted)
        write_text(place / _CALL, TypeAdapter(_Call).dump_json(call).decode())
        # Once it is let go, however this process ends, what is left of the others ends, too.
        with FileLock(place / _WAITING), (work / LOG).open("wb") as said:
            command = [*launch, "-m", __name__, name]
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
            try:
                told = _followed(process, place, progress)
            finally:
                _end(process)
        if process.returncode or "trained" not in told:
            raise TrainingError(f"{_reason(process, place, work)} (all that was said: {work / LOG})")
    return Trained(**told["trained"], model=None)


def _followed(process: subprocess.Popen[bytes], place: Path, progress: Progress) -> dict[str, Any]:
    """What the first process told last, when the launcher has ended."""
    told: dict[str, Any] = {}
    since, quiet = time.monotonic(), False
    while True:
        ended = process.poll() is not None
        before = told
        if (place / _TOLD).is_file():
            told = parse_json((place / _TOLD).read_bytes(), file=place / _TOLD)
        if told != before:
            since, quiet = time.monotonic(), False
            progress(*told["steps"])
        if ended:
            return told
        if not quiet and time.monotonic() - since > _QUIET_S:
            quiet = True
            log.warning("no step for %d minutes; see %s", _QUIET_S // 60, place.parent / LOG)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_EVERY_S)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a launcher, and what it started."""
    if process.poll() is not None:
        return
    started = psutil.Process(process.pid).children(recursive=True)
    try:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE_S)
    finally:
        process.kill()
        for one in started:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        process.wait()


def _reason(process: subprocess.Popen[bytes], place: Path, work: Path) -> str:
    if (place / _FAILED).is_file():
        return (place / _FAILED).read_text(encoding="utf-8")
    last = " ".join((work / LOG).read_text(encoding="utf-8", errors="replace")[-1000:].split())
    how = f"the launcher ended with exit code {process.returncode} and without a model"
    return f"{how}: {last}" if last else how


def end_with_the_waiting(place: Path) -> None:
    """End this process when the one that waits for it does so no more, or has gone."""

    def watch() -> None:
        try:
            FileLock(place / _WAITING).acquire(poll_interval=_EVERY_S)
        finally:
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    """Train as one of the processes; the first tells how far it is, and how it ended."""
    place = Path(sys.argv[1])
    end_with_the_waiting(place)
    told = 0.0

    def tell(steps: tuple[int, int], **what: Any) -> None:
        if os.environ.get("RANK", "0") == "0":
            write_json(place / _TOLD, {"steps": steps, **what})

    def progress(done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told > _EVERY_S:
            told = time.monotonic()
            tell((done, total))

    try:
        call = validated(_Call, parse_json((place / _CALL).read_bytes(), file=None), file=None)
        trained = fine_tune(call.job, call.out, work=call.work, progress=progress, noted=call.noted)
    except Exception as error:
        said = str(error) if isinstance(error, HarmoniaError) else f"{type(error).__name__}: {error}"
        # Whichever fails first knows why; the others miss it.
        with suppress(FileExistsError), (place / _FAILED).open("x", encoding="utf-8") as file:
            file.write(said)
        raise
    kept = {name: getattr(trained, name) for name in ("steps", "rows", "shortened", "notes", "resumed_from")}
    if os.environ.get("WORLD_SIZE", "1") == "1":
        kept["notes"] += ("the launcher started one process",)
    tell((trained.steps, trained.steps), trained=kept)


if __name__ == "__main__":
    main()
