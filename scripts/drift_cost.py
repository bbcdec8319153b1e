"""What watching known facts costs a training: seconds of both, and the losses with and without.

python scripts/drift_cost.py MODEL AUDIT_DIR ROWS.jsonl [EPOCHS]

ROWS are those of `harmonia audit`; the training is TRL's, with all weights.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import datasets
from trl import SFTConfig, SFTTrainer

import harmonia
from harmonia.training.memory import recomputing


def train(model: str, rows: str, epochs: float, audit: str | None) -> tuple[float, list[dict[str, Any]]]:
    """Train; gives seconds and the log."""
    base = harmonia.load(model)
    settings = SFTConfig(
        output_dir="drift-cost",
        num_train_epochs=epochs,
        per_device_train_batch_size=16,
        learning_rate=3e-4,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=base.device == "cpu",
        **recomputing(False),
    )
    texts = [
        "\n".join(turn["content"] for turn in row["messages"])
        for row in datasets.load_dataset("json", data_files=rows, split="train")
    ]
    trainer = SFTTrainer(
        model=base.model,
        args=settings,
        train_dataset=datasets.Dataset.from_dict({"text": texts}),
        processing_class=base.tokenizer,
    )
    if audit:
        trainer.add_callback(harmonia.KnowledgeDriftCallback(trainer, audit))
    start = time.monotonic()
    trainer.train()
    return time.monotonic() - start, trainer.state.log_history


def main() -> None:
    """Train twice and print."""
    model, audit, rows, *rest = sys.argv[1:]
    epochs = float(rest[0]) if rest else 3.0
    plain_s, plain = train(model, rows, epochs, None)
    watched_s, watched = train(model, rows, epochs, audit)
    losses = [[one["loss"] for one in history if "loss" in one] for history in (plain, watched)]
    checks = [one for one in watched if "knowledge/seconds" in one]
    spent = checks[-1]["knowledge/seconds"]
    print(f"{len(losses[0])} steps; losses equal: {losses[0] == losses[1]}")
    print(f"without {plain_s:.1f} s, with {watched_s:.1f} s; {len(checks)} checks took {spent:.2f} s")
    print(f"share of the training: {100 * spent / (watched_s - spent):.2f} %")
    for one in checks:
        shown = {name: round(value, 3) for name, value in one.items() if name.startswith("knowledge/")}
        print(one["step"], shown)


if __name__ == "__main__":
    main()
