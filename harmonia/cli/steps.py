"""The stages as commands of their own: probe, groups, train, evaluate, consistency."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from harmonia.cli import options as o


def probe(
    model: o.Model,
    items: o.Items,
    out: o.Out,
    shots_from: o.ShotsFrom = None,
    shots: Annotated[int, typer.Option(help="Demonstrations in each prompt.")] = 5,
    domain: o.Domain = None,
    method: o.MethodName = "letter",
    normalisation: o.Normalise = "raw",
    language: o.Language = "en",
    options_first: o.OptionsFirst = False,
    reader: o.Reader = "auto",
    subjects_of: o.SubjectsOf = None,
    subjects_outside: o.SubjectsOutside = None,
    on_bad_row: o.OnBadRow = "fail",
    limit: o.Limit = None,
    seed: o.Seed = 0,
    gguf_file: o.GgufFile = None,
    dtype: o.Dtype = "float32",
    device: o.Device = "auto",
    batch_size: o.BatchSize = 8,
    keep_prompts: o.KeepPrompts = False,
) -> None:
    """Ask a base model what it believes.

    Example: `harmonia probe --model MODEL --items engineering/train.jsonl
    --shots-from engineering/dev.jsonl --method cloze --on-bad-row skip --out beliefs.parquet`
    """
    source = {
        "reader": reader,
        "domain": domain,
        "subjects_of": subjects_of,
        "subjects_outside": subjects_outside,
        "on_bad_row": on_bad_row,
    }
    _ask(
        form=f"icl{shots}",
        out=out,
        items={**source, "path": items, "limit": limit, "seed": seed},
        shots=None if shots_from is None else {**source, "path": shots_from},
        model={"path": model, "gguf_file": gguf_file, "dtype": dtype, "device": device},
        prompt={"method": method, "language": language, "options_first": options_first, "shots": shots},
        asking={"normalisation": normalisation, "batch_size": batch_size, "keep_prompts": keep_prompts},
    )


def evaluate(
    model: o.Model,
    items: o.Items,
    out: o.Out,
    form: Annotated[str, typer.Option(help="chat0, or icl<k> with --shots-from.")] = "chat0",
    shots_from: o.ShotsFrom = None,
    domain: o.Domain = None,
    method: o.MethodName = "letter",
    normalisation: o.Normalise = "raw",
    language: o.Language = "en",
    chat: o.Chat = "vicuna",
    options_first: o.OptionsFirst = False,
    reader: o.Reader = "auto",
    subjects_of: o.SubjectsOf = None,
    subjects_outside: o.SubjectsOutside = None,
    on_bad_row: o.OnBadRow = "fail",
    limit: o.Limit = None,
    seed: o.Seed = 0,
    gguf_file: o.GgufFile = None,
    dtype: o.Dtype = "float32",
    device: o.Device = "auto",
    batch_size: o.BatchSize = 8,
    keep_prompts: o.KeepPrompts = False,
) -> None:
    """Ask a tuned model a test suite.

    Example: `harmonia evaluate --model tuned/ --items engineering/test.jsonl --form chat0
    --method cloze --on-bad-row skip --out after.parquet`
    """
    from harmonia.prompts import parse_form

    source = {
        "reader": reader,
        "domain": domain,
        "subjects_of": subjects_of,
        "subjects_outside": subjects_outside,
        "on_bad_row": on_bad_row,
    }
    _ask(
        form=form,
        out=out,
        items={**source, "path": items, "limit": limit, "seed": seed},
        shots=None if shots_from is None else {**source, "path": shots_from},
        model={"path": model, "gguf_file": gguf_file, "dtype": dtype, "device": device},
        prompt={
            "method": method,
            "language": language,
            "chat": chat,
            "options_first": options_first,
            "shots": parse_form(form).shots,
        },
        asking={"normalisation": normalisation, "batch_size": batch_size, "keep_prompts": keep_prompts},
    )


def groups(
    beliefs: Annotated[Path, typer.Option(help="Beliefs: Parquet of harmonia probe, or JSONL records.")],
    out: o.Out,
    threshold: Annotated[float, typer.Option(help="Confidence that a belief must exceed.")] = 0.5,
    seed: o.Seed = 0,
    size: Annotated[int | None, typer.Option(help="Most rows of a group.")] = None,
    ratios: Annotated[str, typer.Option(help="Mixed groups to build, such as 0,0.5,1.")] = "",
    general: Annotated[Path | None, typer.Option(help="General instructions to mix in.")] = None,
    general_ratio: Annotated[float, typer.Option(help="How many for each row.")] = 1.0,
    explanations: Annotated[str, typer.Option(help="gold or none.")] = "gold",
    domain: o.Domain = None,
    language: o.Language = "en",
    options_first: o.OptionsFirst = False,
    json_: o.Json = False,
) -> None:
    """Build training sets that agree with a model or contradict it.

    Example: `harmonia groups --beliefs beliefs.parquet --out groups/ --ratios 0,0.5,1`
    """
    from harmonia.data.general import read_instructions
    from harmonia.errors import InputError
    from harmonia.files import write_json
    from harmonia.groups import GroupSettings, build_groups, write_group
    from harmonia.pipeline.work import summary
    from harmonia.probe import read_beliefs
    from harmonia.prompts import ExamFormat, PromptSettings

    try:
        shares = tuple(float(part) for part in ratios.split(",") if part.strip())
    except ValueError as error:
        raise InputError(
            "not a list of numbers", field="--ratios", seen=ratios, remedy="Write it like 0,0.5,1."
        ) from error
    settings = GroupSettings.model_validate(
        {
            "threshold": threshold,
            "seed": seed,
            "size": size,
            "ratios": shares,
            "explanations": explanations,
            "general_ratio": general_ratio,
        }
    )
    asked = read_beliefs(beliefs, domain=domain)
    # Training must speak as the probe did: beliefs taken by cloze are taught as texts.
    method = "cloze" if asked[0].method == "cloze" else "letter"
    words = PromptSettings.model_validate({"method": method, "language": language})
    exam = ExamFormat(method=words.method, language=words.language, options_first=options_first)
    built = build_groups(asked, settings, exam, read_instructions(general) if general else ())
    for name, rows in built.rows.items():
        write_group(out / f"{name}.jsonl", rows)
    found = summary(built, asked, threshold)
    write_json(out / "summary.json", found)
    if json_:
        print(json.dumps(found))
    else:
        _print_groups(found, out)


def train(
    model: o.Model,
    group: Annotated[Path, typer.Option(help="Training set: JSONL whose rows have messages.")],
    out: o.Out,
    settings: Annotated[
        list[str] | None, typer.Argument(help="Training settings as KEY=VALUE, such as epochs=1 lora.rank=8.")
    ] = None,
    seed: o.Seed = 0,
    chat: o.Chat = "vicuna",
    gguf_file: o.GgufFile = None,
    dtype: o.Dtype = "float32",
    device: o.Device = "auto",
) -> None:
    """Fine-tune a model on a training set; the paper's settings unless told otherwise.

    Example: `harmonia train --model MODEL --group groups/harmonious.jsonl --out tuned/
    epochs=1 batch_size=16 precision=fp32`
    """
    import logging
    import shutil

    from harmonia.cli.progress import Bars
    from harmonia.cli.progress import out as console
    from harmonia.files import require_file
    from harmonia.hashing import file_sha256
    from harmonia.pipeline.settings_file import apply_overrides
    from harmonia.prompts import PromptSettings
    from harmonia.scoring import ModelSettings
    from harmonia.scoring.models import fingerprint
    from harmonia.training import TrainingSettings
    from harmonia.training.sft import TrainingJob, fine_tune, job_hash

    job = TrainingJob(
        model=ModelSettings.model_validate(
            {"path": model, "gguf_file": gguf_file, "dtype": dtype, "device": device}
        ),
        prompt=PromptSettings.model_validate({"chat": chat}),
        settings=TrainingSettings.model_validate(apply_overrides({}, settings or ())),
        group=require_file(group, what="the training set"),
        seed=seed,
    )
    # The rows that show the loss mask go to the screen: a person should see what is learned.
    logging.basicConfig(format="%(message)s")
    logging.getLogger("harmonia").setLevel(logging.INFO)
    address = job_hash(job, fingerprint(job.model), file_sha256(group))
    work = out.with_name(f".{out.name}.checkpoints-{address[:12]}")
    with Bars("training") as bars:
        trained = fine_tune(job, out, work=work, progress=bars.progress)
    shutil.rmtree(work, ignore_errors=True)
    console.print(
        f"{trained.steps} optimizer steps over {trained.rows} rows; {trained.shortened} rows were cut"
    )
    console.print(str(out))


def consistency(
    before: Annotated[Path, typer.Option(help="Beliefs of the model before tuning.")],
    after: Annotated[Path, typer.Option(help="Beliefs of the tuned model about the same items.")],
    json_: o.Json = False,
) -> None:
    """Compare two models' beliefs about the same items.

    Example: `harmonia consistency --before base.parquet --after tuned.parquet --json`
    """
    from harmonia.analysis import consistency_of
    from harmonia.probe import read_beliefs

    found = asdict(consistency_of(read_beliefs(before), read_beliefs(after)))
    if json_:
        print(json.dumps(found))
        return
    _print_pairs(found)


def _ask(
    *,
    form: str,
    out: Path,
    items: dict[str, Any],
    shots: dict[str, Any] | None,
    model: dict[str, Any],
    prompt: dict[str, Any],
    asking: dict[str, Any],
) -> None:
    """Read, ask, write and print a summary: the whole of `probe` and `evaluate`."""
    from harmonia.analysis import accuracy_of
    from harmonia.cli.progress import Bars, err
    from harmonia.data import ItemSource, read_items, write_skipped
    from harmonia.pipeline.experiment import ProbeSettings
    from harmonia.probe import ask, write_beliefs
    from harmonia.prompts import PromptSettings, ShotPool, build_template, parse_form
    from harmonia.scoring import ModelSettings, load_model
    from harmonia.scoring.models import fingerprint

    how = parse_form(form)
    words = PromptSettings.model_validate(prompt)
    settings = ProbeSettings.model_validate(asking)
    which = ModelSettings.model_validate(model)
    read = read_items(ItemSource.model_validate(items))
    pool = None
    if how.shots and shots is not None:
        pool = ShotPool.of(read_items(ItemSource.model_validate(shots)).items, words)
    loaded = load_model(which)
    template = build_template(words, loaded.tokenizer)
    with Bars("asking") as bars:
        asked = ask(
            loaded,
            read.items,
            how,
            template,
            pool=pool,
            normalisation=settings.normalisation,
            keep_prompts=settings.keep_prompts,
            batch_size=settings.batch_size,
            progress=bars.progress,
        )
    about = {"model": fingerprint(which), "template_hash": template.hash, "shortened": asked.shortened}
    write_beliefs(out, asked.beliefs, about)
    if read.skipped:
        write_skipped(read, out.with_name(f"{out.name}.skipped.jsonl"))
        err.print(f"bad rows left out: {len(read.skipped)}; see {out}.skipped.jsonl")
    if read.repeated:
        err.print(f"questions repeated under another id: {sum(len(ids) - 1 for ids in read.repeated)}")
    if asked.shortened:
        err.print(f"items asked with fewer than {how.shots} demonstrations: {asked.shortened}")
    confident = sum(belief.confidence > 0.5 for belief in asked.beliefs)
    _print_pairs(
        {**asdict(accuracy_of(asked.beliefs)), "confidence above 0.5": confident, "written": str(out)}
    )


def _print_pairs(values: dict[str, Any]) -> None:
    from rich.table import Table

    from harmonia.cli.progress import out as console

    table = Table(show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, value in values.items():
        shown = "-" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)
        table.add_row(name.replace("_", " "), shown)
    console.print(table)


def _print_groups(found: dict[str, Any], out: Path) -> None:
    from rich.table import Table

    from harmonia.cli.progress import out as console

    table = Table("group", "rows", "target letters", "with explanation")
    for name, group in found["groups"].items():
        letters = " ".join(f"{letter}:{count}" for letter, count in group["target_letters"].items())
        table.add_row(name, str(group["rows"]), letters, str(group["explanations"]))
    console.print(
        f"{found['beliefs']} beliefs, {found['confident']} above {found['threshold']:g}: "
        f"{found['found_right']} right, {found['found_wrong']} wrong; "
        f"{found['general']} general instructions each"
    )
    console.print(table)
    console.print(str(out))
