"""Does curation help a real model? What it knows after training on a file, by how the rows were chosen.

python scripts/curation_real.py --model .models/smollm2 --gguf SmolLM2-135M-Instruct.Q4_1.gguf
    [--data .data] [--out runs/curation-real] [--seeds 0 1 2] [--budget 130] [--sets random ...]

The file: questions of ARC-Easy in words, of which a share is answered wrongly, and general instructions.
Raw rows at the same budget are the control `random`, row for row. Asked are other questions of the exam,
by cloze, and those that the file answers wrongly. What is done already is not done again.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from audit_exam import wrong_option
from curation_study import RANDOM, WHOLE, Right, kept_in, show

import harmonia
from harmonia.data import ItemSource, read_conversations, read_items
from harmonia.hashing import addressed_random, sample
from harmonia.models import ModelSettings, load_model
from harmonia.types import Conversation, Item

POLICIES = ("drop_conflicting", "known_only", "least_conflict")
TRAINING: dict[str, Any] = {"batch_size": 16, "learning_rate": 1e-4, "max_length": 256, "micro_tokens": 512}
READ = {
    "kept, words": "cloze icl5",
    "kept, words, chat": "cloze chat0",
    "right of all, words": "all cloze icl5",
    "right of all, words, chat": "all cloze chat0",
    "wrong rows said": "rows cloze chat0",
}
"""Columns of the table. The base is asked in the same way."""


def exam(data: Path, split: str, count: int) -> list[Item]:
    """Questions of a split of ARC-Easy, so many of them by draw."""
    every = {
        item.id: item for item in read_items(ItemSource(path=str(data / f"arc_easy/{split}.jsonl"))).items
    }
    names = sorted(every)
    return [every[name] for name in sample(0, f"curation_real/{split}", names, names, count)]


def written(given: argparse.Namespace, general: list[Conversation]) -> tuple[Path, list[Item]]:
    """The file, and as items what it answers wrongly, with its answer as the right one."""
    rows: list[dict[str, Any]] = []
    taught = []
    for item in exam(given.data, "train", given.rows):
        answer = item.answer
        if addressed_random(0, "curation_real/wrong", item.id).random() < given.wrong:
            answer = wrong_option(item)
            taught.append(replace(item, answer=answer))
        rows.append({"id": item.id, "instruction": item.question, "output": item.choices[answer]})
    for one in sample(0, "curation_real/general", general, [one.id for one in general], given.forms):
        turns = [{"role": turn.role, "content": turn.content} for turn in one.messages]
        rows.append({"id": f"general-{one.id}", "messages": turns})
    path: Path = given.out / "file.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path, taught


def main() -> None:
    """Audit, curate, train, ask and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--gguf", default=None)
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--data", type=Path, default=Path(".data"))
    parser.add_argument("--out", type=Path, default=Path("runs/curation-real"))
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    for name, usual, what in (
        ("--budget", 130, "rows of each set"),
        ("--rows", 300, "questions of the file"),
        ("--forms", 100, "general instructions of the file"),
        ("--items", 200, "questions asked"),
    ):
        parser.add_argument(name, type=int, default=usual, help=what)
    parser.add_argument("--wrong", type=float, default=0.3, help="share of the questions answered wrongly")
    sets = [RANDOM, *POLICIES, WHOLE]
    parser.add_argument("--sets", nargs="*", default=sets, choices=sets, help="random always among them")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    general = read_conversations(given.data / "general/alpaca_gpt4_en_999.json")
    data, taught = written(given, list(general.rows))
    asked, shots = exam(given.data, "test", given.items), exam(given.data, "validation", 50)
    settings = ModelSettings(path=given.model, gguf_file=given.gguf, dtype=given.dtype)
    words: dict[str, Any] = {"method": "cloze", "shots": 5}

    def right_of(model: Any) -> Right:
        found = {}
        for name, items, form in (
            ("cloze icl5", asked, "icl5"),
            ("cloze chat0", asked, "chat0"),
            ("rows cloze chat0", taught, "chat0"),
        ):
            beliefs = harmonia.probe(model, items, shots=shots, form=form, prompt=words)
            found[name] = {belief.item.id: bool(belief.correct) for belief in beliefs}
        return found

    def learned(name: str, seed: int) -> Right:
        policy, budget = name if name in POLICIES else "all", None if name == WHOLE else given.budget
        curated = harmonia.curate(given.out / "audit", policy=policy, budget=budget, seed=seed)
        file = given.out / f"{name.replace(' ', '-')}-seed{seed}.jsonl"
        curated.save(file)
        said = [row.row.id in {item.id for item in taught} for row in curated]
        print(f"{name}, seed {seed}: {len(said)} rows, {sum(said)} answered wrongly", flush=True)
        return right_of(harmonia.train(base, file, out=file.with_suffix(""), seed=seed, **TRAINING))

    base = load_model(settings)
    if not (given.out / "audit" / "rows.parquet").is_file():
        harmonia.audit(base, data, out=given.out / "audit", samples=0)
    found = {("base", -1): kept_in(given.out / "base.json", lambda: right_of(base))}
    for seed in given.seeds:
        for name in given.sets:
            file = given.out / f"{name.replace(' ', '-')}-seed{seed}.json"
            found[name, seed] = kept_in(file, partial(learned, name, seed))
    show({"base": found}, READ, given.sets, given.seeds)


if __name__ == "__main__":
    main()
