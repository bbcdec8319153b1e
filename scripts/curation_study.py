"""Does curation help? In the lab: what a base still knows after training on a file, by how it was chosen.

python scripts/curation_study.py [--out runs/curation] [--bases 0 1 2] [--seeds 0 1 2] [--budget 400]

The file is that of `audit_table.py`: the lab's instructions, of which a quarter of those on taught facts
contradict the corpus, and general tasks. Raw rows at the same budget are the control `random`, row for
row; `whole file` is trained for as many epochs, so for more steps. Asked are facts that the corpus taught
truly and no row of the file is about. What is done already is not done again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from audit_table import planted

import harmonia
from harmonia.analysis.bootstrap import PairedUnit, paired_bootstrap
from harmonia.audit import AUDIT_ROWS, AuditRow, AuditSettings
from harmonia.audit.rows import ROWS
from harmonia.compare.canaries import AskedOfBoth, QuestionSuite, conversation_of
from harmonia.compare.said import ModelSaid, said_by
from harmonia.compare.settings import CompareSettings
from harmonia.files import write_json
from harmonia.hashing import draw, sample
from harmonia.prompts import PromptSettings
from harmonia.world import DOMAINS, base_folder, base_world, instructions, split_items
from harmonia.world.wordings import CHAT_OPENING

RANDOM = "random"
WHOLE = "whole file"
POLICIES = ("drop_conflicting", "known_only", "self_align")
TRAINING: dict[str, Any] = {"batch_size": 16, "learning_rate": 1e-3, "precision": "fp32", "save_steps": 0}
RAW = CompareSettings(
    readouts=("letter", "cloze"),
    after_wording=CHAT_OPENING + " USER: {instruction} ASSISTANT:",
    prompt=PromptSettings(options_first=True),
    audit=AuditSettings(draws=1, samples=0),
)
READ = {
    "letters": "letter icl5",
    "words": "cloze icl5",
    "free": "free",
    "letters, chat": "letter chat0",
    "words, chat": "cloze chat0",
    "free, chat": "free as taught",
    "conflicting rows said": "rows as taught",
}
"""Columns of the table, and how they are asked. The base is asked in the same way."""
Right = Mapping[str, Mapping[str, bool]]
"""Of each way of asking, whether each fact is right."""


def asked_of(
    base: int, items: int, rows: int, audit: Sequence[AuditRow], truth: Mapping[str, str]
) -> AskedOfBoth:
    """Known facts that no row is about, as questions and in words; and the rows that conflict in truth."""
    world = base_world(base_folder(base))
    trained = {one.fact for one in instructions(world, size=rows)}
    questions = {
        one.fact: one.item
        for domain in DOMAINS
        for split in ("train", "homogeneous", "in_domain")
        for one in split_items(world, domain, split)
        if one.kind == "known" and one.fact not in trained
    }
    names = sorted(questions)
    chosen = sample(world.seed, "curation_study", names, names, min(items, len(names)))
    stated = {one.fact: one.messages for one in instructions(world, size=10**9, conflicting=0.0)}
    shots = tuple(one.item for domain in DOMAINS for one in split_items(world, domain, "dev"))
    return AskedOfBoth(
        suites=(QuestionSuite(name="items", items=tuple(questions[name] for name in chosen), shots=shots),),
        facts=tuple(
            conversation_of(questions[name].id, k + 1, *(turn.content for turn in stated[name]))
            for k, name in enumerate(chosen)
        ),
        rows=tuple(row for row in audit if truth[row.id] == "conflicting"),
    )


def right_of(model: Any, wanted: AskedOfBoth) -> Right:
    """Ask a model everything, in the raw form and in the chat form."""
    raw = said_by(model, wanted, RAW)
    chat = said_by(model, wanted, RAW.after, form="chat0")

    def verdicts(said: ModelSaid) -> Iterator[dict[str, bool]]:
        for rows in (said.facts, said.rows):
            yield {name: row.category == "known" for name, row in rows.items()}

    found = {
        f"{method} {said.form}": {belief.item.id: bool(belief.correct) for belief in beliefs}
        for said in (raw, chat)
        for (_, method), beliefs in said.beliefs.items()
    }
    found["free"], _ = verdicts(raw)
    found["free as taught"], found["rows as taught"] = verdicts(chat)
    return found


def studied(base: int, given: argparse.Namespace) -> dict[tuple[str, int], Right]:
    """What a base, and what comes of it by each set and seed, has right."""
    place: Path = given.out / f"base{base}"
    place.mkdir(parents=True, exist_ok=True)
    data, truth = planted(base, place, given.rows, given.forms)
    if not (place / "audit" / ROWS).is_file():
        harmonia.audit(_loaded(base), data, out=place / "audit")
    audit = AUDIT_ROWS.read(place / "audit")
    wanted = asked_of(base, given.items, given.rows, audit, truth)
    found = {("base", -1): kept_in(place / "base.json", lambda: right_of(_loaded(base), wanted))}
    for seed in given.seeds:
        for name in given.sets:
            policy = name if name in POLICIES else "all"
            budget = None if name == WHOLE else given.budget
            file = place / f"{policy}-{'all' if budget is None else budget}-seed{seed}.jsonl"
            out = file.with_suffix("")

            def trained(
                policy: str = policy,
                budget: int | None = budget,
                seed: int = seed,
                file: Path = file,
                out: Path = out,
            ) -> Right:
                curated = harmonia.curate(place / "audit", policy=policy, budget=budget, seed=seed)
                if budget is not None and len(curated) < budget:
                    raise SystemExit(f"{policy} has {len(curated)} rows; give a smaller --budget")
                curated.save(file)
                return right_of(
                    harmonia.train(base_folder(base), file, out=out, seed=seed, **TRAINING), wanted
                )

            found[name, seed] = kept_in(file.with_suffix(".json"), trained)
    return found


def _loaded(base: int) -> Any:
    return harmonia.load(base_folder(base), device="cpu")


def kept_in(file: Path, asked: Callable[[], Right]) -> Right:
    """What a model has right, asked once and then read."""
    if not file.is_file():
        write_json(file, asked())
    right: Right = json.loads(file.read_text(encoding="utf-8"))
    return right


def unit_of(
    found: Mapping[tuple[str, int], Right], base: str, how: str, pair: tuple[str, str], seeds: Sequence[int]
) -> PairedUnit:
    """Two sets' models on the facts that the base has right; what is said of all, or of rows, on all."""
    before = found["base", -1][how.removeprefix("all ")]
    names = [name for name, right in before.items() if right or how.startswith(("rows", "all "))]
    how = how.removeprefix("all ")
    numbers = [
        np.array([draw(0, "curation_study", f"{base}/{text}") for text in texts], dtype=np.uint64)
        for texts in (names, [name.removesuffix("-0").rsplit("-", 1)[0] for name in names])
    ]
    left, right = (
        np.array([[found[name, seed][how][one] for one in names] for seed in seeds], dtype=float)
        for name in pair
    )
    return PairedUnit(items_I=numbers[0], clusters_I=numbers[1], left_S_I=left, right_S_I=right)


