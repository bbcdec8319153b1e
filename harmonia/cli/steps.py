"""The stages as commands of their own: probe, train, evaluate, consistency."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harmonia.cli import options as o
from harmonia.cli.answerer import answerer, model_settings
from harmonia.cli.given import Given
from harmonia.cli.items import read, skipped_beside, write_skipped_rows
from harmonia.cli.progress import Bars, err, print_table
from harmonia.cli.progress import out as console

if TYPE_CHECKING:
    from harmonia.data import ItemSource
    from harmonia.prompts import PromptSettings
    from harmonia.types import Belief


def probe(
    model: o.Asked,
    items: o.Items,
    out: o.RecordsOut,
    shots_from: o.ShotsFrom = None,
    shots: o.Shots = None,
    domain: o.Domain = None,
    on_bad_row: Annotated[
        str | None, typer.Option(help="fail (default) names the first bad row; skip leaves all bad rows out.")
    ] = None,
    keep_prompts: o.KeepPrompts = False,
) -> None:
    """Ask a base model what it believes.

    Example: `harmonia probe --model MODEL --items engineering/train.jsonl --shots-from
    engineering/dev.jsonl --on-bad-row skip --out beliefs.parquet prompt.method=cloze limit=200`
    """
    from harmonia.prompts import PromptSettings

    given = Given.here()
    words = given.of(PromptSettings, {"shots": shots})
    source = {"domain": domain, "on_bad_row": on_bad_row}
    files = given.items(items, source), given.shots(shots_from, source)
    _ask(given, model, words.probe_form, words, files, keep_prompts, out)


def evaluate(
    model: o.Asked,
    items: o.Items,
    out: o.RecordsOut,
    form: Annotated[str, typer.Option(help="chat0, or `icl<k>` with --shots-from.")] = "chat0",
    shots_from: o.ShotsFrom = None,
    domain: o.Domain = None,
    chat: o.Chat = None,
    keep_prompts: o.KeepPrompts = False,
) -> None:
    """Ask a tuned model a test suite.

    Example: `harmonia evaluate --model tuned/ --items engineering/test.jsonl --form chat0
    --out after.parquet prompt.method=cloze on_bad_row=skip`
    """
    from harmonia.prompts import PromptSettings, parse_form

    given = Given.here()
    words = given.of(PromptSettings, {"chat": chat, "shots": parse_form(form).shots})
    source = {"domain": domain}
    files = given.items(items, source), given.shots(shots_from, source)
    _ask(given, model, form, words, files, keep_prompts, out)


def train(
    model: o.Model,
    group: Annotated[
        Path, typer.Option(help="Rows to learn: alpaca, sharegpt, messages or prompt/completion.")
    ],
    out: o.Out,
    seed: o.Seed = 0,
    chat: o.Chat = None,
) -> None:
    """Fine-tune a model on a training set (JSONL, JSON, Parquet); the paper's settings unless told otherwise.

    Example: `harmonia train --model MODEL --group groups/harmonious.jsonl --out tuned/
    epochs=1 batch_size=16 precision=fp32`
    """
    import logging

    from harmonia.files import require_file
    from harmonia.models import ModelSettings
    from harmonia.outputs import require_folder_place
    from harmonia.prompts import PromptSettings
    from harmonia.training import TrainingSettings
    from harmonia.training.alone import fine_tune_alone
    from harmonia.training.sft import RECORD, TrainingJob

    given = Given.here()
    require_folder_place(out, inputs=(model, group), holds=RECORD)
    job = TrainingJob(
        model=given.of(ModelSettings, {"path": model}),
        prompt=given.of(PromptSettings, {"chat": chat}),
        settings=given.of(TrainingSettings),
        group=require_file(group, what="the training set"),
        seed=seed,
    )
    # The rows that show the loss mask go to the screen: a person should see what is learned.
    logging.getLogger("harmonia").setLevel(logging.INFO)
    with Bars("training") as bars:
        trained = fine_tune_alone(job, out, progress=bars.progress)
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

    --json has more measures: Spearman, Kendall, KL the other way, Jensen-Shannon, entropies.

    Example: `harmonia consistency --before base.parquet --after tuned.parquet --json`
    """
    from harmonia.analysis.consistency import consistency_of_files
    from harmonia.analysis.outcomes import OUTCOMES
    from harmonia.probe.level import LEVELS

    found = asdict(consistency_of_files(before, after))
    if json_:
        print(json.dumps(found))
        return
    of = f"{found['n']} items" + (f", {found['clusters']} clusters" if found["clusters"] else "")
    names = {"accuracy_change": "change", "rank_agreement": "rank agreement", "kl": "KL, nats"}
    measures = [
        ("right before", f"{found['accuracy_before']:.3f}"),
        ("right after", f"{found['accuracy_after']:.3f}"),
        *(
            (words, f"{found[name]:.3f} [{found[f'{name}_low']:.3f}, {found[f'{name}_high']:.3f}]")
            for name, words in names.items()
        ),
    ]
    print_table((of, "in brackets 95 %"), measures)
    outcomes = OUTCOMES.values()
    counts = [(name, *(str(found[f"{name}_{one}"]) for one in outcomes)) for name in LEVELS]
    counts.append(("all", *(str(found[one]) for one in outcomes)))
    print_table(("level before", *outcomes), counts, numbers={1, 2, 3, 4})


