"""What is read of single tokens, against log_softmax, entropy and topk of a plain forward pass."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
import torch
from models import TINY

from harmonia.data import ItemSource, read_items
from harmonia.models import TokenReading, likelihood, load_model
from harmonia.prompts import Encoder, Request


def plain(model, context: tuple[int, ...], ids: tuple[int, ...]) -> list[TokenReading]:
    """One forward pass over context and continuation, everything in fp64 from there."""
    with torch.no_grad():
        logits = model(torch.tensor([context + ids])).logits[0, len(context) - 1 : -1].double()
    found = []
    for row, token in zip(torch.log_softmax(logits, dim=-1), ids, strict=True):
        other = next(one for one in row.argsort(descending=True).tolist() if one != token)
        entropy = torch.distributions.Categorical(logits=row).entropy()
        found.append(
            TokenReading(
                logprob=float(row[token]),
                entropy=float(entropy),
                other=other,
                other_logprob=float(row[other]),
            )
        )
    return found


def same(found: TokenReading, expected: TokenReading, tolerance: float) -> None:
    assert found.other == expected.other
    for name in ("logprob", "entropy", "other_logprob"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), abs=tolerance), name


def requests(length: int, model) -> list[Request]:
    """Requests behind a common beginning, every second of which is read token by token.

    The last continuation is what the model finds likeliest, the first ones share tokens.
    """
    draws = random.Random(length)
    shared = tuple(draws.randrange(5, 250) for _ in range(length))
    found = []
    for k in range(8):
        context = shared + tuple(draws.randrange(5, 250) for _ in range(1 + k))
        option = tuple(draws.randrange(5, 250) for _ in range(4 + 9 * (k % 3)))
        with torch.no_grad():
            likeliest = int(model(torch.tensor([context])).logits[0, -1].argmax())
        answers = (option, (*option[:3], 9), (option[0],), (likeliest, 7))
        found.append(Request(context=context, continuations=answers, per_token=k % 2 == 0))
    return found


@pytest.mark.parametrize("path", ["packed", "plain"])
@pytest.mark.parametrize("length", [1, 61], ids=["short", "beyond the window"])
@pytest.mark.parametrize("name", TINY)
def test_tokens_are_read_as_a_plain_pass_gives_them(tiny_loaded, monkeypatch, name, length, path):
    loaded = tiny_loaded(name)
    if path == "plain":
        monkeypatch.setattr(likelihood, "refusal", lambda model: "asked so")
    asked = requests(length, loaded.model)
    for batch_tokens in (1, None):
        found = loaded.loglikelihoods(asked, batch_tokens=batch_tokens)
        for request, several in zip(asked, found, strict=True):
            for ids, one in zip(request.continuations, several, strict=True):
                expected = plain(loaded.model, request.context, ids)
                assert one.sum == pytest.approx(sum(token.logprob for token in expected), abs=1e-5)
                assert len(one.tokens) == (len(ids) if request.per_token else 0)
                for reading, other in zip(one.tokens, expected, strict=False):
                    same(reading, other, 1e-5)


@pytest.mark.parametrize("path", ["packed", "plain"])
def test_tokens_cost_no_pass_of_their_own(tiny, monkeypatch, path):
    loaded = load_model(tiny("llama"))
    if path == "plain":
        monkeypatch.setattr(likelihood, "refusal", lambda model: "asked so")
    asked = requests(61, loaded.model)
    loaded.loglikelihoods(asked[:1])
    shapes: list[tuple[int, ...]] = []
    loaded.model.register_forward_pre_hook(
        lambda module, args, kwargs: shapes.append(tuple(kwargs["input_ids"].shape)), with_kwargs=True
    )
    taken = []
    for per_token in (False, True):
        loaded.loglikelihoods([replace(one, per_token=per_token) for one in asked])
        taken.append(list(shapes))
        shapes.clear()
    assert taken[0] == taken[1] and taken[0]


@pytest.mark.models
@pytest.mark.shared
def test_a_real_model_on_real_questions(smollm2, data_root):
    """Question and options as one text, read from its first token on: what an audit asks."""
    source = ItemSource(path="exams/engineering/test.jsonl", on_bad_row="skip", limit=3)
    texts = ["\n".join([one.question, *one.choices]) for one in read_items(source, data_root).items]
    rows = Encoder(smollm2.tokenizer).encode(texts)
    asked = [Request(context=row[:1], continuations=(row[1:],), per_token=True) for row in rows]
    for row, (one,) in zip(rows, smollm2.loglikelihoods(asked), strict=True):
        assert len(one.tokens) == len(row) - 1 > 20
        expected = plain(smollm2.model, row[:1], row[1:])
        for found, other in zip(one.tokens, expected, strict=True):
            same(found, other, 1e-3)
