"""Memory and time of the commands on many beliefs, and the ratio when the rows double.

    python scripts/scale.py 500000 1000000
    python scripts/scale.py 250000 500000 --only consistency groups

Beliefs and questions are made the same each time, in a process of their own: Linux counts the memory of who
starts a process to that one's peak. Each command is a process of its own, of whose peak memory and processor
time a table is printed. Time that grows in line with rows has a ratio of 2 where they double; what a command
takes to start is in it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from harmonia.data import stored_items
from harmonia.files import write_json, write_json_lines, write_parquet
from harmonia.probe import read_beliefs, write_answers

OPTIONS = 4
_WORDS = ("tension", "bending", "torsion", "shear", "load", "beam", "yield", "strain", "column", "moment")


def questions(rows: int) -> Iterator[tuple[str, str, list[str]]]:
    """Id, text and options of each question; every word of it is drawn, so that few are alike."""
    drawn = np.random.default_rng(0).integers(len(_WORDS), size=(rows, 8))
    for number, picked in enumerate(drawn.tolist()):
        words = " ".join(f"{_WORDS[word]}{number * 8 + place}" for place, word in enumerate(picked))
        asked = f"Which value follows for {words} in case {number}?"
        yield f"q{number:07}", asked, [f"{_WORDS[word]} of {number + word}" for word in range(OPTIONS)]


def write_beliefs(path: Path, rows: int, seed: int) -> None:
    """Beliefs about the questions, as a model of this seed would have them."""
    rng, answer_I = np.random.default_rng(seed), np.arange(rows) % OPTIONS
    drawn_I_C = rng.gamma(np.where(np.arange(OPTIONS) == answer_I[:, None], 1.2, 0.3))
    probs_I_C = drawn_I_C / drawn_I_C.sum(axis=1, keepdims=True)
    pred_I = probs_I_C.argmax(axis=1)
    ids, texts, choices = zip(*questions(rows), strict=True)
    lists = pa.list_(pa.float64())
    columns = {
        "id": pa.array(ids),
        "domain": pa.array(["mechanics"] * rows),
        "question": pa.array(texts),
        "choices": pa.array(choices),
        "answer": pa.array(answer_I, pa.int32()),
        "explanation": pa.array([f"Because of {text}" for text in texts]),
        "source": pa.array(["made"] * rows),
        "split": pa.array(["train"] * rows),
        "probs": pa.array(list(probs_I_C), lists),
        "pred": pa.array(pred_I, pa.int32()),
        "confidence": pa.array(probs_I_C.max(axis=1)),
        "correct": pa.array(pred_I == answer_I),
        "letter_mass": pa.array(rng.uniform(0.9, 1, rows)),
        "form": pa.array(["icl5"] * rows),
        "method": pa.array(["letter"] * rows),
        "preset": pa.array(["corrected"] * rows),
        "shots": pa.array(np.full(rows, 5), pa.int32()),
        "asked_probs": pa.array(list(probs_I_C), lists),
        "draws": pa.array(np.full(rows, 1), pa.int32()),
    }
    write_parquet(path, pa.table(columns), {})


def write_items(path: Path, rows: int, mark: str = "") -> None:
    """The questions themselves, as JSON Lines."""
    write_json_lines(
        path,
        (
            {"id": name, "question": text + mark, "choices": choices, "answer": choices[place % OPTIONS]}
            for place, (name, text, choices) in enumerate(questions(rows))
        ),
    )


def write_run(run: Path, beliefs: Sequence[Path]) -> None:
    """A run directory of the questions, as the base model and a tuned one answer them."""
    items = run / "items" / "mechanics.parquet"
    outputs = {"data/mechanics": items}
    for path, (who, form, shots) in zip(
        beliefs, (("base", "icl5", 5), ("harmonious/seed0", "chat0", 0)), strict=True
    ):
        said = [replace(one, form=form, shots=shots) for one in read_beliefs(path)]
        if not items.exists():
            stored_items.write_items(items, (one.item for one in said))
        key = f"mechanics/{who}/{form}/letter/homogeneous"
        outputs[f"evaluate/{key}"] = run / "predictions" / f"{key}.parquet"
        write_answers(outputs[f"evaluate/{key}"], said, items, {})
    stages = {
        key: {"status": "done", "outputs": {path.relative_to(run).as_posix(): {}}}
        for key, path in outputs.items()
    }
    write_json(run / "manifest.json", {"name": "scale", "seeds": [0], "method": "letter", "stages": stages})
    (run / "experiment.yaml").write_text("groups: {threshold: 0.5}\n", encoding="utf-8")


def write_inputs(folder: Path, rows: int, names: Collection[str]) -> None:
    """What the commands of these names read."""
    for seed, name in enumerate(("before", "after")):
        write_beliefs(folder / f"{name}.parquet", rows, seed)
    write_items(folder / "items.jsonl", rows)
    write_items(folder / "other.jsonl", rows // 10, " Choose one.")
    if "page" in names:
        write_run(folder / "run", [folder / "before.parquet", folder / "after.parquet"])


def commands(folder: Path) -> dict[str, list[str]]:
    """The command lines that are measured, by name."""
    before, after, out = (str(folder / name) for name in ("before.parquet", "after.parquet", "out"))
    items, other = str(folder / "items.jsonl"), str(folder / "other.jsonl")
    return {
        "consistency": ["consistency", "--before", before, "--after", after, "--json"],
        "groups": ["groups", "--beliefs", before, "--out", f"{out}/groups", "--json"],
        "triage": ["triage", "--beliefs", before, "--beliefs", after, "--out", f"{out}/review.csv"],
        "leakage": ["leakage", "--train", items, "--suite", other, "--out", f"{out}/leakage.csv"],
        "page": ["report", str(folder / "run")],
        "export-task": ["export-task", "--items", items, "--shots", "0", "--out", f"{out}/task"],
    }


def measured(arguments: Sequence[str]) -> tuple[float, float]:
    """Processor time in seconds and peak memory in MiB of a command.

    Raises:
        SystemExit: It failed.
    """
    with tempfile.TemporaryFile() as said:
        started = subprocess.Popen(
            [sys.executable, "-m", "harmonia.cli.main", *arguments], stdout=said, stderr=said
        )
        _, status, used = os.wait4(started.pid, 0)
        if status:
            said.seek(0)
            raise SystemExit(f"harmonia {' '.join(arguments)}: {said.read()[-2000:].decode()}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def _say_page(run: Path, rows: int) -> None:
    """What the page holds, and what stands beside it."""
    text = (run / "report.html").read_text(encoding="utf-8")
    cut = re.search("This table holds .+? questions", text)
    beside = sum(pq.read_metadata(path).num_rows for path in run.glob("predictions/**/*.parquet"))
    told = cut[0] if cut else f"it holds all {rows:,} questions"
    print(
        f"page: {len(text.encode()) / 1e6:.1f} MB; {told}; beside it {beside:,} answers as Parquet",
        flush=True,
    )


def main() -> None:
    """Measure each number of rows that is given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int, nargs="+")
    parser.add_argument("--only", nargs="+", default=None)
    given = parser.parse_args()
    found: dict[str, list[tuple[float, float]]] = {}
    for rows in given.rows:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            lines = commands(folder)
            wanted = [name for name in lines if given.only is None or name in given.only]
            maker = multiprocessing.get_context("spawn").Process(
                target=write_inputs, args=(folder, rows, wanted)
            )
            maker.start()
            maker.join()
            if maker.exitcode:
                raise SystemExit(maker.exitcode)
            for name in wanted:
                found.setdefault(name, []).append(measured(lines[name]))
                seconds, peak = found[name][-1]
                print(f"{name}: {rows:,} rows, {seconds:.1f} s, {peak:.0f} MiB", flush=True)
            if "page" in wanted:
                _say_page(folder / "run", rows)
    for name, figures in found.items():
        ratios = [f"{b[0] / a[0]:.2f}" for a, b in pairwise(figures)]
        print(f"{name}: ratio of time {', '.join(ratios) or '-'}")


if __name__ == "__main__":
    main()
