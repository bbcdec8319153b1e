"""How well an audit of a real model tells wrong answers from right ones: a table for docs/audit.md.

python scripts/audit_real.py --model FOLDER --items arc_easy/test.jsonl --shots arc_easy/validation.jsonl
    [--gguf FILE] [--questions 100] [--out FOLDER] [KEY=VALUE ...]

Each question becomes two rows, one with the right option as its answer and one with a wrong one.
Known are questions that the model answers rightly in most of three cloze draws, on other prompts.
Demonstrations of these draws are other questions; the file may be the same. With --out the
audit is kept, and taken up after an interruption.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
from audit_table import SIGNALS, intervals

import harmonia
from harmonia.audit import Audit, AuditRow, AuditSettings, read_rows
from harmonia.audit.folder import audit_file
from harmonia.data import ItemSource, read_items
from harmonia.hashing import addressed_random
from harmonia.parsing import table_of_settings
from harmonia.pipeline.settings_file import apply_overrides
from harmonia.prompts import Request
from harmonia.types import Item


def write_rows(items: list[Item], path: Path) -> dict[str, bool]:
    """Write the file; whether each row's answer is wrong, by its id."""
    wrong: dict[str, bool] = {}
    lines = []
    for item in items:
        others = [k for k in range(len(item.choices)) if k != item.answer]
        other = addressed_random(0, "audit_real", item.id).choice(others)
        for name, option in (("right", item.answer), ("wrong", other)):
            row = f"{item.id}/{name}"
            wrong[row] = name == "wrong"
            lines.append({"id": row, "instruction": item.question, "output": item.choices[option]})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return wrong


def perplexities(audit: Audit) -> dict[str, float]:
    """Mean negative log-likelihood of each row's answer behind its instruction alone, in nats."""
    plain = [audit.first.asked(row).plain[0] for row in audit.open_rows]
    requests = [Request(context=one.context, continuations=(one.answer,)) for one in plain]
    found = audit.model.loglikelihoods(requests)
    return {
        row.id: -one.sum / len(asked.answer)
        for row, asked, (one,) in zip(audit.open_rows, plain, found, strict=True)
    }


def show(title: str, rows: list[AuditRow], wrong: dict[str, bool], perplexity: dict[str, float]) -> None:
    """Print AUROC of each signal, and how often wrong and right rows are called conflicting."""
    hits_I = np.array([wrong[row.id] for row in rows])
    signals = {
        **SIGNALS,
        "perplexity": lambda row: perplexity[row.id],
        "1 - trained": lambda row: 1 - row.trained,
    }
    values_S_I = np.array([[signal(row) for row in rows] for signal in signals.values()], dtype=float)
    print(f"\n{title}: {len(rows)} rows\n\n| signal | AUROC, wrong against right |\n| --- | --- |")
    for name, cell in zip(signals, intervals(values_S_I, hits_I, 0), strict=True):
        print(f"| {name} | {cell} |")
    for name, kind in (("wrong", True), ("right", False)):
        of_kind = [row.category for row in rows if wrong[row.id] == kind]
        print(name, {one: of_kind.count(one) for one in sorted(set(of_kind))})


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--model", "--items", "--shots"):
        parser.add_argument(name, required=True)
    parser.add_argument("--gguf")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("settings", nargs="*", help="KEY=VALUE of the audit")
    given = parser.parse_args()
    settings = table_of_settings(AuditSettings, apply_overrides({}, given.settings), "audit")
    model = harmonia.load(given.model, gguf_file=given.gguf)
    items = list(read_items(ItemSource(path=given.items, limit=given.questions, on_bad_row="skip")).items)
    asked = {item.id for item in items}
    shots = [
        item
        for item in read_items(ItemSource(path=given.shots, on_bad_row="skip")).items
        if item.id not in asked
    ]
    how = {"prompt": {"method": "cloze", "shots": 5}, "probe": {"draws": 3, "seed": 1}}
    beliefs = harmonia.probe(model, items, shots=shots, **how)
    known = {belief.item.id for belief in beliefs if (belief.right_rate or 0) > 0.5}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        wrong = write_rows(items, path)
        perplexity = perplexities(Audit(model, read_rows(path, settings), settings))
        rows = list(audit_file(model, path, settings, out=given.out).rows)
    show("All questions", rows, wrong, perplexity)
    known_rows = [row for row in rows if row.id.rpartition("/")[0] in known]
    if known_rows:
        show("Known questions", known_rows, wrong, perplexity)
    else:
        print("\nKnown questions: none")


if __name__ == "__main__":
    main()
