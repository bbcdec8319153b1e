"""Audit a fine-tuning file, curate it, train with TRL's own trainer, compare: on the embedded lab model.

python examples/audit_curate_train_compare.py [FOLDER]
"""

import sys
from pathlib import Path

from datasets import load_dataset
from trl import SFTConfig, SFTTrainer

import harmonia
from harmonia.prompts.chat import VICUNA
from harmonia.world import base_folder, write_lab_data
from harmonia.world.wordings import CHAT_OPENING

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/audit_example")
write_lab_data(folder / "data", seed=0)
file = folder / "data" / "instructions.jsonl"  # here: your own rows
model = base_folder(0)  # and your own model

base = harmonia.load(model, device="cpu")
audit = harmonia.audit(base, file, out=folder / "audit", sample=200)
print(audit)
for row in sorted(audit, key=lambda row: -row.conflict)[:3]:
    print(f"row {row.line}: {row.reason}")

curated = harmonia.curate(folder / "audit", policy="drop_conflicting", budget=120)
curated.save(folder / "curated.jsonl", format="trl")
print(curated)

for name in ("curated", "curated.random"):  # the set, and as many rows at random
    student = harmonia.load(model, device="cpu")
    student.tokenizer.chat_template = VICUNA  # the lab model brings none
    trainer = SFTTrainer(
        model=student.model,
        processing_class=student.tokenizer,
        train_dataset=load_dataset("json", data_files=str(folder / f"{name}.jsonl"), split="train"),
        args=SFTConfig(
            output_dir=str(folder / name),
            num_train_epochs=3,
            per_device_train_batch_size=16,
            learning_rate=1e-3,
            assistant_only_loss=True,
            save_strategy="no",
            report_to="none",
            use_cpu=True,
            bf16=False,
        ),
    )
    trainer.add_callback(harmonia.KnowledgeDriftCallback(trainer, folder / "audit"))
    trainer.train()
    trainer.save_model()

    # The tuned model is asked as it was taught to read an instruction, down to where its answer begins.
    wording = CHAT_OPENING + " USER: {instruction} ASSISTANT:"
    found = harmonia.compare(base, folder / name, audit=folder / "audit", after_wording=wording)
    found.save(folder / f"compared-{name}")
    print(f"{name}:\n{found}\n")
