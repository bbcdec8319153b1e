"""`make faults`: injects faults of every kind and prints how many were survived.

    python tests/faults/run.py --seed 0
    python tests/faults/run.py --seed 0 --kills 4 --only kills damage

A run of a small experiment is survived if it ends, perhaps after the same command was given again, with
the files of an undisturbed one, byte for byte. A bad input or model is if it ends in the words and exit code
that are due. What is lost is printed.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import yaml  # noqa: E402
from bad_inputs import cases  # noqa: E402
from bad_models import models as bad_models  # noqa: E402
from hostile import hostile  # noqa: E402
from models import make_tiny  # noqa: E402
from trials import asked, files_of, small, tried  # noqa: E402

AGAIN = "the same command takes the work up again"
Trial = Callable[["Bench"], tuple[int, list[str]]]


class Bench:
    """What the trials share: a folder, an undisturbed run, and chance.

    Args:
        folder: Where they work.
        seed: Seed of all that is drawn.
        kills: How often runs are killed.
    """

    def __init__(self, folder: Path, seed: int, kills: int) -> None:
        self.folder, self.kills, self.draw = folder, kills, random.Random(seed)
        self._number = 0

    def calm(self) -> tuple[Path, dict[str, str], float]:
        """An undisturbed run, its files, and the seconds it took."""
        if not hasattr(self, "_calm"):
            place, begun = self.fresh(), time.monotonic()
            if (done := self.run(place)).returncode:
                raise SystemExit(f"an undisturbed run failed: {done.stderr[-500:]}")
            self._calm = place, files_of(place), time.monotonic() - begun
        return self._calm

    def fresh(self) -> Path:
        """A new place for a run."""
        self._number += 1
        return self.folder / str(self._number) / "run"

    def start(self, place: Path, code: str = "") -> subprocess.Popen[str]:
        """Begin a run, or go on with it; `code` is run in its process before."""
        file = place.parent / "small.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump(small(self.folder / "lab", place)))
        typed = f"import sys; sys.argv = ['harmonia', 'run', {str(file)!r}]"
        main = f"{code}\n{typed}\nfrom harmonia.cli.main import main\nmain()"
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            [sys.executable, "-c", main],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def run(self, place: Path, code: str = "") -> subprocess.CompletedProcess[str]:
        """Run to the end."""
        process = self.start(place, code)
        _, said = process.communicate(timeout=600)
        return subprocess.CompletedProcess([], process.returncode, "", said)

    def finished(self, place: Path, what: str) -> list[str]:
        """Go on with a run; what is wrong with how it ends."""
        done = self.run(place)
        if done.returncode:
            return [f"{what}: exit {done.returncode}: {done.stderr.strip()[-300:]}"]
        was, now = self.calm()[1], files_of(place)
        unlike = sorted(name for name in was.keys() | now.keys() if was.get(name) != now.get(name))
        return [f"{what}: other files: {unlike[:5]}"] if unlike else []


def kills(bench: Bench) -> tuple[int, list[str]]:
    """Runs killed at random moments."""
    lost, done = [], 0
    while done < bench.kills:
        place, here = bench.fresh(), 0
        while done < bench.kills:
            process = bench.start(place)
            try:
                process.communicate(timeout=bench.draw.uniform(1, bench.calm()[2]))
                break
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                done, here = done + 1, here + 1
        lost += bench.finished(place, f"killed {here} times")
        shutil.rmtree(place.parent)
    return done, lost


def signals(bench: Bench) -> tuple[int, list[str]]:
    """Runs told to end at a random moment."""
    lost, told = [], (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in told * max(bench.kills // 12, 1):
        place = bench.fresh()
        process = bench.start(place, f"import signal; signal.signal({int(number)}, signal.SIG_DFL)")
        time.sleep(bench.draw.uniform(4, bench.calm()[2]))
        process.send_signal(number)
        _, said = process.communicate(timeout=120)
        if (
            process.returncode not in (0, 128 + number)
            or (process.returncode and AGAIN not in said)
            or "Traceback" in said
        ):
            lost.append(f"{number.name}: exit {process.returncode}: {said.strip()[-200:]}")
        lost += bench.finished(place, number.name)
        shutil.rmtree(place.parent)
    return len(told) * max(bench.kills // 12, 1), lost


def damage(bench: Bench) -> tuple[int, list[str]]:
    """A file of a finished run that is cut, emptied, overwritten or gone."""
    lost, count = [], max(bench.kills // 3, 2)
    for _ in range(count):
        place = bench.fresh()
        shutil.copytree(bench.calm()[0], place)
        path = bench.draw.choice(
            sorted(one for one in place.rglob("*") if one.is_file() and one.name != "lock")
        )
        content, kind = path.read_bytes(), bench.draw.choice(["cut", "empty", "NULs", "gone", "noise"])
        broken = {"cut": content[: len(content) // 2], "empty": b"", "NULs": b"\0" * len(content)}
        if kind == "gone":
            path.unlink()
        else:
            path.write_bytes(broken.get(kind, bench.draw.randbytes(len(content))))
        what = f"{path.relative_to(place)} {kind}"
        done = bench.run(place)
        if done.returncode == 2 and str(path) in done.stderr and "Traceback" not in done.stderr:
            path.unlink()  # refused: what is named is taken away, and made again
        lost += bench.finished(place, what)
        shutil.rmtree(place.parent)
    return count, lost


_FULL = """
import errno, os
left, replace = {left}, os.replace
def full(*places, **options):
    global left
    left -= 1
    if left < 0:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(places[0]))
    return replace(*places, **options)
