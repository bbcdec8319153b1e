"""Training as a plain PyTorch loop, row by row, from texts written here."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from harmonia.hashing import addressed_order
from harmonia.training import TrainingSettings

VICUNA_SYSTEM = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions."
)
SETTINGS = TrainingSettings(
    epochs=2,
    learning_rate=1e-2,
    batch_size=4,
    micro_tokens=256,
    precision="fp32",
    gradient_checkpointing=False,
    warmup=0.3,
    weight_decay=0.1,
    save_steps=0,
)


def changed(**fields: object) -> TrainingSettings:
    return TrainingSettings(**{**SETTINGS.model_dump(), **fields})


class Row(NamedTuple):
    ids: list[int]
    start: int
    weight: float
    from_epoch: int


def rows_by_hand(group: Path, tokenizer: Any) -> dict[str, Row]:
    """Token ids of each row and where its reply begins, from strings written here."""
    rows = {}
    for line in group.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        user, assistant = (turn["content"] for turn in row["messages"])
        prompt = f"{VICUNA_SYSTEM} USER: {user} ASSISTANT:"
        start = len(tokenizer(prompt)["input_ids"])
        ids = tokenizer(f"{prompt} {assistant}{tokenizer.eos_token}")["input_ids"]
        rows[row["id"]] = Row(ids, start, row.get("weight", 1.0), row.get("from_epoch", 0))
    return rows


def plain_loop(
    folder: str, group: Path, seed: int, settings: TrainingSettings, token_loss: Any = None
) -> tuple[dict, list[float]]:
    """AdamW, warm-up, then cosine to 0; the loss is the weighted mean over the batch's learned tokens.

    A token's loss is its negative log-likelihood, or `token_loss` of it, the log-probabilities of all
    tokens there and those of the untrained model.
    """
    untrained = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32) if token_loss else None
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).train()
    rows = rows_by_hand(group, tokenizer)
    order = [
        name
        for epoch in range(settings.epochs)
        for name in addressed_order(seed, f"training/epoch{epoch}", rows)
        if epoch >= rows[name].from_epoch
    ]
    batches = [order[k : k + settings.batch_size] for k in range(0, len(order), settings.batch_size)]
    # As everywhere: no weight decay on norms (and there are no biases here).
    decayed = [weight for weight in model.parameters() if weight.dim() > 1]
    others = [weight for weight in model.parameters() if weight.dim() == 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=settings.learning_rate,
        betas=(0.9, 0.999),
        eps=1e-8,
    )
    # The last step at the latest is at the peak.
    warm = min(math.ceil(settings.warmup * len(batches)), len(batches) - 1)
    seen = []
    for step, batch in enumerate(batches):
        if step < warm:
            share = step / warm
        else:
            share = 0.5 * (1 + math.cos(math.pi * (step - warm) / (len(batches) - warm)))
        for group_of in optimizer.param_groups:
            group_of["lr"] = settings.learning_rate * share
        total, count = torch.zeros(()), 0.0
        for name in batch:
            ids, start, weight, _ = rows[name]
            logprobs = torch.log_softmax(model(torch.tensor([ids])).logits[0], dim=-1)
            losses = [-logprobs[k - 1, ids[k]] for k in range(start, len(ids))]
            if untrained is not None:
                with torch.no_grad():
                    before = torch.log_softmax(untrained(torch.tensor([ids])).logits[0], dim=-1)
                places = zip(losses, range(start - 1, len(ids) - 1), strict=True)
                losses = [token_loss(loss, logprobs[k], before[k]) for loss, k in places]
            total = total + weight * sum(losses)
            count += weight * (len(ids) - start)
        loss = total / count
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.max_grad_norm)
        optimizer.step()
        seen.append(float(loss.detach()))
    return {name: weight.detach() for name, weight in model.named_parameters()}, seen
