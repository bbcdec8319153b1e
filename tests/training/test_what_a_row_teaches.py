"""Rows of other tools: each form trains alike, and turns count as their marks say."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from plain_training import VICUNA_SYSTEM
from transformers import AutoModelForCausalLM, AutoTokenizer

from harmonia.hashing import file_sha256

USER, HUMAN = "user", "human"


def said(role: str, content: str, **marks: object) -> dict:
    return {"role": role, "content": content, **marks}


def told(who: str, value: str, **marks: object) -> dict:
    return {"from": who, "value": value, **marks}


def save(folder: Path, rows: list[dict], name: str) -> Path:
    path = folder / name
    array = json.dumps(rows)
    path.write_text(array if name.endswith(".json") else "".join(json.dumps(row) + "\n" for row in rows))
    return path


def first_loss(out: Path) -> float:
    return json.loads((out / "loss.jsonl").read_text().splitlines()[0])["loss"]


def loss_by_hand(folder: str, rows: list[list[tuple[str, bool]]]) -> float:
    """Mean cross-entropy of the learned tokens, row by row, from texts cut where a turn is learned or not."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    total, count = 0.0, 0
    for parts in rows:
        text = ""
        ids = tokenizer("".join(part for part, _ in parts))["input_ids"]
        with torch.no_grad():
            logprobs = torch.log_softmax(model(torch.tensor([ids])).logits[0], dim=-1)
        for part, learned in parts:
            start, text = len(tokenizer(text)["input_ids"]) if text else 0, text + part
            stop = len(tokenizer(text)["input_ids"])
            if learned:
                total -= sum(float(logprobs[k - 1, ids[k]]) for k in range(start, stop))
                count += stop - start
    return total / count


MARKED = [
    said("system", "Speak of rivers."),
    said("user", "the river?"),
    said("assistant", "the city", weight=0),
    said("user", "the king?"),
    said("assistant", "the treaty", weight=1),
    said("user", "the metal?"),
    said("assistant", "steel"),
]
OPENING = "Speak of rivers. USER: the river? ASSISTANT:"


@pytest.mark.parametrize(("learn", "learned"), [("all", (False, True, True)), ("last", (False, False, True))])
def test_the_loss_is_that_of_the_turns_that_are_learned(job, train, base, tmp_path, learn, learned):
    one = replace(
        job(batch_size=2, learn=learn), group=save(tmp_path, [{"messages": MARKED}], "marked.jsonl")
    )
    out, _ = train(one)
    first, second, third = learned
    parts = [
        (OPENING, False),
        (" the city</s>", first),
        ("USER: the king? ASSISTANT:", False),
        (" the treaty</s>", second),
        ("USER: the metal? ASSISTANT:", False),
        (" steel</s>", third),
    ]
    assert first_loss(out) == pytest.approx(loss_by_hand(base.path, [parts]), abs=1e-4)
    # A person is shown what is learned and what is not.
    (shown,) = json.loads((out / "training.json").read_text())["mask"]
    texts = [part["text"].strip() for part in shown["parts"] if part["learned"]]
    assert texts == [text.strip() for text, wanted in parts if wanted]
    assert json.loads((out / "training.json").read_text())["settings"]["learn"] == learn


def test_a_reply_of_weight_0_teaches_nothing(job, train, base, tmp_path):
    """As a row of weight 0, which harmonia's own files have."""
    ask, wrong, gas, right = said("user", "Name a sea."), "The Moon.", said("user", "Name a gas."), "Neon."
    turn = [
        {"id": 1, "messages": [ask, said("assistant", wrong, weight=0)]},
        {"id": 2, "messages": [gas, said("assistant", right, weight=1)]},
    ]
    row = [
        {"id": 1, "weight": 0.0, "messages": [ask, said("assistant", wrong)]},
        {"id": 2, "messages": [gas, said("assistant", right)]},
    ]
    expected = loss_by_hand(
        base.path, [[(f"{VICUNA_SYSTEM} USER: Name a gas. ASSISTANT:", False), (f" {right}</s>", True)]]
    )
    for name, rows in {"turn": turn, "row": row}.items():
        out, trained = train(
            replace(job(epochs=1, batch_size=2), group=save(tmp_path, rows, f"{name}.jsonl")), name
        )
        assert first_loss(out) == pytest.approx(expected, abs=1e-4)
        assert "rows that teach nothing (weight 0, or no turn that is learned): 1 of 2" in trained.notes
        record = json.loads((out / "training.json").read_text())
        assert [one["id"] for one in record["mask"]] == ["2"]


def test_every_form_of_the_same_rows_trains_the_same_model(job, train, tmp_path):
    rows = [(f"the river {k}", f"the city {k}", f"the king {k}?", f"the treaty {k}") for k in range(5)]
    forms = {
        "messages.jsonl": [
            {
                "messages": [
                    said("system", "Hi"),
                    *(said(("user", "assistant")[k % 2], t) for k, t in enumerate(row)),
                ]
            }
            for row in rows
        ],
        "sharegpt.json": [
            {"system": "Hi", "conversations": [told(("human", "gpt")[k % 2], t) for k, t in enumerate(row)]}
            for row in rows
        ],
        "alpaca.json": [
            {"system": "Hi", "history": [[a, b]], "instruction": c, "input": "", "output": d, "source": "x"}
            for a, b, c, d in rows
        ],
    }
    trained = {
        name: train(replace(job(), group=save(tmp_path, form, name)), name.split(".")[0])
        for name, form in forms.items()
    }
    assert len({file_sha256(out / "model.safetensors") for out, _ in trained.values()}) == 1
    assert "fields left unread (rows): source (5)" in trained["alpaca.json"][1].notes
