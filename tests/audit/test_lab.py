"""Audits of the lab, where the truth is known."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from scipy.stats import mannwhitneyu

import harmonia
from harmonia.hashing import sample
from harmonia.world import base_folder, base_world, general_instructions, instructions

pytestmark = pytest.mark.slow  # audits of whole files


def planted(seed: int, path: Path, size: int = 120, forms: int = 80) -> dict[str, str]:
    """Write a file with planted conflicts; the truth by id."""
    told = instructions(base_world(base_folder(seed)), size=size)
    tasks = list(dict.fromkeys(general_instructions(seed, 300)))
    kept = sample(seed, "planted", tasks, [str(k) for k in range(len(tasks))], forms)
    truth = {one.id: one.relation for one in told} | {f"form{k}": "form" for k in range(forms)}
    rows = zip(truth, [*(one.messages for one in told), *kept], strict=True)
    lines = (
        {"id": name, "messages": [{"role": turn.role, "content": turn.content} for turn in turns]}
        for name, turns in rows
    )
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return truth


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_planted_conflicts_are_found(seed: int, tmp_path: Path) -> None:
    truth = planted(seed, tmp_path / "planted.jsonl")
    base = harmonia.load(base_folder(seed), device="cpu")
    found = harmonia.audit(base, tmp_path / "planted.jsonl")

    def of(kind: str) -> list:
        return [row for row in found if truth[row.id] == kind]

    fights, agrees = ([row.conflict for row in of(kind)] for kind in ("conflicts", "agrees"))
    assert mannwhitneyu(fights, agrees).statistic / (len(fights) * len(agrees)) > 0.95
    for kind, category in (("conflicts", "conflicting"), ("agrees", "known"), ("form", "form")):
        right = [row.category == category for row in of(kind)]
        assert sum(right) > 0.7 * len(right), kind
    # What the corpus never taught is not taken for known.
    assert sum(row.category == "known" for row in of("untaught")) < 0.2 * len(of("untaught"))


def test_a_killed_audit_goes_on_and_ends_the_same(tmp_path: Path) -> None:
    planted(0, tmp_path / "planted.jsonl", size=300)

    def command(out: str) -> list[str]:
        words = ("audit", "--model", base_folder(0), tmp_path / "planted.jsonl", "--out", tmp_path / out)
        return [sys.executable, "-m", "harmonia.cli.main", *map(str, words), "draws=2", "samples=1"]

    process = subprocess.Popen(command("killed"), start_new_session=True)
    until = time.monotonic() + 300
    while (
        not (journals := list(tmp_path.glob(".killed.audit-*/**/first.jsonl"))) and time.monotonic() < until
    ):
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert journals and not (tmp_path / "killed").exists()
    for out in ("killed", "whole"):
        subprocess.run(command(out), check=True, capture_output=True)
    files = (path for path in (tmp_path / "whole").rglob("*") if path.is_file())
    names = {path.relative_to(tmp_path / "whole") for path in files}
    assert {"canaries.jsonl", "report.html", "rows.parquet", "summary.json"} < set(map(str, names))
    for name in names:
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes()
    assert not list(tmp_path.glob(".killed*"))
