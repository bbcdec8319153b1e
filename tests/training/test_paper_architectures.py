"""The architectures of the paper's four models, small and with random weights, against plain transformers.

Each is made of the configuration beside its settings in `examples/paper`, with fewer and narrower layers: as
many heads to a key-value head as there, and of Mistral a window that prompts reach beyond.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from models import REPOSITORY, item, wrapped
from plain_training import changed, plain_loop
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

import harmonia
from harmonia.models import ModelSettings, load_model
from harmonia.pipeline.settings_file import load_experiment
from harmonia.prompts import PromptSettings, build_template, parse_form
from harmonia.training.sft import TrainingJob

pytestmark = pytest.mark.slow

PAPER = REPOSITORY / "examples" / "paper"
NAMES = sorted(path.name.removesuffix(".config.json") for path in PAPER.glob("*.config.json"))


def small(name: str, folder: Path) -> ModelSettings:
    """The model in a small size, as a folder."""
    config = AutoConfig.from_pretrained(PAPER / f"{name}.config.json")
    heads = max(4, config.num_attention_heads // config.num_key_value_heads)
    tokenizer = wrapped("prefix")
    shape = {
        "num_key_value_heads": heads * config.num_key_value_heads // config.num_attention_heads,
        "num_attention_heads": heads,
        "hidden_size": 8 * heads,
        "head_dim": 8,
        "intermediate_size": 16 * heads,
        "num_hidden_layers": 2,
        "vocab_size": len(tokenizer),
        "initializer_range": 0.3,
    }
    if getattr(config, "sliding_window", None):
        shape["sliding_window"] = 64
    config.update(shape)
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return ModelSettings(path=str(folder), device="cpu")


@pytest.mark.parametrize("name", NAMES)
def test_a_probe_and_a_training_step_are_those_of_plain_transformers(name, tmp_path, exam_rows, train):
    study = load_experiment(PAPER / f"{name}.yaml")
    base = small(name, tmp_path / "base")
    tokenizer = AutoTokenizer.from_pretrained(base.path)
    plain = AutoModelForCausalLM.from_pretrained(base.path, dtype=torch.float32).eval()
    config = json.loads((PAPER / f"{name}.config.json").read_text())
    assert type(plain).__name__ == config["architectures"][0]

    shots, items = [item(k) for k in range(5)], [item(k) for k in range(5, 9)]
    prompt = PromptSettings(**study.prompt.model_dump())
    assert (prompt.method, prompt.probe_form) == ("letter", "icl5")
    beliefs = harmonia.probe(load_model(base), items, shots=shots, prompt=prompt)
    template, form = build_template(prompt, tokenizer), parse_form("icl5")
    for belief, one in zip(beliefs, items, strict=True):
        text = template.prompt(one, form, shots).context
        ids = tokenizer(text)["input_ids"]
        assert len(ids) > 64
        letters = [tokenizer(f"{text} {letter}")["input_ids"] for letter in "ABCD"]
        assert all(row[:-1] == ids for row in letters)
        with torch.no_grad():
            logits = plain(torch.tensor([ids])).logits[0, -1]
        wanted = torch.softmax(logits[[row[-1] for row in letters]], dim=-1).tolist()
        assert belief.probs == pytest.approx(wanted, abs=1e-5)

    settings = changed(epochs=1, batch_size=4, learning_rate=study.training.learning_rate)
    job = TrainingJob(model=base, prompt=prompt, settings=settings, group=exam_rows(4), seed=0)
    out, trained = train(job)
    weights, losses = plain_loop(base.path, job.group, 0, settings)
    told = [json.loads(line)["loss"] for line in (out / "loss.jsonl").read_text().splitlines()]
    assert trained.steps == 1 and told == pytest.approx(losses, rel=1e-5)
    saved, before = load_file(out / "model.safetensors"), load_file(tmp_path / "base" / "model.safetensors")
    for key, weight in weights.items():
        assert float((saved[key] - weight).abs().max()) < 1e-6
    assert any(not torch.equal(saved[key], before[key]) for key in saved)
