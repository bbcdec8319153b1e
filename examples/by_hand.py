"""The whole method by hand, without the pipeline: the embedded lab model, one domain.

    python examples/by_hand.py [FOLDER]

Each line is one arrow of the flow; the pipeline adds only files, resume and the report.
"""

from __future__ import annotations

import sys
from pathlib import Path

from harmonia.analysis import accuracy_of, consistency_of
from harmonia.data import ItemSource, read_items
from harmonia.groups import GroupSettings, build_groups, write_group
from harmonia.models import ModelSettings, load_model
from harmonia.probe import ask
from harmonia.prompts import PromptSettings, ShotPool, build_template, parse_form
from harmonia.training import TrainingSettings
from harmonia.training.sft import TrainingJob, fine_tune
from harmonia.types import Item
from harmonia.world import base_folder, write_lab_data


def main(folder: Path) -> None:
    """Probe, group, tune, ask again, compare."""
    write_lab_data(folder / "data", seed=0)

    def items(name: str) -> tuple[Item, ...]:
        path = str(folder / "data" / "person" / f"{name}.jsonl")
        return read_items(ItemSource(path=path, domain="person")).items

    settings = PromptSettings(options_first=True)
    base_model = ModelSettings(path=str(base_folder(0)), device="cpu")
    base = load_model(base_model)
    template = build_template(settings, base.tokenizer)
    pool = ShotPool.of(items("dev"), settings)
    raw, chat = parse_form("icl5"), parse_form("chat0")

    # Item -> Prompt -> Scores -> Belief
    beliefs = ask(base, items("train"), raw, template, pool=pool).beliefs
    # Belief -> Group
    groups = build_groups(beliefs, GroupSettings(), template.exam)
    suite = items("homogeneous")
    before = ask(base, suite, raw, template, pool=pool).beliefs
    print(f"base, 5 examples: {accuracy_of(before).accuracy:.3f}")
    for name, rows in groups.rows.items():
        # Group -> Checkpoint
        write_group(folder / f"{name}.jsonl", rows)
        job = TrainingJob(
            model=base_model,
            prompt=settings,
            settings=TrainingSettings(batch_size=16, learning_rate=1e-3, precision="fp32"),
            group=folder / f"{name}.jsonl",
            seed=0,
        )
        fine_tune(job, folder / name, work=folder / f"{name}.checkpoints")
        # Checkpoint -> Predictions -> Consistency
        tuned = load_model(ModelSettings(path=str(folder / name), device="cpu"))
        after = ask(tuned, suite, chat, template).beliefs
        change = consistency_of(before, after)
        print(
            f"{name}, chat: {change.accuracy_after:.3f}; rank agreement {change.rank_agreement:.2f}, "
            f"KL {change.kl:.2f} nats, lost {change.lost}, gained {change.gained}"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/by_hand"))
