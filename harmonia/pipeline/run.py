"""Run experiments: each task once, resuming what was interrupted."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import harmonia
from harmonia.errors import HarmoniaError, redacted
from harmonia.files import disk_told, write_text
from harmonia.hashing import sha256_json
from harmonia.models.load import pick_device
from harmonia.outputs import held_alone
from harmonia.pipeline.agenda import Agenda, Run
from harmonia.pipeline.changes import tell_changed
from harmonia.pipeline.check import check
from harmonia.pipeline.executors import Executor, Local
from harmonia.pipeline.experiment import ExecutionSettings, Experiment
from harmonia.pipeline.machine import git_commit, machine, versions
from harmonia.pipeline.manifest import PARTIAL, SETTINGS, claim_run
from harmonia.pipeline.processes import Processes
from harmonia.pipeline.settings_file import dump_experiment
from harmonia.pipeline.watcher import Watcher
from harmonia.pipeline.workbench import Workbench
from harmonia.prompts import Encoder, encode_prompt, parse_form
from harmonia.types import Item

_MOST_NAMED = 12


def executor_of(settings: ExecutionSettings) -> Executor:
    """The executor that the settings name.

    Raises:
        MissingExtraError: It is `ray`, and Ray is not installed.
    """
    if settings.executor == "ray":
        from harmonia.pipeline.ray_executor import OnRay

        return OnRay(settings)
    return Local() if settings.executor == "local" else Processes(settings.workers)


def run_experiment(experiment: Experiment, watcher: Watcher | None = None) -> Path:
    """Run every task of an experiment that is not done yet, where its settings say.

    Args:
        experiment: The settings.
        watcher: Told how far the run is.

    Returns:
        The run directory.

    Raises:
        InputError: Settings, data or model are wrong; nothing was written.
        HarmoniaError: Another run is at work there, or tasks failed; all that do not need
            them were done.
        OSError: Something could not be written.
    """
    return run_experiments([experiment], executor_of(experiment.execution), watcher)[0]


def run_experiments(
    experiments: Sequence[Experiment], executor: Executor, watcher: Watcher | None = None
) -> list[Path]:
    """Run several experiments, each as `run_experiment` does, with one executor.

    Args:
        experiments: Experiments with run directories of their own.
        executor: Does their tasks.
        watcher: Told how far the runs are.

    Returns:
        The run directories, in order.
    """
    watcher = watcher or Watcher()
    runs = [Run(Workbench(one), watcher) for one in experiments]
    heads = [_head(run.bench, executor.threads) for run in runs]
    for run in runs:
        check(run.bench, [task for task in run.graph.tasks.values() if not run.manifest.knows(task)])
    executor.require(runs)
    with ExitStack() as held:
        for run, head in zip(runs, heads, strict=True):
            held.enter_context(disk_told(run.bench.run))
            held.enter_context(_alone(run.bench.run))
            watcher.start(run.name, len(run.graph.tasks))
            tell_changed(run.bench, run.graph)
            write_text(run.bench.run / SETTINGS, dump_experiment(run.bench.experiment))
            run.look()  # another run may have been at work here until now
            run.manifest.head = head | {"tasks": len(run.graph.tasks)}
            run.manifest.begin()
        executor.run(Agenda(runs, splits=executor.splits))
    if failed := [told for run in runs if (told := _failures(run))]:
        raise HarmoniaError("\n".join(failed))
    return [run.bench.run for run in runs]


def _failures(run: Run) -> str:
    """What failed, why, and what could not be computed because of it; nothing if nothing did."""
    failed = {key: noted.reason for key, noted in run.manifest.stages.items() if noted.status == "failed"}
    if not failed:
        return ""
    reasons: dict[str | None, list[str]] = defaultdict(list)
    for key, reason in failed.items():
        reasons[reason].append(key)
    lines = [f"{run.bench.run}: {len(failed)} of {len(run.graph.tasks)} tasks failed."]
    lines += [f"  {_named(keys)}: {reason}" for reason, keys in reasons.items()]
    blocked = run.graph.needing(failed)
    if lost := [key for key in run.manifest.stages if key in blocked and run.manifest.reason(key)]:
        lines.append(f"  Not computed because of that: {_named(lost)}.")
    return "\n".join([*lines, "  The same command takes them up again."])


def _named(keys: Sequence[str]) -> str:
    more = len(keys) - _MOST_NAMED
    return ", ".join(keys[:_MOST_NAMED]) + (
        f" and {more} more, which manifest.json lists" if more > 0 else ""
    )


@contextmanager
def _alone(run: Path) -> Iterator[None]:
    """Hold a run directory against a second run in it; the hold ends with the process."""
    claim_run(run)
    problem = f"{run}: another run is at work here. Wait for it, or give another out=DIR."
    with held_alone(run / PARTIAL / "lock", problem):
        yield


def _head(bench: Workbench, threads: int) -> dict[str, Any]:
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
            "tokenizer_hash": _tokenizer_hash(tokenizer),
        },
        "preset": experiment.prompt.preset,
        "method": experiment.prompt.method,
        **template.about,
        "answer_tokens": _answer_tokens(bench),
        "machine": {**machine(pick_device(experiment.model.device)), "threads": threads},
        "data": {},
        "general": general and {"file": general, "sha256": bench.input_hash(general)},
    }


def _tokenizer_hash(tokenizer: Any) -> str | None:
    """Of its vocabulary and control tokens; None where it lives in a server: it is in the model's hash."""
    if not hasattr(tokenizer, "get_vocab"):
        return None
    return sha256_json([tokenizer.get_vocab(), tokenizer.special_tokens_map])


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
