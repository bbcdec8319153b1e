"""What each task does, with the packages of its kind; everything is written in the run directory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from harmonia.analysis import Place
from harmonia.analysis.run_answers import Who
from harmonia.data import ItemSource, ReadResult, Suite
from harmonia.data.stored_items import write_items
from harmonia.files import write_json, write_json_lines
from harmonia.groups import build_groups
from harmonia.groups.folder import write_groups
from harmonia.groups.names import BASE
from harmonia.journal import Chunks
from harmonia.models import Scorer
from harmonia.parsing import read_object
from harmonia.pipeline.experiment import Experiment
from harmonia.pipeline.manifest import PARTIAL
from harmonia.pipeline.overlaps import usable
from harmonia.pipeline.task import MOST_PARTS, TaskPart
from harmonia.pipeline.texts import texts_of
from harmonia.pipeline.workbench import Workbench
from harmonia.probe import ProbeSettings, ask, ask_chunks, chunks_of, read_beliefs, write_answers
from harmonia.probe.ask import CHUNK
from harmonia.probe.fit import ask_trained, questions_of, write_fit
from harmonia.prompts import Form, ShotPool, Template, parse_form
from harmonia.prompts.encode import Encoder
from harmonia.training.launched import fine_tune_launched
from harmonia.training.sft import TrainingJob, fine_tune
from harmonia.types import Item, Method


def read_data(bench: Workbench, *, domain_name: str) -> list[str]:
    """Read all of a domain's data once, before anything costly; store what is asked, note what was found."""
    found: dict[str, Any] = {}
    skipped: list[dict[str, Any]] = []
    notes: list[str] = []
    for name, (source, result) in read_sources(bench, domain_name).items():
        found[name] = _found(bench, source, result)
        skipped += [{"source": name, **row.parts()} for row in result.skipped]
        notes += [f"{domain_name}, {name}: {note}" for note in result.notes]
    domain = bench.experiment.domains[domain_name]
    asked = [domain.train, *(suite.items for suite in domain.suites.values())]
    items = (item for source in asked for item in bench.items(source).items)
    write_items(bench.run / "items" / f"{domain_name}.parquet", items)
    write_json(bench.run / "data" / f"{domain_name}.json", found)
    write_json_lines(bench.run / "data" / f"{domain_name}.skipped.jsonl", skipped)
    return notes


def read_sources(bench: Workbench, domain_name: str) -> dict[str, tuple[ItemSource, ReadResult]]:
    """A domain's sources and what is in them, by what they are for.

    Raises:
        InputError: A file or a row is wrong.
    """
    domain = bench.experiment.domains[domain_name]
    sources: dict[str, ItemSource | None] = {"train": domain.train, "shots": domain.shots}
    for suite_name, suite in domain.suites.items():
        sources |= {suite_name: suite.items, f"{suite_name} shots": suite.shots}
    return {name: (one, bench.items(one)) for name, one in sources.items() if one is not None}


def data_found(run: Path, domain_name: str) -> dict[str, Any]:
    """What was read of a domain, by `DOMAIN/SOURCE`; its data have been read."""
    found = read_object(run / "data" / f"{domain_name}.json", what="the note of the data")
    return {f"{domain_name}/{name}": one for name, one in found.items()}


def _found(bench: Workbench, source: ItemSource, result: ReadResult) -> dict[str, Any]:
    return {
        "file": source.path,
        "sha256": bench.input_hash(source.path),
        "items": len(result.items),
        "skipped": len(result.skipped),
        "repeated": sum(len(ids) - 1 for ids in result.repeated),
        "copies": result.copies,
    }


@dataclass(frozen=True, kw_only=True)
class Questions:
    """What a model is asked, and how.

    Attributes:
        suite: The items, and demonstrations.
        form: The form.
        settings: How often, and in which orders.
        out: The file of answers, relative to the run directory.
        address: The task's address.
        readout: The method; None for the probe's.
        tuned: Folder of the tuned model that is asked; None for the base model.
    """

    suite: Suite
    form: str
    settings: ProbeSettings
    out: str
    address: str
    readout: Method | None = None
    tuned: str | None = None


def probe_questions(experiment: Experiment, domain_name: str, address: str) -> Questions:
    """Of the base model a domain's training items."""
    domain = experiment.domains[domain_name]
    return Questions(
        suite=Suite(items=domain.train, shots=domain.shots),
        form=experiment.prompt.probe_form,
        settings=experiment.probe,
        out=f"beliefs/{domain_name}.parquet",
        address=address,
    )


def suite_questions(experiment: Experiment, place: Place, address: str) -> Questions:
    """Of a model one suite in one form by one method."""
    return Questions(
        suite=experiment.domains[place.domain].suites[place.suite],
        form=place.form,
        settings=evaluation_settings(experiment),
        out=place.file,
        address=address,
        readout=place.readout,
        tuned=None if place.group == BASE else f"models/{place.who}",
    )


def fit(bench: Workbench, *, who: Who, address: str) -> list[str]:
    """Ask a tuned model the rows that it was trained on."""
    group = bench.run / "groups" / who.domain / f"seed{who.seed}" / f"{who.group}.jsonl"
    rows = list(questions_of(group))
    journal = bench.run / PARTIAL / f"{address}.jsonl"
    answered, too_long = ask_trained(
        bench.tuned(f"models/{who.who}"),
        rows,
        bench.template(),
        settings=evaluation_settings(bench.experiment),
        chunks=Chunks(journal, bench.progress),
    )
    write_fit(bench.run / "fit" / f"{who.who}.parquet", answered, {"address": address})
    notes = [] if rows else ["it has no rows with options, so there is no fit to ask for"]
    return [*notes, *([f"rows too long to be asked: {too_long}"] if too_long else [])]


