"""The whole method by hand, without the pipeline: the embedded lab model, one domain.

python examples/by_hand.py [FOLDER]
"""

import sys
from pathlib import Path

import harmonia
from harmonia.world import base_folder, write_lab_data

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/by_hand")
write_lab_data(folder / "data", seed=0)
data = folder / "data" / "person"
asked = {"prompt": {"options_first": True}, "domain": "person"}

base = harmonia.load(base_folder(0), device="cpu")
beliefs = harmonia.probe(base, data / "train.jsonl", shots=data / "dev.jsonl", **asked)
before = harmonia.probe(base, data / "homogeneous.jsonl", shots=data / "dev.jsonl", **asked)
for name, group in harmonia.groups(beliefs).items():
    training = {"batch_size": 16, "learning_rate": 1e-3, "precision": "fp32"}
    tuned = harmonia.train(base, group, out=folder / name, **training)
    after = harmonia.probe(tuned, data / "homogeneous.jsonl", form="chat0", **asked)
    print(f"{name}, in the chat form, against the base with 5 examples:")
    print(harmonia.compare(before, after), end="\n\n")
