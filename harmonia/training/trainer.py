"""TRL's SFTTrainer, fed one optimizer step at a time.

A step's rows come whole and are cut here into micro-batches, so that an accumulation
has as many passes as its rows need. Logits are computed where a label is learned.
Import this module only where torch and TRL are needed.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader
from transformers import TrainerCallback
from trl import SFTConfig, SFTTrainer

from harmonia.errors import TrainingError
from harmonia.files import write_text
from harmonia.models.cache import behind
from harmonia.models.memory import out_of_memory
from harmonia.training.batches import PASS_COST, micro_batches, step_tokens, tensors
from harmonia.training.encode import IGNORED, Encoded
from harmonia.training.losses import losses_of
from harmonia.training.memory import recomputes
from harmonia.training.prefix import cached_prefix, common_prefix, share_refusal
from harmonia.training.settings import TrainingSettings

COMPLETE = "harmonia_complete"
"""Lies in a checkpoint that was written whole, and says how it lies."""
CHECKPOINT_S = 300.0
"""Seconds between checkpoints where no number of steps is set."""


class StepTrainer(SFTTrainer):  # type: ignore[misc]
    """SFTTrainer whose batches are optimizer steps.

    Args:
        rows: The rows of all steps, in order.
        batch_size: Rows of a step, over all processes.
        micro_tokens: Most tokens of one forward pass; halved when memory runs out.
        settings: How to train: the loss of a token.
        base: For the loss `kl_base` where no adapter can be taken off, the untrained model.
        args: TRL's settings.
        options: What else SFTTrainer takes.
    """

    # The losses of a step's passes add up to its loss.
    loss_is_scaled_for_ga = True

    def __init__(
        self,
        rows: Sequence[Encoded],
        *,
        batch_size: int,
        micro_tokens: int,
        args: SFTConfig,
        settings: TrainingSettings | None = None,
        base: Any = None,
        **options: Any,
    ) -> None:
        self._settings = settings or TrainingSettings()
        self._base = base
        self.steps = [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
        self.micro_tokens = micro_tokens
        numbers = Dataset.from_dict({"step": range(len(self.steps))})
        super().__init__(args=args, train_dataset=numbers, data_collator=list, **options)

    def get_train_dataloader(self) -> DataLoader[Sequence[Encoded]]:
        """One step after the other; every process gets all of it and takes its share."""
        return DataLoader(self.steps, batch_size=1, collate_fn=lambda steps: steps[0])  # type: ignore[arg-type]

    def training_step(self, model: Any, inputs: Sequence[Encoded], *_: Any) -> torch.Tensor:
        """Forward and backward of one optimizer step; gives its loss."""
        while True:
            try:
                return self._passes(model, inputs)
            except Exception as error:
                if not out_of_memory(error):
                    raise
                longest = max(len(row.input_ids) for row in inputs)
                if self.accelerator.num_processes > 1 or self.micro_tokens <= longest:
                    raise TrainingError(
                        f"the device's memory is not enough for passes of {self.micro_tokens} tokens. "
                        "Set gradient_checkpointing: true, a smaller micro_tokens or max_length, or lora."
                    ) from error
            # What the failed passes left is dropped: a step counts whole or not at all.
            model.zero_grad()
            torch.cuda.empty_cache()
            self.micro_tokens = max(self.micro_tokens // 2, longest)

    def _passes(self, model: Any, rows: Sequence[Encoded]) -> torch.Tensor:
        processes, own = self.accelerator.num_processes, self.accelerator.process_index
        shared = common_prefix(rows) if self._shares else 0
        cost = PASS_COST["cuda" if self.args.device.type == "cuda" else "cpu"]
        batches = micro_batches(rows, self.micro_tokens, processes, shared, cost)[own]
        scale = processes / (step_tokens(rows) or 1.0)
        total = torch.zeros((), device=self.args.device)
        for place, batch in enumerate(batches, start=1):
            last = place == len(batches)
            self.accelerator.gradient_state._set_sync_gradients(last)
            with contextlib.nullcontext() if last else self.accelerator.no_sync(model):
                inputs = {**tensors(batch), "scale": scale, "shared": shared if len(batch) > 1 else 0}
                total += super().training_step(model, inputs)
        return total

    def compute_loss(self, model: Any, inputs: dict[str, Any], *_: Any, **__: Any) -> torch.Tensor:
        """A pass's share of the step's loss: sum of weight x token loss / sum of weights."""
        ids, labels = inputs["input_ids"], inputs["labels"]
        how, shared = self._settings, inputs["shared"]
        if how.loss != "cross_entropy":
            logits, targets = learned_logits(model, self._inner, ids, labels, shared=shared)
            base = self._base_logits(model, ids, labels, shared) if how.loss == "kl_base" else None
            losses = losses_of(how.loss, how.loss_strength, logits, targets, base)
        elif ids.is_cuda:
            losses = fused_losses(model, ids, labels)
        else:
            losses = token_losses(model, self._inner, ids, labels, shared=shared)
        share: torch.Tensor = (losses * inputs["weights"]).sum() * inputs["scale"]
        return share

    @torch.no_grad()
    def _base_logits(self, model: Any, ids: torch.Tensor, labels: torch.Tensor, shared: int) -> torch.Tensor:
        """The untrained model's logits: without the adapter, or by a copy in eval mode."""
        if self._base is not None:
            base = self._base.to(ids.device)
            return learned_logits(base, base, ids, labels, shared=shared)[0]
        with self.accelerator.unwrap_model(self.model).disable_adapter():
            return learned_logits(model, self._inner, ids, labels, shared=shared)[0]

    @cached_property
    def _inner(self) -> Any:
        """The transformers model inside all wrappers."""
        model = self.accelerator.unwrap_model(self.model, keep_torch_compile=False)
        return model.get_base_model() if hasattr(model, "get_base_model") else model

    @cached_property
    def _shares(self) -> bool:
        """Whether what rows begin with is computed once."""
        return self._may_share and self.share_refusal is None

    @property
    def _may_share(self) -> bool:
        # On one CPU, where it was measured to pay.
        plain = not (recomputes(self.args) or self.args.torch_compile)
        return plain and self.accelerator.num_processes == 1 and self.args.device.type == "cpu"

    @cached_property
    def share_refusal(self) -> str | None:
        """Why what rows begin with is computed in each of them, where it could be computed once."""
        return share_refusal(self._inner) if self._may_share else None

    @property
    def layout(self) -> str:
        """How checkpoints lie: they are taken up by processes that share the model out alike."""
        if self.is_deepspeed_enabled:
            stage = self.accelerator.state.deepspeed_plugin.zero_stage
            return f"ZeRO-{stage}, {self.accelerator.num_processes} processes"
        if self.is_fsdp_enabled:
            plugin = self.accelerator.state.fsdp_plugin
            return f"FSDP{plugin.fsdp_version}, {plugin.state_dict_type.name}"
        return ""

    @property
    def opening(self) -> str:
        """How often what rows begin with is computed, and why not once."""
        if self._shares:
            return "computed once a step"
        return "computed in every row" + (f": {self.share_refusal}" if self.share_refusal else "")

    @property
    def slower(self) -> tuple[str, ...]:
        """What the model is trained without, and why, a sentence each; none if with everything."""
        return (f"what all rows begin with is {self.opening}",) if self.share_refusal else ()

    def floating_point_ops(self, inputs: Any) -> int:
        """Nobody asks."""
        return 0

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """What a checkpoint was trained on stands in its training.json."""


