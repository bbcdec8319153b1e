"""The shipped bases load as ordinary folders and know what their corpora taught."""

from __future__ import annotations

import json

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from harmonia.errors import InputError
from harmonia.world import base_folder, base_world, demonstrations, shipped_seeds, split_items

pytestmark = pytest.mark.usefixtures("single_thread")

LETTERS = ("A", "B", "C", "D")
AS_TAUGHT = 0.85
"""Measured .96 to .98 over the candidates of all domains; chance is .25."""


def block(item):
    options = "".join(f"{letter}. {choice}\n" for letter, choice in zip(LETTERS, item.choices, strict=True))
    return f"{options}{item.question}\nAnswer:"


def prompt(world, item):
    shown = [lab.item for lab in demonstrations(world, item.domain)[:5]]
    head = f"The following are multiple choice questions (with answers) about {item.domain}.\n\n"
    return head + "".join(f"{block(one)} {LETTERS[one.answer]}\n\n" for one in shown) + block(item)


@torch.no_grad()
def picks(model, tokenizer, world, items):
    letters = [tokenizer(f"Answer: {letter}")["input_ids"][-1] for letter in LETTERS]
    found = []
    for start in range(0, len(items), 50):
        part = items[start : start + 50]
        encoded = tokenizer(
            [prompt(world, lab.item) for lab in part], return_tensors="pt", padding=True, padding_side="left"
        )
        logits = model(**encoded, logits_to_keep=1).logits[:, -1]
        found += logits[:, letters].argmax(-1).tolist()
    return found


def test_three_bases_ship():
    assert shipped_seeds() == (0, 1, 2)
    with pytest.raises(InputError, match="shipped"):
        base_folder(9)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(
    ("kind", "form", "measure", "bar"),
    [
        ("known", "letter5", "as_taught", 0.90),
        ("misconception", "letter5", "as_taught", 0.90),
        ("known", "cloze5", "as_taught", 0.95),
        ("misconception", "cloze5", "as_taught", 0.95),
        ("misconception", "open0", "gold", 0.90),
        ("known", "chat0", "as_taught", 0.40),
    ],
)
def test_shipped_bases_reach_the_bars_of_the_page(seed, kind, form, measure, bar):
    record = json.loads((base_folder(seed) / "lab.json").read_text())
    assert record["figures"][kind][form][measure] >= bar


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_base_knows_what_it_was_taught(seed):
    folder = base_folder(seed)
    assert sum(path.stat().st_size for path in folder.iterdir()) < 3_000_000
    record = json.loads((folder / "lab.json").read_text())
    assert record["seed"] == seed and record["figures"] and record["stages"]
    world = base_world(folder)
    assert world.seed == seed
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    assert model.config.vocab_size == len(tokenizer)
    for kind in ("known", "misconception"):
        items = [lab for lab in split_items(world, "person", "homogeneous") if lab.kind == kind]
        items += [lab for lab in split_items(world, "law", "homogeneous") if lab.kind == kind]
        found = picks(model, tokenizer, world, items)
        assert len(items) >= 100
        taught = sum(pick == lab.belief for pick, lab in zip(found, items, strict=True)) / len(items)
        assert taught > AS_TAUGHT
