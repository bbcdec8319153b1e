"""The other losses, held against a loop that says them in plain torch, token by token."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from plain_training import plain_loop
from scipy.stats import entropy

from harmonia.training import LoraSettings, TrainingSettings
from harmonia.training.losses import eaft_weights, kl_to_base, losses_of


def eaft(strength):
    def loss(nll, logprobs, _):
        likeliest = sorted(logprobs.detach().exp().tolist(), reverse=True)[:20]
        return nll * (entropy(likeliest) / 3) ** strength  # scipy makes them sum to 1

    return loss


def kl_base(strength):
    def loss(nll, logprobs, before):
        return nll + strength * sum(before.exp() * (before - logprobs))

    return loss


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fields", "by_hand"),
    [
        ({"loss": "eaft"}, eaft(1)),
        ({"loss": "eaft", "loss_strength": 2.5}, eaft(2.5)),
        ({"loss": "kl_base"}, kl_base(0.1)),
        ({"loss": "kl_base", "loss_strength": 3.0}, kl_base(3.0)),
    ],
    ids=["eaft", "eaft 2.5", "kl_base", "kl_base 3"],
)
def test_a_run_is_that_of_a_plain_loop(fields, by_hand, job, train, base):
    one = job(epochs=1, warmup=0.0, **fields)
    out, _ = train(one)
    losses = [json.loads(line)["loss"] for line in (out / "loss.jsonl").read_text().splitlines()]
    # What the first step did to the weights shows in the losses of the others.
    _, curve = plain_loop(base.path, one.group, 3, one.settings, by_hand)
    _, plain = plain_loop(base.path, one.group, 3, one.settings)
    assert len(losses) == 3 and losses == pytest.approx(curve, rel=1e-5)
    assert max(abs(a - b) for a, b in zip(plain, curve, strict=True)) > 1e-3


@pytest.mark.slow
def test_with_an_adapter_the_base_is_the_model_without_it(job, train, base):
    """At the first step an adapter changes nothing, so that there is no KL; later there is."""

    def curve(name, **fields):
        out, _ = train(
            job(epochs=2, warmup=0.0, learning_rate=0.1, lora=LoraSettings(rank=4), **fields), name
        )
        return [json.loads(line)["loss"] for line in (Path(out) / "loss.jsonl").read_text().splitlines()]

    plain, none = curve("plain"), curve("none", loss="kl_base", loss_strength=0.0)
    held = curve("held", loss="kl_base", loss_strength=5.0)
    assert none == pytest.approx(plain, rel=1e-6)
    assert held[0] == pytest.approx(plain[0], rel=1e-6)
    assert held[2] > plain[2] + 0.01


def test_weights_by_hand_and_without_a_gradient():
    logits = torch.zeros(1, 50, requires_grad=True)
    # 20 of 50 alike: ln 20 nats.
    assert float(eaft_weights(logits, 1.0)) == pytest.approx(math.log(20) / 3)
    assert not eaft_weights(logits, 1.0).requires_grad
    assert float(eaft_weights(torch.tensor([[0.0, 0.0, -1e9]]), 2.0)) == pytest.approx((math.log(2) / 3) ** 2)


def test_kl_is_scipys_and_has_no_gradient_where_nothing_moved():
    torch.manual_seed(0)
    one, other = torch.randn(4, 30, dtype=torch.float64), torch.randn(4, 30, dtype=torch.float64)
    expected = entropy(other.softmax(-1).numpy(), one.softmax(-1).numpy(), axis=1)
    assert kl_to_base(one, other).numpy() == pytest.approx(expected)
    one.requires_grad_(True)
    losses_of("kl_base", 7.0, one, torch.arange(4), one.detach()).sum().backward()
    torch.nn.functional.cross_entropy(
        other := one.detach().clone().requires_grad_(True), torch.arange(4), reduction="sum"
    ).backward()
    assert torch.allclose(one.grad, other.grad, atol=1e-12)


def test_a_strength_without_a_loss_is_refused():
    with pytest.raises(ValueError, match="cross_entropy has none"):
        TrainingSettings(loss_strength=0.5)