def token_losses(
    model: Any, inner: Any, input_ids: torch.Tensor, labels: torch.Tensor, *, shared: int = 0
) -> torch.Tensor:
    """Cross-entropy of each learned token, in nats (fp32), in reading order; see `learned_logits`."""
    logits, targets = learned_logits(model, inner, input_ids, labels, shared=shared)
    return cross_entropy(logits, targets, reduction="none")


def learned_logits(
    model: Any, inner: Any, input_ids: torch.Tensor, labels: torch.Tensor, *, shared: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (fp32) in front of each learned token, and these tokens, in reading order.

    The vocabulary is computed at these positions alone: the model's own head is handed
    only the states that it needs.

    `inner` is the model without its wrappers. Ids and labels have the shape (rows, tokens); labels are
    `IGNORED` where nothing is learned. The rows have the first `shared` tokens in common.
    """
    cache = cached_prefix(inner, input_ids[:1, :shared], len(input_ids)) if shared else None
    targets = labels[:, shared + 1 :]
    learned = targets != IGNORED
    hook = inner.get_output_embeddings().register_forward_pre_hook(
        lambda _, states: (states[0][:, :-1][learned],)
    )
    try:
        more = {"use_cache": False} if cache is None else behind(inner, cache)
        out = model(input_ids=input_ids[:, shared:], **more)
    finally:
        hook.remove()
    return out.logits.float(), targets[learned]


def fused_losses(model: Any, input_ids: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The same by TRL's fused head, which never holds all logits: for GPUs (on CPU it is half as fast)."""
    out = model(input_ids=input_ids, labels=labels, fused_lm_head=True)
    return -out.log_probs[out.label_mask]  # type: ignore[no-any-return]


class Watch(TrainerCallback):  # type: ignore[misc]
    """Stops at a loss that is not finite, says when to save, marks whole checkpoints.

    Args:
        steps: Optimizer steps in all.
        progress: Told (steps done, steps in all).
        timed: Save by the clock.
        layout: How checkpoints lie, which marks say.
    """

    def __init__(
        self, steps: int, progress: Callable[[int, int], None] | None, *, timed: bool, layout: str
    ) -> None:
        self._steps = steps
        self._progress = progress
        self._timed = timed
        self._layout = layout
        self._saved = time.monotonic()

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Look at the loss."""
        for name in ("loss", "grad_norm"):
            value = (logs or {}).get(name)
            if value is not None and not math.isfinite(value):
                raise TrainingError(
                    f"the {name} is {value} at optimizer step {state.global_step} of {self._steps}; "
                    "no model was written. Lower learning_rate, or train with precision: fp32."
                )

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Tell how far it is, and look at the clock."""
        if self._progress:
            self._progress(state.global_step, self._steps)
        if self._timed:
            control.should_save = _agreed(time.monotonic() - self._saved >= CHECKPOINT_S, args.device)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Mark the checkpoint once every process has written its part."""
        self._saved = time.monotonic()
        if torch.distributed.is_initialized():
            torch.distributed.barrier()
        if state.is_world_process_zero:
            write_text(Path(args.output_dir) / f"checkpoint-{state.global_step}" / COMPLETE, self._layout)


def _agreed(said: bool, device: torch.device) -> bool:
    """What the first process says: clocks differ, and a checkpoint is everybody's."""
    if not torch.distributed.is_initialized():
        return said
    told = torch.tensor(int(said), device=device)
    torch.distributed.broadcast(told, src=0)
    return bool(told)