os.replace = full
"""


def full_disk(bench: Bench) -> tuple[int, list[str]]:
    """A disk that is full from the n-th file on."""
    lost, count = [], max(bench.kills // 6, 2)
    for _ in range(count):
        place, left = bench.fresh(), bench.draw.randrange(30)
        done = bench.run(place, _FULL.format(left=left))
        if done.returncode == 0 or "Traceback" in done.stderr or "No space left" not in done.stderr:
            lost.append(f"full after {left} files: exit {done.returncode}: {done.stderr.strip()[-300:]}")
        lost += bench.finished(place, f"full after {left} files")
        shutil.rmtree(place.parent)
    return count, lost


def inputs(bench: Bench) -> tuple[int, list[str]]:
    """Broken files, settings and options."""
    found = cases()
    said = [tried(case, bench.folder / f"input{place}") for place, case in enumerate(found)]
    return len(found), [one for one in said if one]


def models(bench: Bench) -> tuple[int, list[str]]:
    """Broken and hostile model folders."""
    whole = Path(make_tiny("llama", bench.folder / "tiny").path)
    found = bad_models()
    said = [asked(bad, whole, bench.folder / f"model{place}") for place, bad in enumerate(found)]
    return len(found), [one for one in said if one]


def hostile_data(bench: Bench) -> tuple[int, list[str]]:
    """Markup, escape sequences, formulas, paths, templates, YAML and pickles through everything."""
    return hostile(bench.folder / "hostile")


TRIALS: dict[str, Trial] = {
    "inputs": inputs,
    "models": models,
    "hostile_data": hostile_data,
    "kills": kills,
    "signals": signals,
    "damage": damage,
    "full_disk": full_disk,
}


def main() -> None:
    """Run the trials and print the table; exit 1 where something is lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--only", nargs="+", choices=TRIALS, default=list(TRIALS))
    given: Any = parser.parse_args()
    rows, lost = [], []
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), given.seed, given.kills)
        for name in given.only:
            count, here = TRIALS[name](bench)
            rows.append(f"| {name.replace('_', ' ')} | {count} | {count - len(here)} | {len(here)} |")
            lost += here
            print(f"{name}: {count} tried, {len(here)} lost", file=sys.stderr, flush=True)
    print("\n".join(["| faults | tried | survived | lost |", "| --- | --- | --- | --- |", *rows, *lost]))
    sys.exit(1 if lost else 0)


if __name__ == "__main__":
    main()