def evaluation_settings(experiment: Experiment) -> ProbeSettings:
    """How suites are asked: as the probe asks, with a single draw of demonstrations.

    Several draws tell how steady a belief is before it is trained on; a score needs none.
    """
    return experiment.probe.model_copy(update={"draws": 1})


def ask_all(bench: Workbench, *, questions: Questions) -> list[str]:
    """Ask a model its questions, those left that no part has asked."""
    journal, parts = _journals(bench, questions)
    about, how = _put(bench, questions)
    asked = ask(*about, **how, chunks=Chunks(journal, bench.progress, parts))
    told = {"address": questions.address, **bench.template(questions.readout).about, **asked.about}
    # Under beliefs/ and predictions/ the domain comes next.
    domain_name = Path(questions.out).parts[1].removesuffix(".parquet")
    items = bench.run / "items" / f"{domain_name}.parquet"
    write_answers(bench.run / questions.out, asked.beliefs, items, told)
    return asked.notes


def parts_to_ask(bench: Workbench, *, questions: Questions) -> list[TaskPart]:
    """What is still to be asked, in parts of whole chunks."""
    items = bench.items(questions.suite.items).items
    journal, parts = _journals(bench, questions)
    held = Chunks(journal, others=parts)
    places = chunks_of(items, parse_form(questions.form), questions.settings)
    left = [place for place in places if not held.holds(*place)]
    found = []
    size = math.ceil(len(left) / MOST_PARTS)
    for first in range(0, len(left), max(1, size)):
        mine = left[first : first + size]
        output = f"{PARTIAL}/{questions.address}.{mine[0][0]}-{mine[0][1]}.jsonl"
        found.append(
            TaskPart(
                action=partial(ask_part, questions=questions, places=mine, output=output),
                output=output,
                size=sum(len(items[start : start + CHUNK]) for _, start in mine),
            )
        )
    return found


def ask_part(
    bench: Workbench, *, questions: Questions, places: Sequence[tuple[int, int]], output: str
) -> list[str]:
    """Ask some chunks of the questions, and note the answers in a file of their own."""
    about, how = _put(bench, questions)
    ask_chunks(*about, **how, chunks=Chunks(bench.run / output, only=places))
    return []


def _put(
    bench: Workbench, questions: Questions
) -> tuple[tuple[Scorer, Sequence[Item], Form, Template], dict[str, Any]]:
    """Who is asked what in which form and words; and settings, demonstrations, and prompts that are kept."""
    suite, form, readout = questions.suite, parse_form(questions.form), questions.readout
    pool = None
    if form.shots and suite.shots is not None:
        pool = ShotPool.of(bench.items(suite.shots).items, bench.experiment.prompt)
    model = bench.base() if questions.tuned is None else bench.tuned(questions.tuned)
    # Those of the evaluations are kept for other models.
    fitted = readout and bench.fitted(suite, questions.form, readout)
    how = {"settings": questions.settings, "pool": pool, "fitted": fitted}
    return (model, bench.items(suite.items).items, form, bench.template(readout)), how


def _journals(bench: Workbench, questions: Questions) -> tuple[Path, list[Path]]:
    """The notes of who asks all questions, and of those who asked parts."""
    folder = bench.run / PARTIAL
    return folder / f"{questions.address}.jsonl", sorted(folder.glob(f"{questions.address}.*-*.jsonl"))


def build(bench: Workbench, *, domain_name: str, seed: int) -> list[str]:
    """Build a domain's training sets for one fine-tuning seed from its beliefs and texts."""
    beliefs = usable(bench, domain_name, read_beliefs(bench.run / "beliefs" / f"{domain_name}.parquet"))
    settings = bench.experiment.groups_of(seed)
    explanations, contexts = texts_of(bench, domain_name)
    general = bench.instructions()
    built = build_groups(beliefs, settings, bench.template().exam, general.rows, explanations, contexts)
    folder = bench.run / "groups" / domain_name / f"seed{seed}"
    write_groups(folder, built, beliefs, domain=domain_name, threshold=settings.threshold, seed=seed)
    # A row that leaves nothing to learn is told now, and not by a fine-tuning hours from here.
    template, training = bench.template(), bench.experiment.training
    encoder = Encoder(template.chat.tokenizer)
    for name in bench.experiment.trained_groups:
        rows = folder / f"{name}.jsonl"
        bench.training_sets.encode(rows, template, encoder, training.max_length, training.learn)
    notes = [f"{domain_name}: {note}" for note in built.notes]
    return [*notes, *(f"general instructions: {note}" for note in general.notes)]


def train(bench: Workbench, *, domain_name: str, group: str, seed: int, address: str) -> list[str]:
    """Fine-tune the base model on one group with one seed."""
    job = TrainingJob(
        model=bench.experiment.trained_files,
        prompt=bench.experiment.prompt,
        settings=bench.experiment.training,
        group=bench.run / "groups" / domain_name / f"seed{seed}" / f"{group}.jsonl",
        seed=seed,
    )
    out = bench.run / "models" / domain_name / group / f"seed{seed}"
    how: dict[str, Any] = {"work": bench.run / PARTIAL / address, "noted": bench.model_hash()}
    how["progress"] = bench.progress
    if launch := bench.experiment.execution.launch:
        bench.release()  # the devices are the others'
        trained = fine_tune_launched(launch, job, out, **how)
    else:
        trained = fine_tune(job, out, sets=bench.training_sets, resident=bench.resident(), **how)
    bench.hold(out.relative_to(bench.run).as_posix(), trained.model)
    return list(trained.notes)


def report(bench: Workbench) -> list[str]:
    """Write the page and its figures."""
    from harmonia.report import write_report

    write_report(bench.run)
    return []
