"""A beginning that all rows have in common is computed once, with the gradients of computing it in each."""

from __future__ import annotations

import json

import pytest
import torch
from models import TINY, make_tiny
from transformers import AutoModelForCausalLM, MambaConfig, MambaForCausalLM, OPTConfig, OPTForCausalLM

from harmonia.models import cache
from harmonia.training import Encoded, prefix, trainer
from harmonia.training.encode import IGNORED
from harmonia.training.prefix import common_prefix, share_refusal


def row(*ids: int, learned: int = 1) -> Encoded:
    return Encoded(id="r", input_ids=ids, labels=(IGNORED,) * (len(ids) - learned) + ids[-learned:])


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ([row(1, 2, 3, 4, 5), row(1, 2, 9, 4)], 2),
        ([row(1, 2, 3, 4, 5), row(9, 2, 3, 4, 5)], 0),
        # The token before a learned one stays in the row: its logits are needed.
        ([row(1, 2, 3, 4, 5), row(1, 2, 3, 4, 6)], 3),
        ([row(1, 2, 3, 4, 5), row(1, 2, 3, 4, 6, learned=2)], 2),
        ([row(1, 2, 3), row(1, 2, 3, 4, 5)], 1),
        ([row(1, 2, 3)], 1),
    ],
)
def test_the_common_beginning_ends_before_what_is_learned(rows, wanted):
    assert common_prefix(rows) == wanted


def model_of(name: str, folder, **fields: float):
    settings = make_tiny(name, folder, init=0.1)
    return AutoModelForCausalLM.from_pretrained(settings.path, dtype=torch.float32, **fields).train()


@pytest.mark.parametrize("name", TINY)
def test_losses_and_gradients_are_those_of_whole_rows(tmp_path, name):
    dry = {key: 0.0 for key in ("attn_pdrop", "embd_pdrop", "resid_pdrop")} if name == "gpt2" else {}
    model = model_of(name, tmp_path / name, **dry)
    assert share_refusal(model) is None
    torch.manual_seed(0)
    ids = torch.randint(3, 200, (4, 45))
    ids[:, :30] = ids[0, :30]  # longer than a window of 16
    labels = torch.full_like(ids, IGNORED)
    labels[:, 33:40] = ids[:, 33:40]

    def gradients(shared: int) -> tuple[torch.Tensor, list[torch.Tensor]]:
        losses = trainer.token_losses(model, model, ids, labels, shared=shared)
        weights = torch.linspace(0, 1, len(losses))
        return losses, torch.autograd.grad((losses * weights).sum(), list(model.parameters()))

    (whole, wanted), (apart, found) = gradients(0), gradients(30)
    assert torch.allclose(whole, apart, atol=1e-5)
    for one, other in zip(wanted, found, strict=True):
        assert torch.allclose(one, other, atol=1e-5 * max(1.0, float(one.abs().max())))


def test_models_that_would_read_otherwise_are_left_alone(tmp_path):
    assert "dropout" in share_refusal(model_of("gpt2", tmp_path / "gpt2"))
    assert "dropout" in share_refusal(model_of("llama", tmp_path / "llama", attention_dropout=0.1))
    # Its hidden states' dropout is a number that no module holds.
    shape = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "ffn_dim": 8}
    opt = OPTForCausalLM(OPTConfig(vocab_size=20, word_embed_proj_dim=8, dropout=0.1, **shape))
    assert "dropout" in share_refusal(opt)
    recurrent = MambaConfig(vocab_size=20, hidden_size=8, num_hidden_layers=1, state_size=4)
    assert "cache" in share_refusal(MambaForCausalLM(recurrent))


def test_looking_for_dropout_draws_nothing(tmp_path):
    model = model_of("gpt2", tmp_path / "gpt2")
    before = torch.random.get_rng_state()
    share_refusal(model)
    assert torch.equal(before, torch.random.get_rng_state()) and model.training


def record_of(out):
    return json.loads((out / "training.json").read_text())


def test_it_is_used_where_it_pays(job, train, monkeypatch):
    seen = []
    original = prefix.cached_prefix
    monkeypatch.setattr(
        trainer, "cached_prefix", lambda model, ids, rows: seen.append(ids) or original(model, ids, rows)
    )
    out, trained = train(job(micro_tokens=4096))
    assert record_of(out)["opening"] == "computed once a step"
    assert not any("begin with" in note for note in trained.notes)
    opening = "A chat between a curious user and an artificial intelligence assistant."
    tokenizer_of = train(job(), "again")[1].model.tokenizer
    assert len(seen) >= 5 and all(opening in tokenizer_of.decode(ids[0]) for ids in seen)
    seen.clear()
    out, _ = train(job(micro_tokens=4096, gradient_checkpointing=True), "recomputed")
    assert not seen and record_of(out)["opening"] == "computed in every row"


def test_a_name_that_is_not_found_is_told(job, train, monkeypatch):
    """What a rename in the library would do: slower by the opening, and it says so."""
    monkeypatch.setattr(cache, "NAMES", ("another_name",))
    out, trained = train(job(micro_tokens=4096))
    why = "computed in every row: its code takes no cache by a name known here (another_name)"
    assert record_of(out)["opening"] == why
    assert f"what all rows begin with is {why}" in trained.notes
