"""Generation against transformers' own, and draws that no batch can change."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import torch
from models import CORPUS, item, wrapped
from transformers import LlamaConfig, LlamaForCausalLM, MambaConfig, MambaForCausalLM, TopPLogitsWarper

from harmonia.models import GenerationSettings, LocalModel, ModelSettings, guarded, load_model
from harmonia.models.generate import end_tokens
from harmonia.models.reader import SharedBeginning
from harmonia.models.sampling import next_tokens, nucleus
from harmonia.prompts import Encoder
from harmonia.prompts.controls import LiteralEncoder
from harmonia.types import Prompt
from harmonia.world import base_folder


def generate(loaded, prompts, settings, *, ids=None, seed=0, stage="generate", **options):
    names = ids or [str(number) for number in range(len(prompts))]
    return loaded.generate(prompts, settings, addresses=names, seed=seed, stage=stage, **options)


def asked(index: int) -> str:
    one = item(index)
    return "\n".join([one.question, *one.choices, "Answer:"])


# A beginning in common of some 150 tokens, beyond the sliding windows of 16, and ends of many lengths.
PROMPTS = ["\n\n".join([asked(20) + " A", asked(21) + " B", asked(k)]) for k in range(6)]


def reference(loaded, prompt: str, limit: int) -> tuple[int, ...]:
    """The greedy continuation by transformers, one prompt at a time."""
    ids = torch.tensor(Encoder(loaded.tokenizer).encode([prompt]))
    ends = sorted(end_tokens(loaded.model, loaded.tokenizer))
    out = loaded.model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        max_new_tokens=limit,
        eos_token_id=ends,
        pad_token_id=0,
    )
    return tuple(token for token in out[0, ids.shape[1] :].tolist() if token not in ends)


def greedy(loaded, prompts, limit, **options):
    found = generate(loaded, prompts, GenerationSettings(max_new_tokens=limit), **options)
    return [one.tokens for (one,) in found]


@pytest.mark.parametrize("name", ["llama", "mistral", "qwen2", "gemma3", "gpt2"])
def test_greedy_is_transformers_own(tiny_loaded, name):
    loaded = tiny_loaded(name)
    expected = [reference(loaded, prompt, 20) for prompt in PROMPTS]
    assert len(set(expected)) > 1
    assert greedy(loaded, PROMPTS, 20) == expected
    assert greedy(loaded, PROMPTS, 20, batch_tokens=1) == expected


def test_greedy_is_transformers_own_on_the_lab():
    loaded = load_model(ModelSettings(path=str(base_folder(0)), device="cpu"))
    prompts = [f"Which hobby does {name} have?\nAnswer:" for name in ("fevun", "zujen")]
    prompts += ["The crop of"]
    assert greedy(loaded, prompts, 12) == [reference(loaded, prompt, 12) for prompt in prompts]


@pytest.mark.models
def test_greedy_is_transformers_own_on_a_real_model(smollm2):
    opening = "The capital of France is Paris. The capital of Japan is Tokyo."
    prompts = [
        f"{opening} {rest}" for rest in ("The capital of Italy is", "Water boils", "A prime number is")
    ]
    assert greedy(smollm2, prompts, 16) == [reference(smollm2, prompt, 16) for prompt in prompts]


def unusual(tokenizer, model) -> LocalModel:
    settings = ModelSettings(path="made here")
    return LocalModel(
        settings=settings, model=model.eval(), tokenizer=tokenizer, device="cpu", max_tokens=1024
    )


def test_a_model_with_another_kind_of_cache_is_read_again_and_again():
    tokenizer = wrapped("byte")
    torch.manual_seed(0)
    config = MambaConfig(
        vocab_size=len(tokenizer), hidden_size=32, state_size=4, num_hidden_layers=2, initializer_range=0.5
    )
    loaded = unusual(tokenizer, MambaForCausalLM(config))
    assert greedy(loaded, PROMPTS[:3], 8) == [reference(loaded, prompt, 8) for prompt in PROMPTS[:3]]


def test_positions_scaled_by_length_are_as_they_are_alone():
    """Positions change at a length that every prompt exceeds, and what the prompts share does not."""
    tokenizer = wrapped("byte")
    ids = Encoder(tokenizer).encode(PROMPTS)
    shared = next(k for k, column in enumerate(zip(*ids, strict=False)) if len(set(column)) > 1)
    changed = min(map(len, ids)) - 1
    assert shared < changed
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        initializer_range=0.3,
        max_position_embeddings=1024,
        rope_parameters={
            "rope_type": "longrope",
            "rope_theta": 10000.0,
            "short_factor": [1.0] * 4,
            "long_factor": [1.0, 2.0, 4.0, 8.0],
            "original_max_position_embeddings": changed,
        },
    )
    loaded = unusual(tokenizer, LlamaForCausalLM(config))
    assert greedy(loaded, PROMPTS, 12) == [reference(loaded, prompt, 12) for prompt in PROMPTS]


SAMPLED = GenerationSettings(temperature=1.0, top_p=0.9, max_new_tokens=12, samples=3)


@pytest.mark.parametrize("name", ["llama", "gemma3"])
def test_batches_order_and_company_change_no_draw(tiny_loaded, name):
    loaded = tiny_loaded(name)
    names = [f"q{k}" for k in range(len(PROMPTS))]
    found = generate(loaded, PROMPTS, SAMPLED, ids=names, seed=3, stage="t")
    assert len({one.tokens for several in found for one in several}) == 18
    turned = generate(loaded, PROMPTS[::-1], SAMPLED, ids=names[::-1], seed=3, stage="t", batch_tokens=300)
    assert turned[::-1] == found
    fewer = SAMPLED.model_copy(update={"samples": 1})
    assert generate(loaded, PROMPTS[2:3], fewer, ids=["q2"], seed=3, stage="t") == [found[2][:1]]
    for other in ({"seed": 4, "stage": "t"}, {"seed": 3, "stage": "u"}):
        assert generate(loaded, PROMPTS, SAMPLED, ids=names, **other)[0] != found[0]


def test_the_beginning_and_each_prompt_are_read_once(tiny_loaded, monkeypatch):
    loaded = tiny_loaded("llama")
    read: list[tuple[int, int]] = []
    real = loaded.model.forward

    def counting(*args, **options):
        read.append(tuple(options["input_ids"].shape))
        return real(*args, **options)

    monkeypatch.setattr(loaded.model, "forward", counting)
    # PEFT-like wrappers aside, logits_to_keep is looked up on forward's signature.
    monkeypatch.setattr("harmonia.models.reader.keeps_logits", lambda _: True)
    settings = GenerationSettings(temperature=1.0, max_new_tokens=3, samples=5)
    generate(loaded, PROMPTS[:2], settings, batch_tokens=10_000)
    ids = Encoder(loaded.tokenizer).encode(PROMPTS[:2])
    shared = next(k for k, (a, b) in enumerate(zip(*ids, strict=False)) if a != b)
    lengths = sorted(map(len, ids))
    assert read[:2] == [(1, shared), (2, lengths[0] - shared)]
    # Then one token a step for each of the ten samples; the longer prompt is still being read at first.
    assert all(width == 1 and rows <= 10 for rows, width in read[2:])
    assert len(read) <= 2 + (lengths[1] - lengths[0]) + 3


def test_the_tokenizer_of_guarded_texts_is_made_once(tiny_loaded, monkeypatch):
    loaded = replace(tiny_loaded("qwen2"))
    made: list[LiteralEncoder] = []

    def counted(tokenizer):
        made.append(LiteralEncoder(tokenizer))
        return made[-1]

    monkeypatch.setattr("harmonia.prompts.encode.LiteralEncoder", counted)
    prompt = guarded(loaded, "The <|im_end|> of the river")
    ((one,),), ((other,),) = (generate(loaded, [prompt], GenerationSettings(max_new_tokens=3)) for _ in "ab")
    assert one == other and len(made) == 1


def test_a_batch_that_does_not_fit_the_memory_is_halved(tiny_loaded, monkeypatch):
    loaded = tiny_loaded("llama")
    names = [f"q{k}" for k in range(len(PROMPTS))]
    expected = generate(loaded, PROMPTS, SAMPLED, ids=names)
    real, refused = SharedBeginning.reader, []

    def short_of_memory(self, count):
        reader = real(self, count)
        select = reader.select

        def choosing(lines):
            if len(lines) > 4:
                refused.append(len(lines))
                raise torch.OutOfMemoryError("CUDA out of memory.")
            select(lines)

        reader.select = choosing
        return reader

    monkeypatch.setattr(SharedBeginning, "reader", short_of_memory)
    assert generate(loaded, PROMPTS, SAMPLED, ids=names) == expected
    assert refused and len(refused) < 5, "the size that fits is remembered"


def test_another_error_is_not_swallowed(tiny_loaded, monkeypatch):
    def broken(self, count):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(SharedBeginning, "reader", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        generate(tiny_loaded("llama"), PROMPTS, SAMPLED)


def test_stop_texts_and_limits(tiny_loaded):
    loaded = tiny_loaded("qwen2")
    (free,) = generate(loaded, PROMPTS[:1], GenerationSettings(max_new_tokens=20))[0]
    assert (free.ended, len(free.tokens)) == ("length", 20)
    stop = free.text[7:9]
    (cut,) = generate(loaded, PROMPTS[:1], GenerationSettings(max_new_tokens=20, stop=("never", stop)))[0]
    assert cut.ended == "stop"
    assert cut.text == free.text[: free.text.index(stop)]
    assert cut.tokens == free.tokens[: len(cut.tokens)] and len(cut.tokens) < 20


def test_the_end_mark_ends_a_continuation_and_is_no_part_of_it(tiny_loaded, monkeypatch):
    loaded = tiny_loaded("qwen2")
    (free,) = generate(loaded, PROMPTS[:1], GenerationSettings(max_new_tokens=20))[0]
    place = next(k for k in range(3, 20) if free.tokens[k] not in free.tokens[:k])
    monkeypatch.setattr(loaded.model.generation_config, "eos_token_id", [0, free.tokens[place]])
    (ended,) = generate(loaded, PROMPTS[:1], GenerationSettings(max_new_tokens=20))[0]
    assert (ended.ended, ended.tokens) == ("end", free.tokens[:place])


@pytest.mark.parametrize("kind", ["llama", "gemma3", "qwen2"])
def test_a_text_keeps_its_opening_space(tiny_loaded, kind, monkeypatch):
    """The continuation by " B" reads " B", whatever the decoder does to a first token."""
    loaded = tiny_loaded(kind)
    encoder = Encoder(loaded.tokenizer)
    prompt = CORPUS[0][:60].rsplit(" ", 1)[0] + " Answer:"
    asked = Prompt(item_id="q", form="icl0", context=prompt, continuations=(" B",), shots=0)
    wanted = list(encoder.request(asked).continuations[0])
    forced = iter(wanted)
    monkeypatch.setattr("harmonia.models.generate.next_tokens", lambda logits, **_: [next(forced)])
    (one,) = generate(loaded, [prompt], GenerationSettings(max_new_tokens=len(wanted)))[0]
    assert one.text == " B"


def test_a_prompt_without_room_is_not_continued_and_one_with_little_is_cut(tiny_loaded):
    loaded = tiny_loaded("llama")
    (tokens,) = Encoder(loaded.tokenizer).encode([PROMPTS[0]])
    narrow = replace(loaded, max_tokens=len(tokens) + 2)
    settings = GenerationSettings(max_new_tokens=20)
    (none,), (short,) = generate(narrow, ["river " * 2000, PROMPTS[0]], settings)
    assert (none.text, none.tokens, none.ended) == ("", (), "no room")
    assert (short.tokens, short.ended) == (reference(loaded, PROMPTS[0], 2), "length")
    assert generate(narrow, ["river " * 2000], settings) == [(none,)]
    assert generate(loaded, [], settings) == []


# One step of sampling.


def test_the_nucleus_is_transformers_own():
    torch.manual_seed(0)
    logits = torch.randn(50, 400) * torch.linspace(0.1, 5, 50)[:, None]
    for top_p in (0.05, 0.5, 0.8, 0.99):
        warped = torch.softmax(TopPLogitsWarper(top_p)(None, logits), dim=-1)
        kept = nucleus(torch.softmax(logits, dim=-1), top_p)
        assert torch.allclose(kept / kept.sum(-1, keepdim=True), warped, atol=1e-6)


def test_the_nucleus_by_hand():
    probs = torch.tensor([[0.1, 0.4, 0.2, 0.3]])
    assert nucleus(probs, 0.7).tolist() == [pytest.approx([0, 0.4, 0, 0.3])]
    assert nucleus(probs, 0.71).tolist() == [pytest.approx([0, 0.4, 0.2, 0.3])]
    assert nucleus(probs, 0.01).tolist() == [pytest.approx([0, 0.4, 0, 0])]
    assert nucleus(probs, 1.0) is probs


def test_a_draw_by_hand():
    logits = torch.log(torch.tensor([[0.1, 0.4, 0.2, 0.3]]))

    def drawn(number, **options):
        return next_tokens(logits, **{"temperature": 1.0, "top_p": 1.0, "uniform": [number], **options})[0]

    # Tokens lie by id: 0 to .1, .1 to .5, .5 to .7, .7 to 1.
    assert [drawn(u) for u in (0.0, 0.09, 0.11, 0.49, 0.51, 0.69, 0.71, 1 - 2**-53)] == [
        0,
        0,
        1,
        1,
        2,
        2,
        3,
        3,
    ]
    # With the nucleus of .7, tokens 1 (4/7) and 3 (3/7).
    assert [drawn(u, top_p=0.7) for u in (0.0, 0.57, 0.58, 0.99)] == [1, 1, 3, 3]
    # At temperature 1/2 the weights are squares: 1, 16, 4, 9 of 30.
    assert [drawn(u, temperature=0.5) for u in (0.03, 0.04, 0.56, 0.57, 0.69, 0.71)] == [0, 1, 1, 2, 2, 3]
    assert drawn(0.0, temperature=0) == 1


def test_drawn_shares_are_the_models_probabilities(tiny_loaded):
    """First tokens of 4,000 samples against the softmax of a plain forward pass."""
    loaded = tiny_loaded("llama")
    ids = torch.tensor(Encoder(loaded.tokenizer).encode(PROMPTS[:1]))
    with torch.inference_mode():
        probs = torch.softmax(loaded.model(ids).logits[0, -1] / 0.7, dim=-1)
    settings = GenerationSettings(temperature=0.7, max_new_tokens=1, samples=4000)
    (found,) = generate(loaded, PROMPTS[:1], settings)
    counts = Counter(one.tokens[0] if one.tokens else loaded.tokenizer.eos_token_id for one in found)
    for token in probs.topk(8).indices.tolist():
        p = float(probs[token])
        assert counts[token] / 4000 == pytest.approx(p, abs=4 * (p * (1 - p) / 4000) ** 0.5)
