"""How well an audit of a real model tells wrong answers from right ones: tables for docs/audit.md.

python scripts/audit_real.py --model FOLDER --items arc_easy/test.jsonl --shots arc_easy/validation.jsonl
    [--gguf FILE] [--dtype bfloat16] [--first 0] [--questions 100] [KEY=VALUE ...]

Each question becomes two rows, one with its right answer and one with a wrong one. Which the model
knows is asked on other prompts: where there are options, by three cloze draws behind other questions
of --shots; without --shots the questions are in words, and SliCK tells.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from audit_exam import Posed, posed_options, posed_words, wrong_row
from audit_table import SIGNALS, intervals
from numpy.typing import NDArray

from harmonia.audit import Audit, AuditRow, AuditSettings, read_rows
from harmonia.audit.rule import CATEGORIES
from harmonia.models import ModelSettings, load_model
from harmonia.parsing import table_of_settings
from harmonia.pipeline.settings_file import apply_overrides
from harmonia.prompts import Request


def perplexities(audit: Audit) -> dict[str, float]:
    """Mean negative log-likelihood of each row's answer behind its instruction alone, in nats."""
    plain = [audit.first.asked(row).plain[0] for row in audit.open_rows]
    requests = [Request(context=one.context, continuations=(one.answer,)) for one in plain]
    found = audit.model.loglikelihoods(requests)
    return {
        row.id: -one.sum / len(asked.answer)
        for row, asked, (one,) in zip(audit.open_rows, plain, found, strict=True)
    }


def compared(values_S_Q_2: NDArray[np.float64]) -> list[tuple[str, str]]:
    """`intervals` of each question's right and wrong row; the bootstrap draws questions."""
    signals, questions, _ = values_S_Q_2.shape

    def drawn(rng: np.random.Generator) -> NDArray[np.intp]:
        at = rng.choice(questions, questions)
        return np.concatenate([at, at + questions])

    hits = np.repeat([False, True], questions)
    return intervals(values_S_Q_2.transpose(0, 2, 1).reshape(signals, -1), hits, 0, drawn)


def show(rows: dict[str, AuditRow], questions: Sequence[Posed], perplexity: dict[str, float]) -> None:
    """Print AUROC of each signal on all questions and on those that the model knows, and the categories."""
    signals: dict[str, Callable[[AuditRow], float]] = {
        **SIGNALS,
        "perplexity": lambda row: perplexity[row.id],
        "1 - `trained`": lambda row: 1 - row.trained,
    }
    values_S_Q_2 = np.array(
        [[[of(rows[row["id"]]) for row in one.rows] for one in questions] for of in signals.values()],
        dtype=float,
    )
    known_Q = np.array([one.known for one in questions])
    parts = [compared(values_S_Q_2[:, chosen]) for chosen in (known_Q | True, known_Q) if chosen.any()]
    counts = [2 * len(questions), 2 * int(known_Q.sum())][: len(parts)]
    heads = [
        f"{name}, {count} rows | ahead by" for name, count in zip(("all", "known"), counts, strict=False)
    ]
    print(f"\n| ranked by | {' | '.join(heads)} |\n| --- |{' --- |' * 2 * len(parts)}")
    for name, *cells in zip(signals, *parts, strict=True):
        print(f"| {name} | {' | '.join(' | '.join(pair) for pair in cells)} |")
    print(f"\n| answer | question | {' | '.join(CATEGORIES)} |\n| --- | --- |{' --- |' * len(CATEGORIES)}")
    for wrong in (False, True):
        for known in (True, False):
            names = [row["id"] for one in questions if one.known == known for row in one.rows]
            found = [rows[name].category for name in names if wrong_row(name) == wrong]
            told = ("wrong" if wrong else "right", "known" if known else "not known")
            print(f"| {' | '.join([*told, *(str(found.count(one)) for one in CATEGORIES)])} |")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--model", "--items"):
        parser.add_argument(name, required=True)
    for name, usual in (("--shots", None), ("--gguf", None), ("--dtype", "float32")):
        parser.add_argument(name, default=usual)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("settings", nargs="*", help="KEY=VALUE of the audit")
    given = parser.parse_args()
    settings = table_of_settings(AuditSettings, apply_overrides({}, given.settings), "audit")
    with tempfile.TemporaryDirectory() as folder:
        model = load_model(ModelSettings(path=given.model, gguf_file=given.gguf, dtype=given.dtype))
        if given.shots:
            questions = posed_options(model, given.items, given.shots, given.first, given.questions)
        else:
            questions = posed_words(model, given.items, given.questions)
        path = Path(folder) / "rows.jsonl"
        lines = (json.dumps(row) + "\n" for one in questions for row in one.rows)
        path.write_text("".join(lines), encoding="utf-8")
        audit = Audit(model, read_rows(path, settings), settings)
        perplexity = perplexities(audit)
        rows = {row.id: row for row in audit.run().rows}
    show(rows, questions, perplexity)


if __name__ == "__main__":
    main()
