"""Fine-tune a model on a training set with TRL's SFTTrainer.

The loop and the optimizer are the library's. Ours are the token mask (encode.py), the order
of rows and how a step is cut into passes (batches.py, trainer.py). So are what stops a run
and how a checkpoint is laid down.
"""

from __future__ import annotations

import copy
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harmonia.errors import InputError
from harmonia.files import disk_told, write_json, write_json_lines
from harmonia.hashing import result_settings, sha256_json
from harmonia.models.architecture import context_length
from harmonia.models.folder import BASE_RECORD, ModelSettings, model_folder, tuned_settings
from harmonia.models.load import load_model, load_tokenizer, pick_device
from harmonia.models.local import LocalModel
from harmonia.outputs import fresh_directory
from harmonia.prompts import PromptSettings, build_template
from harmonia.training.changes import LITTLE, Before, require_learning
from harmonia.training.encode import EncodedSets
from harmonia.training.handover import in_dtype, set_up_for_training, starting_model, without_patches
from harmonia.training.memory import fit, recomputing
from harmonia.training.needs import require_trainable
from harmonia.training.settings import TrainingSettings, warmup_steps
from harmonia.training.taught import Taught, taught

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Called with (optimizer steps done, steps in all)."""

RECORD = "training.json"
LOSSES = "loss.jsonl"
TRACKED = "runs"
"""Where TensorBoard's event files lie, in transformers' own layout."""
_KEPT = ("step", "loss", "grad_norm", "learning_rate")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingJob:
    """Everything that decides a checkpoint.

    Attributes:
        prompt: How conversations are written; the same settings ask the model later.
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
        shortened: Rows cut to the longest length.
        notes: What a person should know of the run.
        resumed_from: Step that a resumed run took up; None for a run from the start.
        model: The tuned model, ready to be asked: bit by bit what loading the folder
            gives. None where several processes trained it together.
    """

    steps: int
    rows: int
    shortened: int
    notes: tuple[str, ...]
    resumed_from: int | None
    model: LocalModel | None


def fine_tune(
    job: TrainingJob,
    out: Path,
    *,
    work: Path,
    progress: Progress | None = None,
    sets: EncodedSets | None = None,
    resident: LocalModel | None = None,
    noted: str | None = None,
) -> Trained:
    """Train and write a model folder, in one step, with `training.json` and `loss.jsonl`.

    Several processes of one launch (torchrun, accelerate) call it alike; the first writes.

    `work` holds checkpoints to resume from: a run killed and called again with the same job goes on from the
    last whole one. The caller removes it. `sets` keeps training sets as token ids from one run to the next.
    Adapters are trained on a `resident` model itself, and stay on it until `detach` takes them off; its
    weights are left as they are. All weights are trained on a copy. What is read from the model's files must
    have the fingerprint `noted`, where one was taken.

    Raises:
        InputError: The training set or the model is wrong, or the machine lacks what the
            settings ask for, a library included.
        TrainingError: The loss is no longer a finite number, memory runs out, or nothing
            was learned.
    """
    require_trainable(job.model, job.settings)
    tokenizer = resident.tokenizer if resident else load_tokenizer(job.model)
    model = starting_model(job.model, job.settings, tokenizer, resident, noted)
    lesson = taught(
        job.group,
        build_template(job.prompt, tokenizer),
        job.settings,
        seed=job.seed,
        longest=min(job.settings.max_length, context_length(model.config, model_folder(job.model))),
        sets=sets or EncodedSets(),
    )
    with disk_told(work), set_up_for_training(model, job.settings):
        trainer = _trainer(job, model, tokenizer, lesson, work, progress)
        resume, useless = _last_complete(work, trainer)
        weights, changed = _train(job, trainer, resume)
    tokenizer = copy.copy(tokenizer)
    tokenizer.chat_template = lesson.saved.jinja
    tuned = _tuned(job, trainer, whole=weights is None)
    if trainer.accelerator.is_main_process:
        with fresh_directory(out) as partial:
            _save(job, tuned, weights, tokenizer, partial)
            _record(job, trainer, lesson, changed, partial)
            if (work / TRACKED).is_dir():
                # The caller removes `work`, and what a tracker drew there would go with it.
                shutil.copytree(work / TRACKED, partial / TRACKED)
    trainer.accelerator.wait_for_everyone()
    return Trained(
        steps=lesson.steps,
        rows=len(lesson.encoded.rows),
        shortened=lesson.encoded.shortened,
        notes=(*lesson.notes, *_told(job.group, _notes(job, trainer, changed, useless))),
        resumed_from=None if resume is None else int(resume.name.split("-")[-1]),
        model=_ready(job, trainer, tuned, tokenizer, out),
    )


def _trainer(
    job: TrainingJob, model: Any, tokenizer: Any, lesson: Taught, work: Path, progress: Progress | None
) -> Any:
    from transformers import PrinterCallback
    from trl import SFTConfig

    from harmonia.training.trainer import StepTrainer, Watch

    settings = job.settings
    device = pick_device(job.model.device)
    longest = max(len(row.input_ids) for row in lesson.rows)
    laid_out = fit(model, settings, longest, device)
    config = SFTConfig(
        output_dir=str(work),
        num_train_epochs=1,  # the epochs are laid out in the data
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.schedule,
        warmup_steps=warmup_steps(lesson.steps, settings),
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        optim="adamw_torch_fused",
        bf16=settings.precision == "bf16",
        torch_compile=settings.compile,
        **recomputing(laid_out.checkpointing),
        save_strategy="steps" if settings.save_steps else "no",
        save_steps=settings.save_steps or 1,
        save_total_limit=2,
        logging_steps=1,
        logging_nan_inf_filter=False,
        report_to=list(settings.report_to) or "none",
        seed=job.seed,
        data_seed=job.seed,
        use_cpu=device == "cpu",
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
        disable_tqdm=True,
    )
    if config.n_gpu > 1:
        # Without a launcher one process trains on one GPU; the library would refuse the others.
        config._n_gpu = 1
    trainer = StepTrainer(
        lesson.rows,
        batch_size=settings.batch_size,
        micro_tokens=laid_out.micro_tokens,
        settings=settings,
        base=_untrained(model, settings),
        model=model,
        args=config,
        processing_class=tokenizer,
        peft_config=_peft_config(settings),
    )
    trainer.add_callback(
        Watch(lesson.steps, progress, timed=settings.save_steps is None, layout=trainer.layout)
    )
    # It prints every log line; the losses are on disk.
    trainer.remove_callback(PrinterCallback)
    _require_shared_out(trainer)
    return trainer


def _require_shared_out(trainer: Any) -> None:
    """Require that a launch with FSDP has it: accelerate leaves it out on CPUs and for one process, unsaid.

    Raises:
        InputError: It was asked for, and each process would hold the whole model.
    """
    if (
        os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true"
        and trainer.accelerator.distributed_type != "FSDP"
    ):
        raise InputError(
            f"accelerate does not share this model out over {trainer.accelerator.num_processes} "
            f"process(es) on {trainer.args.device.type}, though the launch asks for FSDP",
            field="ACCELERATE_USE_FSDP",
            remedy="Launch several processes on GPUs, or leave FSDP out of the launch.",
        )


def _untrained(model: Any, settings: TrainingSettings) -> Any:
    """A copy of the model for the loss `kl_base`; None where it is not needed, or an adapter is taken off."""
    if settings.loss != "kl_base" or settings.lora:
        return None
    return copy.deepcopy(model).eval().requires_grad_(False)


def _peft_config(settings: TrainingSettings) -> Any:
    if settings.lora is None:
        return None
    from peft import LoraConfig

    return LoraConfig(
        r=settings.lora.rank,
        lora_alpha=settings.lora.alpha,
        lora_dropout=settings.lora.dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


def _last_complete(work: Path, trainer: Any) -> tuple[Path | None, bool]:
    """The newest checkpoint that was written whole; and whether there were some that another layout has."""
    from harmonia.training.trainer import COMPLETE

    marks = list(work.glob(f"checkpoint-*/{COMPLETE}"))
    useless = [mark.parent for mark in marks if mark.read_text() != trainer.layout]
    trainer.accelerator.wait_for_everyone()
    if trainer.accelerator.is_main_process:
        for folder in useless:  # they would be taken for newer than those to come
            shutil.rmtree(folder)
    whole = [mark.parent for mark in marks if mark.parent not in useless]
    return max(whole, key=lambda path: int(path.name.split("-")[-1]), default=None), bool(useless)


def _train(job: TrainingJob, trainer: Any, resume: Path | None) -> tuple[Any, float | None]:
    """Train; gives the weights where processes share them out, and the share of them that changed.

    Raises:
        TrainingError: Nothing was learned.
    """
    before = Before(trainer.model, None if job.settings.lora else job.model.dtype)
    trainer.train(resume_from_checkpoint=None if resume is None else str(resume))
    weights = None
    if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
        import torch

        # All processes take part in collecting them; DeepSpeed gives them to the first alone.
        weights = trainer.accelerator.get_state_dict(trainer.model_wrapped) or {}
        if job.settings.lora is None:
            weights = {name: value.to(getattr(torch, job.model.dtype)) for name, value in weights.items()}
    share = before.changed_share(trainer.model, weights)
    require_learning(share, _steps_logged(trainer))
    return weights, share


def _tuned(job: TrainingJob, trainer: Any, *, whole: bool) -> Any:
    """The tuned model, in the dtype asked for where this process has it whole."""
    tuned = without_patches(trainer.accelerator.unwrap_model(trainer.model, keep_torch_compile=False))
    return in_dtype(tuned, job.model.dtype) if whole and job.settings.lora is None else tuned


def _save(job: TrainingJob, tuned: Any, weights: Any, tokenizer: Any, folder: Path) -> None:
    """Write weights (or adapter), tokenizer and chat template as an ordinary model folder."""
    if job.settings.lora is not None:
        base = job.model.model_copy(update={"path": str(model_folder(job.model).resolve())})
        (folder / BASE_RECORD).write_text(base.model_dump_json() + "\n", encoding="utf-8")
    tuned.save_pretrained(folder, state_dict=weights)
    tokenizer.save_pretrained(folder)


def _record(job: TrainingJob, trainer: Any, lesson: Taught, changed: float | None, folder: Path) -> None:
    encoded = lesson.encoded
    losses = ({key: entry[key] for key in _KEPT} for entry in _steps_logged(trainer))
    write_json_lines(folder / LOSSES, losses)
    record = {
        "settings": job.settings.model_dump(mode="json"),
        "seed": job.seed,
        **lesson.template.about,
        "chat": lesson.template.chat.name,
        "saved_chat_template": lesson.saved.about,
        "rows": len(encoded.rows),
        "shortened_rows": encoded.shortened,
        "control_tokens": asdict(encoded.spelled),
        "learned_tokens": sum(len(row.learned) for row in encoded.rows if row.weight),
        "tokens": sum(len(row.input_ids) for row in encoded.rows),
        "optimizer_steps": lesson.steps,
        "changed_share": changed,
        "opening": trainer.opening,
        "mask": lesson.shown,
    }
    write_json(folder / RECORD, record)


def _steps_logged(trainer: Any) -> list[dict[str, Any]]:
    return [entry for entry in trainer.state.log_history if "loss" in entry]


def _told(group: Path, notes: Iterator[str]) -> Iterator[str]:
    for note in notes:
        log.warning("%s: %s", group, note)
        yield note


def _notes(job: TrainingJob, trainer: Any, changed: float | None, useless: bool) -> Iterator[str]:
    """What only the end of a run tells."""
    yield from trainer.slower
    if useless:
        yield "begun anew: what it could resume from was written by another kind of launch (execution.launch)"
    if changed is None and trainer.accelerator.is_main_process:
        yield "whether the weights changed is not known: processes hold parts of them"
    if changed is not None and changed < LITTLE:
        dtype = job.model.dtype if job.settings.lora is None else "float32"
        yield f"{changed:.2g} of the trained weights changed, in {dtype}: learning_rate may be too low"


def _ready(job: TrainingJob, trainer: Any, tuned: Any, tokenizer: Any, out: Path) -> LocalModel | None:
    """The tuned model as loading its folder gives it; None where several processes trained it together."""
    if trainer.accelerator.num_processes > 1:
        return None
    # The optimizer's moments would stay in memory until Python next looks for cycles.
    trainer.optimizer.state.clear()
    settings = tuned_settings(job.model, out)
    if job.settings.liger:
        # Its kernels stay in the model and round otherwise than those that a loaded one has.
        return load_model(settings)
    return LocalModel(
        settings=settings,
        model=tuned,
        tokenizer=tokenizer,
        device=pick_device(settings.device),
        max_tokens=context_length(tuned.config, out),
    )


def job_hash(job: TrainingJob, model_hash: str, group_hash: str) -> str:
    """Address of a checkpoint: everything that decides it, nothing that does not."""
    return sha256_json(
        [model_hash, group_hash, result_settings(job.prompt), result_settings(job.settings), job.seed]
    )
