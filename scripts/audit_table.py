"""How well an audit finds planted conflicts in the lab, where the truth is known: tables for docs/audit.md.

python scripts/audit_table.py [KEY=VALUE ...] [--rows 600] [--forms 200] [--seeds 0 1 2]

A file is the lab's instructions with pure-form rows from its general tasks. What the corpus taught
decides: a row that says it is known, one that says otherwise conflicting, one of which it taught
nothing unknown, a general task form. Thresholds were set on seed 0 alone.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from harmonia.audit import Audit, Audited, AuditRow, AuditSettings, read_rows
from harmonia.audit.rule import CATEGORIES
from harmonia.hashing import addressed_random
from harmonia.models import ModelSettings, load_model
from harmonia.parsing import table_of_settings
from harmonia.pipeline.settings_file import apply_overrides
from harmonia.probe.stability import wilson
from harmonia.world import base_folder, base_world, general_instructions, instructions, shipped_seeds

RELATIONS = {"agrees": "known", "conflicts": "conflicting", "untaught": "unknown"}
SIGNALS: dict[str, Callable[[AuditRow], float]] = {
    "conflict": lambda row: row.conflict,
    "excess surprise, mean": lambda row: row.excess or 0.0,
    "excess surprise, largest": lambda row: row.largest or 0.0,
    "NLL behind demonstrations": lambda row: row.nll or 0.0,
    "IFD": lambda row: row.ifd or 0.0,
    "answer length": lambda row: row.tokens,
    "random": lambda row: addressed_random(0, "audit_table", row.id).random(),
}
RESAMPLES = 2_000


def planted(seed: int, folder: Path, size: int, forms: int) -> tuple[Path, dict[str, str]]:
    """A file of a base's world, and the true category of each row by its id."""
    world = base_world(base_folder(seed))
    truth: dict[str, str] = {}
    rows = []
    for one in instructions(world, size=size):
        truth[one.id] = RELATIONS[one.relation]
        rows.append(
            {"id": one.id, "messages": [{"role": m.role, "content": m.content} for m in one.messages]}
        )
    for k, turns in enumerate(dict.fromkeys(general_instructions(seed, 10 * forms))):
        if k == forms:
            break
        truth[f"form-{k}"] = "form"
        rows.append({"id": f"form-{k}", "messages": [{"role": m.role, "content": m.content} for m in turns]})
    path = folder / f"planted{seed}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path, truth


def auroc(values: NDArray[np.float64], hits: NDArray[np.bool_]) -> float:
    """Probability that a hit has a larger value than a miss; ties count half (Mann and Whitney 1947)."""
    n, ranks = int(hits.sum()), rankdata(values)
    return float((ranks[hits].sum() - n * (n + 1) / 2) / (n * (len(hits) - n)))


def intervals(
    values_S_I: NDArray[np.float64],
    hits_I: NDArray[np.bool_],
    seed: int,
    drawn_of: Callable[[np.random.Generator], NDArray[np.intp]],
) -> list[tuple[str, str]]:
    """AUROC of each signal, and how far the first is ahead of it, with 95 % bootstrap intervals.

    `drawn_of` gives the places of a resample, the same for all signals.
    """
    rng = np.random.default_rng(seed)
    drawn = np.empty((RESAMPLES, len(values_S_I)))
    for k in range(RESAMPLES):
        at = drawn_of(rng)
        drawn[k] = [auroc(values[at], hits_I[at]) for values in values_S_I]
    whole = np.array([auroc(values, hits_I) for values in values_S_I])

    def cell(value: float, draws: NDArray[np.float64]) -> str:
        low, high = np.quantile(draws, (0.025, 0.975))
        return f"{value:.3f} [{low:.3f}, {high:.3f}]"

    return [
        (cell(whole[s], drawn[:, s]), cell(whole[0] - whole[s], drawn[:, 0] - drawn[:, s]) if s else "")
        for s in range(len(values_S_I))
    ]


def share(hits: int, of: int) -> str:
    """A share with its Wilson interval."""
    if not of:
        return "-"
    low, high = wilson(hits, of)
    return f"{hits / of:.3f} [{low:.3f}, {high:.3f}]"


def audited(
    seed: int, folder: Path, rows: int, forms: int, settings: AuditSettings
) -> tuple[Audited, dict[str, str], float]:
    """The verdicts on a base's planted file, the truth, and the processor seconds."""
    path, truth = planted(seed, folder, rows, forms)
    model = load_model(ModelSettings(path=str(base_folder(seed)), device="cpu"))
    start = time.process_time()
    return Audit(model, read_rows(path, settings), settings).run(), truth, time.process_time() - start


def show(seed: int, rows: Sequence[AuditRow], truth: dict[str, str], seconds: float) -> None:
    """Print the tables of a base."""
    print(f"\n### Seed {seed}: {len(rows)} rows, {seconds:.0f} s of processor time\n")
    judged = [row for row in rows if truth[row.id] in ("known", "conflicting")]
    hits_I = np.array([truth[row.id] == "conflicting" for row in judged])
    values_S_I = np.array([[signal(row) for row in judged] for signal in SIGNALS.values()], dtype=float)
    parts = [np.flatnonzero(hits_I), np.flatnonzero(~hits_I)]
    cells = intervals(
        values_S_I, hits_I, seed, lambda rng: np.concatenate([rng.choice(part, len(part)) for part in parts])
    )
    print("| signal | AUROC, conflicting against known | ahead by |\n| --- | --- | --- |")
    for name, pair in zip(SIGNALS, cells, strict=True):
        print(f"| {name} | {' | '.join(pair)} |")
    table = Counter((truth[row.id], row.category) for row in rows)
    print(f"\n| truth | {' | '.join(CATEGORIES)} | recall | precision |")
    print(f"| --- |{' --- |' * (len(CATEGORIES) + 2)}")
    for name in CATEGORIES[:-1]:
        counts = [table[name, found] for found in CATEGORIES]
        found = sum(table[other, name] for other in CATEGORIES)
        cells = [*map(str, counts), share(table[name, name], sum(counts)), share(table[name, name], found)]
        print(f"| {name} | {' | '.join(cells)} |")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=600)
    parser.add_argument("--forms", type=int, default=200)
    parser.add_argument("--seeds", type=int, nargs="*", default=shipped_seeds())
    parser.add_argument("settings", nargs="*", help="KEY=VALUE of the audit")
    given = parser.parse_args()
    settings = table_of_settings(AuditSettings, apply_overrides({}, given.settings), "audit")
    with tempfile.TemporaryDirectory() as folder:
        for seed in given.seeds:
            found, truth, seconds = audited(seed, Path(folder), given.rows, given.forms, settings)
            show(seed, found.rows, truth, seconds)


if __name__ == "__main__":
    main()