def main() -> None:
    """Train, ask and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/curation"))
    parser.add_argument("--bases", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--budget", type=int, default=400, help="rows of each set")
    parser.add_argument("--rows", type=int, default=600, help="instructions of the file")
    parser.add_argument("--forms", type=int, default=200, help="general tasks of the file")
    parser.add_argument("--items", type=int, default=200, help="facts asked")
    sets = [RANDOM, *POLICIES, WHOLE]
    parser.add_argument("--sets", nargs="*", default=sets, choices=sets, help="random always among them")
    given = parser.parse_args()
    show({str(base): studied(base, given) for base in given.bases}, READ, given.sets, given.seeds)


def show(
    found: Mapping[str, Mapping[tuple[str, int], Right]],
    read: Mapping[str, str],
    sets: Sequence[str],
    seeds: Sequence[int],
) -> None:
    """Print what each set's models have right, by base, and how far that is from `random`."""
    print(f"| set | {' | '.join(read)} |\n| --- |{' --- |' * len(read)}")
    for name in sets:
        cells = []
        for how in read.values():
            units = [unit_of(one, base, how, (name, RANDOM), seeds) for base, one in found.items()]
            one = paired_bootstrap(units, address=f"{name}/{how}")
            gain = f" ({100 * one.value:+.1f} [{100 * one.low:+.1f}, {100 * one.high:+.1f}])"
            cells.append(f"{100 * one.left:.1f}" + ("" if name == RANDOM else gain))
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
