"""What each stage does, with the stages' own packages; everything is written in the run directory."""

from __future__ import annotations

import csv
import json
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harmonia.analysis import accuracy_of, consistency_of
from harmonia.data import ItemSource, ReadResult
from harmonia.errors import InputError
from harmonia.files import fresh_file, write_json, write_json_lines
from harmonia.groups import BuiltGroups, build_groups, write_group
from harmonia.pipeline.workbench import Workbench
from harmonia.probe import ask, read_beliefs, write_beliefs
from harmonia.prompts import LETTERS, ShotPool, parse_form
from harmonia.scoring import LoadedModel
from harmonia.training.sft import TrainingJob, fine_tune
from harmonia.types import Belief, SuiteName

PARTIAL = ".partial"
"""Folder in the run for what an interrupted stage can take up again."""


def read_data(bench: Workbench, *, domain_name: str) -> list[str]:
    """Read all of a domain's data once, before anything costly; note what was found."""
    domain = bench.experiment.domains[domain_name]
    sources: dict[str, ItemSource | None] = {"train": domain.train, "shots": domain.shots}
    for suite_name, suite in domain.suites.items():
        sources |= {suite_name: suite.items, f"{suite_name} shots": suite.shots}
    found: dict[str, Any] = {}
    skipped: list[dict[str, Any]] = []
    notes: list[str] = []
    for name, source in sources.items():
        if source is None:
            continue
        result = bench.items(source)
        found[name] = _found(bench, source, result)
        skipped += [{"source": name, **asdict(row)} for row in result.skipped]
        if result.skipped:
            notes.append(f"{domain_name}, {name}: {len(result.skipped)} bad rows left out")
    write_json(bench.run / "data" / f"{domain_name}.json", found)
    write_json_lines(bench.run / "data" / f"{domain_name}.skipped.jsonl", skipped)
    return notes


def data_found(run: Path) -> dict[str, Any]:
    """What was read so far, by `DOMAIN/SOURCE`."""
    return {
        f"{path.stem}/{name}": found
        for path in sorted((run / "data").glob("*.json"))
        for name, found in json.loads(path.read_text(encoding="utf-8")).items()
    }


def _found(bench: Workbench, source: ItemSource, result: ReadResult) -> dict[str, Any]:
    return {
        "file": source.path,
        "sha256": bench.input_hash(source.path),
        "items": len(result.items),
        "skipped": len(result.skipped),
        "repeated": sum(len(ids) - 1 for ids in result.repeated),
    }


def probe(bench: Workbench, *, domain_name: str, address: str) -> list[str]:
    """Ask the base model a domain's training items."""
    domain = bench.experiment.domains[domain_name]
    form = bench.experiment.prompt.probe_form
    out = bench.run / "beliefs" / f"{domain_name}.parquet"
    return _ask(bench, bench.base(), domain.train, domain.shots, form, out, address)


def evaluate(
    bench: Workbench, *, domain_name: str, suite: SuiteName, form: str, who: str, address: str
) -> list[str]:
    """Ask a model one suite in one form."""
    asked = bench.experiment.domains[domain_name].suites[suite]
    model = bench.base() if who == "base" else bench.tuned(f"models/{domain_name}/{who}")
    out = bench.run / "predictions" / domain_name / who / form / f"{suite}.parquet"
    return _ask(bench, model, asked.items, asked.shots, form, out, address)


def _ask(
    bench: Workbench,
    model: LoadedModel,
    items: ItemSource,
    shots: ItemSource | None,
    form_name: str,
    out: Path,
    address: str,
) -> list[str]:
    settings = bench.experiment.probe
    form = parse_form(form_name)
    template = bench.template()
    pool = None
    if form.shots and shots is not None:
        pool = ShotPool.of(bench.items(shots).items, bench.experiment.prompt)
    journal = bench.run / PARTIAL / f"{address}.jsonl"
    asked = ask(
        model,
        bench.items(items).items,
        form,
        template,
        pool=pool,
        normalisation=settings.normalisation,
        keep_prompts=settings.keep_prompts,
        batch_size=settings.batch_size,
        journal=journal,
        progress=bench.watcher.progress,
    )
    about = {"address": address, "template_hash": template.hash, "shortened": asked.shortened}
    write_beliefs(out, asked.beliefs, about)
    journal.unlink(missing_ok=True)
    if not asked.shortened:
        return []
    return [f"{asked.shortened} of {len(asked.beliefs)} items were asked with fewer than {form.shots} shots"]


