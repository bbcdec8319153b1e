"""Fine-tune a model on a training set with TRL's SFTTrainer.

What is ours: the token mask (encode.py), the order of rows, what stops a run, and how a
checkpoint is laid down. The loop, the loss and the optimizer are the library's.
"""

from __future__ import annotations

import logging
import math
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harmonia.errors import InputError, MissingExtraError, TrainingError
from harmonia.files import fresh_directory, write_json, write_json_lines
from harmonia.groups.records import read_training_rows
from harmonia.hashing import result_settings, sha256_json
from harmonia.prompts import PromptSettings, build_template
from harmonia.scoring.encode import Encoder
from harmonia.scoring.models import (
    BASE_RECORD,
    ModelSettings,
    context_length,
    load_tokenizer,
    load_weights,
    pick_device,
    resolve_folder,
)
from harmonia.training.encode import EncodedSet, encode_rows, show_mask
from harmonia.training.settings import TrainingSettings

Progress = Callable[[int, int], None]
"""Called with (optimizer steps done, steps in all)."""

RECORD = "training.json"
LOSSES = "loss.jsonl"
TRACKED = "runs"
"""Where TensorBoard's event files lie, in transformers' own layout."""
_COMPLETE = "harmonia_complete"
_KEPT = ("step", "loss", "grad_norm", "learning_rate")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingJob:
    """Everything that decides a checkpoint.

    Attributes:
        model: The model to start from.
        prompt: How conversations are written; the same settings ask the model later.
        settings: How to train.
        group: The training set (JSONL).
        seed: Seed of the rows' order and of adapter weights and dropout.
    """

    model: ModelSettings
    prompt: PromptSettings
    settings: TrainingSettings
    group: Path
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What a run did.

    Attributes:
        steps: Optimizer steps.
        rows: Rows of the set.
        shortened: Rows cut to the longest length.
        resumed_from: Step that a resumed run took up; None for a run from the start.
    """

    steps: int
    rows: int
    shortened: int
    resumed_from: int | None


def fine_tune(job: TrainingJob, out: Path, *, work: Path, progress: Progress | None = None) -> Trained:
    """Train and write a model folder, in one step, with `training.json` and `loss.jsonl`.

    Args:
        job: What to train on what.
        out: The model folder.
        work: Folder for checkpoints to resume from; a run killed and called again with
            the same job goes on from the last whole one. Removed by the caller.
        progress: Told how far it is.

    Raises:
        InputError: The training set or the model is wrong.
        MissingExtraError: LoRA is asked for and PEFT is not installed.
        TrainingError: The loss is no longer a finite number.
    """
    tokenizer = load_tokenizer(job.model)
    template = build_template(job.prompt, tokenizer)
    encoder = Encoder(tokenizer)
    model = load_weights(job.model.model_copy(update={"dtype": "float32"}))
    longest = min(job.settings.max_length, context_length(model.config, resolve_folder(job.model)))
    rows = read_training_rows(job.group)
    encoded = encode_rows(rows, template, encoder, longest, file=str(job.group))
    shown = show_mask(encoded, encoder)
    for row in shown:
        log.info("row %s learns %r after %r", row["id"], row["learned"], row["prompt"][-60:])
    steps = math.ceil(len(encoded.rows) * job.settings.epochs / job.settings.batch_size)
    resume = _last_complete(work)
    trainer = _trainer(job, model, tokenizer, encoded, work, steps, progress)
    trainer.train(resume_from_checkpoint=None if resume is None else str(resume))
    with fresh_directory(out) as partial:
        _save(job, trainer, tokenizer, template.chat.jinja, partial)
        losses = [entry for entry in trainer.state.log_history if "loss" in entry]
        write_json_lines(partial / LOSSES, ({key: entry[key] for key in _KEPT} for entry in losses))
        record = {
            "settings": job.settings.model_dump(mode="json"),
            "seed": job.seed,
            "template_hash": template.hash,
            "chat": template.chat.name,
            "rows": len(encoded.rows),
            "shortened_rows": encoded.shortened,
            "learned_tokens": sum(len(row.learned) for row in encoded.rows),
            "tokens": sum(len(row.input_ids) for row in encoded.rows),
            "optimizer_steps": steps,
            "mask": shown,
        }
        write_json(partial / RECORD, record)
        if (work / TRACKED).is_dir():
            # The caller removes `work`, and what a tracker drew there would go with it.
            shutil.copytree(work / TRACKED, partial / TRACKED)
    return Trained(
        steps=steps,
        rows=len(encoded.rows),
        shortened=encoded.shortened,
        resumed_from=None if resume is None else int(resume.name.split("-")[-1]),
    )


def _trainer(
    job: TrainingJob,
    model: Any,
    tokenizer: Any,
    encoded: EncodedSet,
    work: Path,
    steps: int,
    progress: Progress | None,
) -> Any:
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    settings = job.settings
    rows = encoded.epochs(settings.epochs, job.seed)
    data = Dataset.from_dict(
        {"input_ids": [list(row.input_ids) for row in rows], "labels": [list(row.labels) for row in rows]}
    )
    every = math.ceil(steps / settings.epochs) if settings.save_steps is None else settings.save_steps
    accumulation, rest = divmod(settings.batch_size, settings.micro_batch * _devices(job.model.device))
    if rest:
        raise InputError(
            f"batch_size is not a multiple of micro_batch times {_devices(job.model.device)} devices",
            field="batch_size",
            seen=settings.batch_size,
            remedy="Change micro_batch, or the number of devices (CUDA_VISIBLE_DEVICES).",
        )
    config = SFTConfig(
        output_dir=str(work),
        num_train_epochs=1,  # the epochs are laid out in the data
        train_sampling_strategy="sequential",
        per_device_train_batch_size=settings.micro_batch,
        gradient_accumulation_steps=accumulation,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.schedule,
        warmup_steps=settings.warmup,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        bf16=settings.precision == "bf16",
        activation_checkpointing=settings.gradient_checkpointing,
        save_strategy="steps" if every else "no",
        save_steps=every or 1,
        save_total_limit=2,
        logging_steps=1,
        logging_nan_inf_filter=False,
        report_to=list(settings.report_to) or "none",
        seed=job.seed,
        data_seed=job.seed,
        use_cpu=pick_device(job.model.device) == "cpu",
        max_length=None,
        packing=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        disable_tqdm=True,
    )
    trainer = SFTTrainer(
        model=model,
        args=config,
        train_dataset=data,
        processing_class=tokenizer,
        peft_config=_peft_config(settings),
        callbacks=[_callback(work, progress, steps)],
    )
    _quiet(trainer)
    return trainer


def _devices(device: str) -> int:
    """Devices that share an optimizer step: the processes of a launcher, or all GPUs of this one."""
    import torch

    if "WORLD_SIZE" in os.environ:
        return int(os.environ["WORLD_SIZE"])
    return max(1, torch.cuda.device_count()) if pick_device(device).startswith("cuda") else 1


def _callback(work: Path, progress: Progress | None, steps: int) -> Any:
    """Stops at a loss that is not finite, marks whole checkpoints, tells how far it is."""
    from transformers import TrainerCallback

    class Watch(TrainerCallback):  # type: ignore[misc]
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            for name in ("loss", "grad_norm"):
                value = (logs or {}).get(name)
                if value is not None and not math.isfinite(value):
                    raise TrainingError(
                        f"the {name} is {value} at optimizer step {state.global_step} of {steps}; "
                        "no model was written. Lower learning_rate, or train with precision: fp32."
                    )

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            (work / f"checkpoint-{state.global_step}" / _COMPLETE).touch()

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if progress:
                progress(state.global_step, steps)

    return Watch()


def _quiet(trainer: Any) -> None:
    """Drop the callback that prints every log line; the losses are on disk."""
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)


def _peft_config(settings: TrainingSettings) -> Any:
    if settings.lora is None:
        return None
    try:
        from peft import LoraConfig
    except ImportError as error:
        raise MissingExtraError(
            "LoRA needs the library peft", remedy="Install it: pip install 'harmonia[lora]'."
        ) from error
    return LoraConfig(
        r=settings.lora.rank,
        lora_alpha=settings.lora.alpha,
        lora_dropout=settings.lora.dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


def _last_complete(work: Path) -> Path | None:
    """The newest checkpoint that was written whole."""
    whole = [path.parent for path in work.glob(f"checkpoint-*/{_COMPLETE}")]
    return max(whole, key=lambda path: int(path.name.split("-")[-1]), default=None)


def _save(job: TrainingJob, trainer: Any, tokenizer: Any, jinja: str, folder: Path) -> None:
    """Write weights (or adapter), tokenizer and chat template as an ordinary model folder."""
    import torch

    model = trainer.accelerator.unwrap_model(trainer.model)
    if job.settings.lora is None:
        model = model.to(getattr(torch, job.model.dtype))
    else:
        base = job.model.model_copy(update={"path": str(resolve_folder(job.model).resolve())})
        (folder / BASE_RECORD).write_text(base.model_dump_json() + "\n", encoding="utf-8")
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer.chat_template = jinja
    tokenizer.save_pretrained(folder)


def job_hash(job: TrainingJob, model_hash: str, group_hash: str) -> str:
    """Address of a checkpoint: everything that decides it, nothing that does not."""
    return sha256_json(
        [model_hash, group_hash, result_settings(job.prompt), result_settings(job.settings), job.seed]
    )
