"""One fine-tuning in several processes that a launcher starts (accelerate, torchrun)."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from harmonia.errors import HarmoniaError, InputError, TrainingError
from harmonia.parsing import parse_json, validated
from harmonia.training.sft import Progress, Trained, TrainingJob, fine_tune

_TOLD = '{"harmonia": '
"""How lines begin by which the first process tells the waiting one; launchers print others."""


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
    described = TypeAdapter(TrainingJob).dump_json(job).decode()
    command = [*launch, "-m", __name__, described, noted, str(out), str(work)]
    told: dict[str, Any] = {}
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=said, text=True) as process:
            try:
                for line in process.stdout or ():
                    if line.startswith(_TOLD):
                        told |= parse_json(line, file=None)["harmonia"]
                        progress(*told["steps"])
                process.wait()
            except BaseException:
                process.terminate()
                raise
        if process.returncode or "trained" not in told:
            said.seek(0)
            last = " ".join(said.read()[-2000:].split())
            raise TrainingError(told.get("error") or f"{launch[0]} ended with {process.returncode}: {last}")
    return Trained(**told["trained"], model=None)


def end_with_the_waiting() -> None:
    """End this process when the one that waits for it has gone, however it went: its pipe closes then."""

    def watch() -> None:
        sys.stdin.read()
        os._exit(1)

    if stat.S_ISFIFO(os.fstat(0).st_mode):  # some launchers give their processes none
        threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    """Train as one of the processes; the first tells how far it is, and how it ended."""
    end_with_the_waiting()
    described, noted, out, work = sys.argv[1:]
    steps = [0, 1]

    def tell(**what: Any) -> None:
        if os.environ.get("RANK", "0") == "0":
            print(json.dumps({"harmonia": {"steps": steps, **what}}), flush=True)

    def progress(done: int, total: int) -> None:
        steps[:] = done, total
        tell()

    try:
        job = validated(TrainingJob, parse_json(described, file=None), file=None)
        trained = fine_tune(job, Path(out), work=Path(work), progress=progress, noted=noted)
    except HarmoniaError as error:
        tell(error=str(error))
        sys.exit(1)
    kept = {name: getattr(trained, name) for name in ("steps", "rows", "shortened", "notes", "resumed_from")}
    tell(trained=kept)


if __name__ == "__main__":
    main()
