"""Run an experiment: each stage once, in order, resuming what was interrupted."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

import harmonia
from harmonia.errors import EmptyGroupError, HarmoniaError, redacted
from harmonia.files import disk_told, write_text
from harmonia.hashing import sha256_json
from harmonia.models.load import pick_device
from harmonia.outputs import remove_own
from harmonia.pipeline.check import check
from harmonia.pipeline.experiment import Experiment
from harmonia.pipeline.machine import git_commit, machine, peak_memory_mb, versions
from harmonia.pipeline.manifest import PARTIAL, SETTINGS, Manifest, claim_run, require_run_place
from harmonia.pipeline.settings_file import dump_experiment
from harmonia.pipeline.stage import Stage
from harmonia.pipeline.stages import build_stages
from harmonia.pipeline.watcher import Watcher
from harmonia.pipeline.work import data_found
from harmonia.pipeline.workbench import Workbench
from harmonia.prompts import Encoder, encode_prompt, parse_form
from harmonia.types import Item


def run_experiment(experiment: Experiment, watcher: Watcher | None = None) -> Path:
    """Run every stage that is not done yet.

    Args:
        experiment: The settings.
        watcher: Told how far the run is.

    Returns:
        The run directory.

    Raises:
        InputError: Settings, data or model are wrong.
        TrainingError: A fine-tuning run cannot go on.
    """
    bench = Workbench(experiment, watcher or Watcher())
    require_run_place(bench.run)
    stages = build_stages(bench)
    bench.watcher.start(len(stages))
    manifest = Manifest.read(bench.run)
    check(bench, [stage for stage in stages if not manifest.knows(stage)])
    with disk_told(bench.run), _alone(bench.run):
        manifest.head = _head(bench)
        write_text(bench.run / SETTINGS, dump_experiment(experiment))
        _forget(manifest, stages)
        manifest.begin()
        for stage in stages:
            _run_stage(stage, bench, manifest)
    return bench.run


def _run_stage(stage: Stage, bench: Workbench, manifest: Manifest) -> None:
    if manifest.is_done(stage):
        _note_data(stage, bench, manifest)
        bench.watcher.end(stage.key, "skipped")
        return
    if blocked := next((key for key in stage.needs if manifest.reason(key)), None):
        _not_computed(stage, f"it needs {blocked}, which could not be computed", bench, manifest)
        return
    bench.watcher.begin(stage.key)
    started = time.perf_counter()
    try:
        notes = stage.action(bench)
    except EmptyGroupError as error:
        _not_computed(stage, str(error), bench, manifest)
        return
    seconds = time.perf_counter() - started
    _note_data(stage, bench, manifest)
    manifest.note(stage, seconds=seconds, peak_memory_mb=peak_memory_mb(), notes=notes)
    bench.watcher.end(stage.key, "done")


def _note_data(stage: Stage, bench: Workbench, manifest: Manifest) -> None:
    kind, _, domain = stage.key.partition("/")
    if kind == "data":
        manifest.head["data"] |= data_found(bench.run, domain)
        manifest.write()  # the report reads it there


def _not_computed(stage: Stage, reason: str, bench: Workbench, manifest: Manifest) -> None:
    """Note that a stage has no result; what an earlier setting left in its place would mislead."""
    for output in stage.outputs:
        path = bench.run / output
        if path.is_dir():
            remove_own(path)
        else:
            path.unlink(missing_ok=True)
    manifest.note_not_computed(stage, reason)
    bench.watcher.end(stage.key, f"not computed: {reason}")


def _forget(manifest: Manifest, stages: Sequence[Stage]) -> None:
    """Drop notes of stages that the settings no longer have; their files stay."""
    keys = {stage.key for stage in stages}
    manifest.stages = {key: noted for key, noted in manifest.stages.items() if key in keys}


@contextmanager
def _alone(run: Path) -> Iterator[None]:
    """Hold a run directory against a second run in it; the hold ends with the process."""
    claim_run(run)
    lock = run / PARTIAL / "lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(lock, blocking=False):
            yield
    except Timeout as error:
        raise HarmoniaError(
            f"{run}: another run is at work here. Wait for it, or give another out=DIR."
        ) from error


def _head(bench: Workbench) -> dict[str, Any]:
    experiment = bench.experiment
    template = bench.template()
    tokenizer = template.chat.tokenizer
    general = experiment.general
    return {
        "name": experiment.name,
        "harmonia": harmonia.__version__,
        "versions": versions(),
        "command": [Path(sys.argv[0]).name, *map(redacted, sys.argv[1:])],
        "git_commit": git_commit(),
        "seeds": list(experiment.seeds),
        "model": {
            **experiment.model.model_dump(mode="json"),
            "hash": bench.model_hash(),
            "tokenizer_hash": sha256_json([tokenizer.get_vocab(), tokenizer.special_tokens_map]),
        },
        "preset": experiment.prompt.preset,
        "method": experiment.prompt.method,
        **template.about,
        "answer_tokens": _answer_tokens(bench),
        "machine": machine(pick_device(experiment.model.device)),
        "data": {},
        "general": general and {"file": general, "sha256": bench.input_hash(general)},
    }


def _answer_tokens(bench: Workbench) -> dict[str, dict[str, dict[str, Any]]]:
    """The letters' token ids in each form; empty for `cloze`, which scores texts."""
    experiment = bench.experiment
    template = bench.template()
    if template.exam.method != "letter":
        return {}
    encoder = Encoder(template.chat.tokenizer)
    example = Item(id="example", domain="example", question="?", choices=("1", "2", "3", "4"), answer=0)
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for name in dict.fromkeys(
        (experiment.prompt.probe_form, *experiment.base_forms, *experiment.tuned_forms)
    ):
        form = parse_form(name)
        request = encode_prompt(example, form, template.prompt(example, form), template, encoder)
        # Only the harness scores more than the letter: white space in front of it.
        ids = [continuation[-1] for continuation in request.continuations]
        found[name] = {
            letter: {"id": token, "token": spelled}
            for letter, token, spelled in zip("ABCD", ids, encoder.tokens(ids), strict=True)
        }
    return found