def _ask(
    given: Given,
    model: str,
    form: str,
    words: PromptSettings,
    files: tuple[ItemSource, ItemSource | None],
    keep_prompts: bool,
    out: Path,
) -> None:
    """Read, ask, write and print a summary: the whole of `probe` and `evaluate`."""
    from harmonia import api
    from harmonia.hashing import result_settings, sha256_json
    from harmonia.outputs import scratch
    from harmonia.pipeline.graph import VERSIONS
    from harmonia.probe import BELIEFS, ProbeSettings
    from harmonia.prompts import parse_form

    (items, shots), shown_in = files, parse_form(form)
    BELIEFS.require_place(out, inputs=(items.path, shots.path if shots else None))
    skipped = skipped_beside(out, items)
    asking = given.of(ProbeSettings, {"keep_prompts": keep_prompts or None})
    which = model_settings(given, model)
    found = read(items)  # before the model: a bad row is told at once, and so is what is missing
    shown_in.require_shots(shots)
    shown = read(shots) if shots is not None and shown_in.shots else None
    loaded = answerer(which)
    every = [asdict(item) for part in (found, shown) if part for item in part.items]
    settings = [result_settings(one) for one in (words, asking)]
    address = sha256_json([VERSIONS["probe"], loaded.identity, form, settings, len(found.items), every])
    journal = scratch(out, f"asked-{address[:12]}.jsonl")
    with Bars("asking") as bars:
        asked = api.probe(
            loaded,
            found.items,
            shots=None if shown is None else shown.items,
            form=form,
            prompt=words,
            probe=asking,
            progress=bars.progress,
            journal=journal,
        )
    asked.save(out)
    journal.unlink(missing_ok=True)
    write_skipped_rows(found, skipped)
    for line in asked.notes:
        err.print(line)
    _print_pairs(_summary(asked))
    console.print(str(out))


def _summary(asked: Sequence[Belief]) -> dict[str, Any]:
    """What the screen shows of answers, by name."""
    from collections import Counter

    from harmonia.analysis import accuracy_of
    from harmonia.analysis.answers import Answers
    from harmonia.analysis.calibration import calibration_of
    from harmonia.analysis.letter_bias import by_letter, letter_bias

    bias, (calibration, _) = letter_bias(asked), calibration_of(Answers.of(list(asked)))
    return {
        **asdict(accuracy_of(asked)),
        "confidence above 0.5": sum(belief.confidence > 0.5 for belief in asked),
        "RStd of the letters": bias.rstd,
        "RStd without bias, mean": bias.rstd_null,
        "RStd without bias, 95 %": bias.rstd_null_95,
        "ECE": calibration.ece,
        "ECE if calibrated, mean": calibration.ece_null,
        "ECE if calibrated, 95 %": calibration.ece_null_95,
        "letters answered": by_letter(bias.answered),
        "letter prior": by_letter(bias.prior),
        **Counter(belief.category for belief in asked if belief.category),
    }


def _print_pairs(values: dict[str, Any]) -> None:
    def shown(value: Any) -> str:
        return "-" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)

    rows = [(name.replace("_", " "), shown(value)) for name, value in values.items()]
    print_table(("", ""), rows, numbers={1})
