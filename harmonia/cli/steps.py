"""The stages as commands of their own: probe, train, evaluate, consistency."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harmonia.cli import options as o
from harmonia.cli.items import read, skipped_beside, source_of, write_skipped_rows

if TYPE_CHECKING:
    from harmonia.data import ItemSource
    from harmonia.models import ModelSettings


def probe(
    model: o.Model,
    items: o.Items,
    out: o.RecordsOut,
    settings: o.ItemSettings = None,
    shots_from: o.ShotsFrom = None,
    shots: Annotated[int, typer.Option(help="Demonstrations in each prompt.")] = 5,
    domain: o.Domain = None,
    method: o.MethodName = "letter",
    preset: o.PresetName = "corrected",
    draws: o.Draws = 1,
    option_order: o.OptionOrder = "given",
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
    trust_remote_code: o.TrustRemoteCode = False,
    dtype: o.Dtype = "float32",
    device: o.Device = "auto",
    batch_tokens: o.BatchTokens = None,
    keep_prompts: o.KeepPrompts = False,
) -> None:
    """Ask a base model what it believes.

    Example: `harmonia probe --model MODEL --items engineering/train.jsonl
    --shots-from engineering/dev.jsonl --method cloze --on-bad-row skip --out beliefs.parquet`
    """
    options = {
        "reader": reader,
        "domain": domain,
        "subjects_of": subjects_of,
        "subjects_outside": subjects_outside,
        "on_bad_row": on_bad_row,
    }
    _ask(
        form=f"icl{shots}",
        out=out,
        items=source_of(items, {**options, "limit": limit, "seed": seed}, settings),
        shots=None if shots_from is None else source_of(shots_from, options, settings, shots=True),
        model=o.model_settings(model, gguf_file, trust_remote_code, dtype, device),
        prompt={
            "method": method,
            "preset": preset,
            "language": language,
            "options_first": options_first,
            "shots": shots,
            "shot_seed": seed,
        },
        asking={
            "normalisation": normalisation,
            "option_order": option_order,
            "draws": draws,
            "seed": seed,
            "batch_tokens": batch_tokens,
            "keep_prompts": keep_prompts,
        },
    )


def evaluate(
    model: o.Model,
    items: o.Items,
    out: o.RecordsOut,
    settings: o.ItemSettings = None,
    form: Annotated[str, typer.Option(help="chat0, or `icl<k>` with --shots-from.")] = "chat0",
    shots_from: o.ShotsFrom = None,
    domain: o.Domain = None,
    method: o.MethodName = "letter",
    preset: o.PresetName = "corrected",
    draws: o.Draws = 1,
    option_order: o.OptionOrder = "given",
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
    trust_remote_code: o.TrustRemoteCode = False,
    dtype: o.Dtype = "float32",
    device: o.Device = "auto",
    batch_tokens: o.BatchTokens = None,
    keep_prompts: o.KeepPrompts = False,
) -> None:
    """Ask a tuned model a test suite.

    Example: `harmonia evaluate --model tuned/ --items engineering/test.jsonl --form chat0
    --method cloze --on-bad-row skip --out after.parquet`
    """
    from harmonia.prompts import parse_form

    options = {
        "reader": reader,
        "domain": domain,
        "subjects_of": subjects_of,
        "subjects_outside": subjects_outside,
        "on_bad_row": on_bad_row,
    }
    _ask(
        form=form,
        out=out,
        items=source_of(items, {**options, "limit": limit, "seed": seed}, settings),
        shots=None if shots_from is None else source_of(shots_from, options, settings, shots=True),
        model=o.model_settings(model, gguf_file, trust_remote_code, dtype, device),
        prompt={
            "method": method,
            "preset": preset,
            "language": language,
            "chat": chat,
            "options_first": options_first,
            "shots": parse_form(form).shots,
            "shot_seed": seed,
        },
        asking={
            "normalisation": normalisation,
            "option_order": option_order,
            "draws": draws,
            "seed": seed,
            "batch_tokens": batch_tokens,
            "keep_prompts": keep_prompts,
        },
    )


def train(
    model: o.Model,
    group: Annotated[
        Path, typer.Option(help="Rows to learn: alpaca, sharegpt, messages or prompt/completion.")
    ],
    out: o.Out,
    settings: Annotated[
        list[str] | None, typer.Argument(help="Training settings as KEY=VALUE, such as epochs=1 lora.rank=8.")
    ] = None,
    seed: o.Seed = 0,
    chat: o.Chat = "vicuna",
    gguf_file: o.GgufFile = None,
    trust_remote_code: o.TrustRemoteCode = False,
    dtype: o.Dtype = "float32",
    device: o.Device = "auto",
) -> None:
    """Fine-tune a model on a training set (JSONL, JSON, Parquet); the paper's settings unless told otherwise.

    Example: `harmonia train --model MODEL --group groups/harmonious.jsonl --out tuned/
    epochs=1 batch_size=16 precision=fp32`
    """
    import logging
    import shutil

    from harmonia.cli.progress import Bars
    from harmonia.cli.progress import out as console
    from harmonia.files import require_file
    from harmonia.hashing import file_sha256
    from harmonia.models import fingerprint
    from harmonia.outputs import require_folder_place, scratch
    from harmonia.pipeline.settings_file import apply_overrides
    from harmonia.prompts import PromptSettings
    from harmonia.training import TrainingSettings
    from harmonia.training.sft import TrainingJob, fine_tune, job_hash

    require_folder_place(out, inputs=(model, group))
    job = TrainingJob(
        model=o.model_settings(model, gguf_file, trust_remote_code, dtype, device),
        prompt=PromptSettings.model_validate({"chat": chat}),
        settings=TrainingSettings.model_validate(apply_overrides({}, settings or ())),
        group=require_file(group, what="the training set"),
        seed=seed,
    )
    # The rows that show the loss mask go to the screen: a person should see what is learned.
    logging.getLogger("harmonia").setLevel(logging.INFO)
    noted = fingerprint(job.model)
    address = job_hash(job, noted, file_sha256(group))
    work = scratch(out, f"checkpoints-{address[:12]}")
    with Bars("training") as bars:
        trained = fine_tune(job, out, work=work, progress=bars.progress, noted=noted)
    shutil.rmtree(work, ignore_errors=True)
    console.print(f"optimizer steps: {trained.steps}; rows: {trained.rows}")
    for note in trained.notes:
        console.print(f"note: {note}")
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
    items: ItemSource,
    shots: ItemSource | None,
    model: ModelSettings,
    prompt: dict[str, Any],
    asking: dict[str, Any],
) -> None:
    """Read, ask, write and print a summary: the whole of `probe` and `evaluate`."""
    from collections import Counter

    from harmonia.analysis import accuracy_of
    from harmonia.analysis.letter_bias import by_letter, letter_bias
    from harmonia.cli.progress import Bars, err
    from harmonia.cli.progress import out as console
    from harmonia.models import fingerprint, load_model
    from harmonia.probe import BELIEFS, ProbeSettings, ask, write_beliefs
    from harmonia.prompts import PromptSettings, ShotPool, build_template, parse_form

    BELIEFS.require_place(out, inputs=(items.path, shots.path if shots else None))
    skipped = skipped_beside(out, items)
    how = parse_form(form)
    words = PromptSettings.model_validate(prompt)
    settings = ProbeSettings.model_validate(asking)
    found = read(items)
    pool = None
    if how.shots and shots is not None:
        pool = ShotPool.of(read(shots).items, words)
    noted = fingerprint(model)
    loaded = load_model(model, noted)
    template = build_template(words, loaded.tokenizer)
    with Bars("asking") as bars:
        asked = ask(
            loaded,
            found.items,
            how,
            template,
            settings=settings,
            pool=pool,
            progress=bars.progress,
        )
    about = {"model": noted, **template.about, **asked.about}
    write_beliefs(out, asked.beliefs, about)
    write_skipped_rows(found, skipped)
    if asked.shortened:
        err.print(f"items asked with fewer than {how.shots} demonstrations: {asked.shortened}")
    for line in asked.notes:
        err.print(line)
    bias = letter_bias(asked.beliefs)
    _print_pairs(
        {
            **asdict(accuracy_of(asked.beliefs)),
            "confidence above 0.5": sum(belief.confidence > 0.5 for belief in asked.beliefs),
            "RStd of the letters": bias.rstd,
            "letters answered": by_letter(bias.answered),
            "letter prior": by_letter(bias.prior),
            **Counter(belief.category for belief in asked.beliefs if belief.category),
        }
    )
    console.print(str(out))


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
