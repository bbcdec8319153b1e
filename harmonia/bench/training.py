"""Training: ours, every row padded to 2,048 tokens, TRL's defaults, and the limit.

The rows are exam rows and as many general instructions, one optimizer step of them. Making
the trainer ready is not timed; its `train()` is, the optimizer's step included.
"""

from __future__ import annotations

import copy
import gc
import statistics
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from harmonia.bench.limit import products
from harmonia.bench.subject import Subject
from harmonia.bench.turns import OURS, Timing, Work, in_turn, scaled
from harmonia.hashing import addressed_order
from harmonia.prompts import Encoder, build_template
from harmonia.training import Encoded, TrainingSettings, encode_rows
from harmonia.training.encode import IGNORED
from harmonia.training.memory import fit, recomputing
from harmonia.training.prefix import common_prefix
from harmonia.types import Conversation

PADDED = 2048
TRL, KEPT = "(e) TRL's defaults", "(e) without checkpointing"
PAD = "(d) padded to 2,048 tokens"
LIMIT = "limit: matrix products, forward and backward"
_PRODUCT = "product"
_PADDED_ROWS = 1
_LEARNING_RATE = 1e-5

Steps = Callable[[], float]
"""Trains and gives the mean loss, in nats a learned token."""


def training_rows(subject: Subject, count: int) -> list[Encoded]:
    """`count` encoded rows, half of them exam questions taught right, in an addressed order."""
    template = build_template(subject.prompt("letter"), subject.loaded.tokenizer)
    exam = {
        item.id: template.exam.conversation(item, item.answer, item.explanation) for item in subject.items
    }
    chosen: list[Conversation] = []
    for pool in (exam, subject.general):
        for name in addressed_order(0, "bench", pool)[: count // 2]:
            chosen.append(Conversation(id=name, messages=tuple(pool[name]), line=len(chosen) + 1))
    encoder = Encoder(subject.loaded.tokenizer)
    by_name = {row.id: row for row in encode_rows(chosen, template, encoder, PADDED, file="the data").rows}
    return [by_name[name] for name in addressed_order(1, "bench", by_name)]


class Trainers:
    """Ready trainers of the same steps on copies of one model.

    Args:
        subject: The model; its weights may wait on the CPU while its copies train.
        folder: Where trainers want to write.

    Attributes:
        slower: What ours trained without, and why.
    """

    def __init__(self, subject: Subject, folder: str) -> None:
        self.slower: tuple[str, ...] = ()
        self._loaded = subject.loaded
        self._cuda = subject.loaded.device.startswith("cuda")
        self._half = subject.loaded.settings.dtype != "float32"
        self._common = {
            "output_dir": folder,
            "num_train_epochs": 1,
            "learning_rate": _LEARNING_RATE,
            "bf16": self._half,
            "use_cpu": not self._cuda,
            "report_to": "none",
            "save_strategy": "no",
            "disable_tqdm": True,
        }

    def ours(self, rows: Sequence[Encoded]) -> Steps:
        """Ours, as `harmonia train` lays it out."""
        from harmonia.training.trainer import StepTrainer

        model = self._copy()
        settings = TrainingSettings(precision="bf16" if self._half else "fp32")
        laid_out = fit(model, settings, max(len(row.input_ids) for row in rows), self._loaded.device)
        args = self._args(
            optim="adamw_torch_fused",
            **recomputing(laid_out.checkpointing),
            max_length=None,
            dataset_kwargs={"skip_prepare_dataset": True},
        )
        trainer = StepTrainer(
            rows,
            batch_size=len(rows),
            micro_tokens=laid_out.micro_tokens,
            model=model,
            args=args,
            processing_class=copy.copy(self._loaded.tokenizer),
        )
        steps = self._steps(trainer)

        def told() -> float:
            loss = steps()
            self.slower = trainer.slower
            return loss

        return told

    def trl(self, rows: Sequence[Encoded], *, checkpointing: bool = True) -> Steps:
        """Baseline (e): SFTTrainer as it comes, on rows that are token ids already."""
        from datasets import Dataset
        from trl import SFTTrainer

        args = self._args(
            gradient_accumulation_steps=-(-len(rows) // 8),
            **recomputing(checkpointing),
        )
        columns = {"input_ids": [row.input_ids for row in rows], "labels": [row.labels for row in rows]}
        return self._steps(
            SFTTrainer(
                model=self._copy(),
                args=args,
                train_dataset=Dataset.from_dict(columns),
                processing_class=copy.copy(self._loaded.tokenizer),
            )
        )

    def padded(self, rows: Sequence[Encoded]) -> Steps:
        """Baseline (d): rows padded to 2,048 tokens, one row a pass, all logits.

        The optimizer's step is left out: shared by a whole step of rows, it would be charged
        to the few of this baseline.
        """
        import torch

        device = self._loaded.device
        model = self._copy().to(device).train()
        learned = sum(len(row.learned) for row in rows)

        def steps() -> float:
            total = 0.0
            for row in rows:
                short = PADDED - len(row.input_ids)
                ids = torch.tensor([row.input_ids + (0,) * short], device=device)
                labels = torch.tensor([row.labels + (IGNORED,) * short], device=device)
                seen = torch.tensor([[1] * len(row.input_ids) + [0] * short], device=device)
                with torch.autocast(device.split(":")[0], torch.bfloat16, enabled=self._half):
                    out = model(input_ids=ids, attention_mask=seen, labels=labels, num_items_in_batch=learned)
                out.loss.backward()
                total += float(out.loss.detach())
            return total

        return steps

    def _args(self, **fields: Any) -> Any:
        from trl import SFTConfig

        args = SFTConfig(**self._common, **fields)
        if args.n_gpu > 1:
            args._n_gpu = 1  # as for ours: without a launcher one process trains on one GPU
        return args

    def _copy(self) -> Any:
        """Weights to train, in float32; a trainer leaves its marks, so each gets its own."""
        import torch

        gc.collect()  # trainers are cycles, and hold their weights until somebody looks
        if self._cuda:
            torch.cuda.empty_cache()
        model, device = self._loaded.model, self._loaded.device
        # Each weight goes over once, as it is: main memory need not hold another model in float32.
        there = {
            id(one): torch.nn.Parameter(one.detach().to(device, copy=True).float())
            for one in model.parameters()
        }
        return copy.deepcopy(model, there).to(device).requires_grad_(True)

    def _steps(self, trainer: Any) -> Steps:
        from transformers import PrinterCallback

        trainer.remove_callback(PrinterCallback)
        return lambda: float(trainer.train().training_loss)


def measure_training(subject: Subject, *, rows: int, repeats: int) -> Timing:
    """Measure training, in milliseconds a row."""
    from datasets import disable_progress_bars

    disable_progress_bars()
    chosen = training_rows(subject, rows)
    lengths = [len(row.input_ids) for row in chosen]
    # What all rows begin with must be computed once a step.
    tokens = sum(lengths) - (len(chosen) - 1) * max(0, common_prefix(chosen))
    loaded = subject.loaded
    with tempfile.TemporaryDirectory() as folder:
        make = Trainers(subject, folder)
        per_token = in_turn({_PRODUCT: products(loaded, tokens)}, repeats)[0][_PRODUCT]
        loaded.model.to("cpu")  # its copies need the room
        try:
            for ready in (make.ours, make.trl):
                ready(chosen[:2])()  # the first time imports
            works = {
                PAD: Work(ready=partial(make.padded, chosen[:_PADDED_ROWS]), per=_PADDED_ROWS),
                TRL: Work(ready=partial(make.trl, chosen), per=len(chosen)),
                KEPT: Work(ready=partial(make.trl, chosen, checkpointing=False), per=len(chosen)),
                OURS: Work(ready=partial(make.ours, chosen), per=len(chosen)),
            }
            found, skipped = in_turn(works, repeats)
        finally:
            loaded.model.to(loaded.device)
    return Timing(
        what="training, as many general rows as exam rows",
        unit="ms a row",
        ours=1e3 * found[OURS],
        baselines=scaled(found, 1e3),
        # A backward pass has two products for each of the forward pass.
        limits={LIMIT: 1e3 * 3 * per_token * tokens / len(chosen)},
        facts={
            "rows": len(chosen),
            "rows of (d)": _PADDED_ROWS,
            "tokens a row": statistics.fmean(lengths),
            "tokens computed a row": tokens / len(chosen),
            "rows a second": 1 / found[OURS],
        },
        skipped=skipped,
        slower=make.slower,
    )