def build(bench: Workbench, *, domain_name: str) -> list[str]:
    """Build a domain's training sets from its beliefs."""
    beliefs = read_beliefs(bench.run / "beliefs" / f"{domain_name}.parquet")
    settings = bench.experiment.groups
    built = build_groups(beliefs, settings, bench.template().exam, bench.instructions())
    folder = bench.run / "groups" / domain_name
    for name, rows in built.rows.items():
        write_group(folder / f"{name}.jsonl", rows)
    write_json(folder / "summary.json", summary(built, beliefs, settings.threshold))
    return []


def summary(built: BuiltGroups, beliefs: Sequence[Belief], threshold: float) -> dict[str, Any]:
    """What a person wants to know of a domain's groups: sizes, letters, explanations."""
    groups = {}
    for name, rows in built.rows.items():
        own = [row for row in rows if row.target is not None]
        letters = Counter(LETTERS[row.target] for row in own if row.target is not None)
        explained = sum(bool(row.explanation) for row in own)
        groups[name] = {
            "rows": len(own),
            "target_letters": dict(sorted(letters.items())),
            "explanations": explained,
        }
    return {
        "beliefs": len(beliefs),
        "confident": built.selection.found_right + built.selection.found_wrong,
        "found_right": built.selection.found_right,
        "found_wrong": built.selection.found_wrong,
        "threshold": threshold,
        "size": len(built.selection.wrong),
        "general": built.general,
        "groups": groups,
    }


def train(bench: Workbench, *, domain_name: str, group: str, seed: int, address: str) -> list[str]:
    """Fine-tune the base model on one group with one seed."""
    bench.release()
    job = TrainingJob(
        model=bench.experiment.model,
        prompt=bench.experiment.prompt,
        settings=bench.experiment.training,
        group=bench.run / "groups" / domain_name / f"{group}.jsonl",
        seed=seed,
    )
    checkpoints = bench.run / PARTIAL / address
    out = bench.run / "models" / domain_name / group / f"seed{seed}"
    trained = fine_tune(job, out, work=checkpoints, progress=bench.watcher.progress)
    shutil.rmtree(checkpoints, ignore_errors=True)
    if not trained.shortened:
        return []
    longest = bench.experiment.training.max_length
    return [f"{trained.shortened} of {trained.rows} rows were cut to {longest} tokens"]


def analyse(bench: Workbench, *, predictions: Sequence[str]) -> list[str]:
    """Tables of accuracy and consistency from all predictions that there are."""
    there = {path: read_beliefs(bench.run / path) for path in predictions if (bench.run / path).exists()}
    if not there:
        raise InputError(
            "there are no predictions to analyse", file=bench.run, remedy="See the stages' reasons."
        )
    results = [{**_who(path), **asdict(accuracy_of(beliefs))} for path, beliefs in there.items()]
    _write_csv(bench.run / "results.csv", results)
    probe_form = bench.experiment.prompt.probe_form
    rows = []
    for path, after in there.items():
        who = _who(path)
        for before_form in bench.experiment.base_forms:
            own = {"domain": who["domain"], "group": who["group"], "seed": who["seed"], "suite": who["suite"]}
            base = f"predictions/{who['domain']}/base/{before_form}/{who['suite']}.parquet"
            forms = {"before_form": before_form, "after_form": who["form"]}
            # The base against itself is compared once: the change of prompt form alone.
            if who["group"] == "base" and (before_form != probe_form or who["form"] == probe_form):
                continue
            if base in there:
                rows.append({**own, **forms, **asdict(consistency_of(there[base], after))})
    _write_csv(bench.run / "consistency.csv", rows)
    return []


def _who(path: str) -> dict[str, Any]:
    """The model, form and suite that a prediction file is of, from its place in the run."""
    _, domain, *model, form, suite = Path(path).with_suffix("").parts
    group, seed = (model[0], "") if len(model) == 1 else (model[0], model[1].removeprefix("seed"))
    return {"domain": domain, "group": group, "seed": seed, "form": form, "suite": suite}


def _write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    with fresh_file(path) as partial, partial.open("w", encoding="utf-8", newline="") as handle:
        if rows:
            writer = csv.DictWriter(handle, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


def report(bench: Workbench) -> list[str]:
    """Write the page and its figures."""
    from harmonia.report import write_report

    write_report(bench.run)
    return []
