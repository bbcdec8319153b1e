"""Packed scoring against whole rows run one by one, in token ids, on every architecture."""

from __future__ import annotations

import copy
import json
import random
from dataclasses import replace

import pytest
import torch
from models import TINY, make_tiny, real_model, sums

from harmonia.data import ItemSource, read_items
from harmonia.models import LocalModel, attention, likelihood, load_model, packed
from harmonia.models.architecture import scaled_by_length
from harmonia.models.cache import cache_refusal
from harmonia.models.load import load_checked
from harmonia.models.support import refusal
from harmonia.prompts import Encoder, Form, PromptSettings, Request, build_template, fit_prompt

WINDOW = 16  # of the tiny models that have one


def alone(model, request: Request) -> tuple[float, ...]:
    """Each continuation in a row of its own, through transformers as it comes."""
    sums = []
    rows: dict[tuple[int, ...], torch.Tensor] = {}
    for ids in request.continuations:
        row = request.context + ids[:-1]
        if row not in rows:
            with torch.no_grad():
                rows[row] = model(torch.tensor([row]), logits_to_keep=len(ids)).logits[0]
        logprobs = torch.log_softmax(rows[row].double(), dim=-1)
        sums.append(sum(float(logprobs[step, token]) for step, token in enumerate(ids)))
    return tuple(sums)


def words(draws: random.Random, count: int) -> tuple[int, ...]:
    return tuple(draws.randrange(5, 250) for _ in range(count))


def asked(prefix: int, seed: int = 0) -> list[Request]:
    """Requests behind one prefix: letters and texts, short and long, some beginning alike."""
    draws = random.Random(f"{prefix} {seed}")
    shared, opening, option = words(draws, prefix), words(draws, 4), words(draws, 3)
    requests = []
    for k in range(14):
        context = shared + (opening if k % 3 else ()) + words(draws, 1 + (5 * k) % 23)
        if k % 2:
            answers = tuple((token,) for token in words(draws, 4))
        else:
            answers = (
                option + words(draws, k % 4),
                option,
                words(draws, 1 + k),
                option[:1],
                (*option[:2], 9),
            )
        requests.append(Request(context=context, continuations=answers))
    # One that is the beginning of another, one asked twice, one that shares nothing.
    requests.append(Request(context=requests[3].context[:-1], continuations=((9,), (10, 11))))
    requests.append(requests[4])
    requests.append(Request(context=words(draws, 6), continuations=((7,), (8,))))
    return requests


@pytest.fixture(scope="module", params=list(TINY))
def loaded(request, tiny_loaded):
    return tiny_loaded(request.param)


@pytest.fixture(scope="module")
def expected(loaded):
    return {prefix: [alone(loaded.model, one) for one in asked(prefix)] for prefix in (0, 7, 61)}


@pytest.mark.parametrize("batch_tokens", [1, 50, 120, None])
@pytest.mark.parametrize("prefix", [0, 7, 61], ids=["no prefix", "within the window", "beyond the window"])
def test_packs_equal_whole_rows(loaded, expected, prefix, batch_tokens):
    assert {len(one.context) > WINDOW for one in asked(7)} == {True, False}
    found = sums(loaded, asked(prefix), batch_tokens=batch_tokens)
    for one, other in zip(found, expected[prefix], strict=True):
        assert one == pytest.approx(other, abs=1e-5)
    assert refusal(loaded.model) is None


@pytest.mark.parametrize("block", [1, 1000])
def test_blocks_of_any_size_give_the_same(loaded, expected, monkeypatch, block):
    monkeypatch.setattr(likelihood, "_BLOCK", {"cpu": block})
    monkeypatch.setattr(packed, "_PIECE", 20)  # the prefix in several pieces
    for one, other in zip(sums(loaded, asked(61)), expected[61], strict=True):
        assert one == pytest.approx(other, abs=1e-5)


def test_requests_in_any_order_and_company_give_the_same(loaded, expected):
    requests, answers = asked(61) + asked(7), expected[61] + expected[7]
    order = random.Random(0).sample(range(len(requests)), len(requests))
    for places in (order, order[:9], order[9:10]):
        found = sums(loaded, [requests[place] for place in places])
        for one, place in zip(found, places, strict=True):
            assert one == pytest.approx(answers[place], abs=1e-5)


def test_one_prefix_is_not_taken_for_another(tiny_loaded):
    loaded = tiny_loaded("llama")
    for seed in (1, 2, 1, 3, 1):
        requests = asked(61, seed)[:6]
        for one, other in zip(sums(loaded, requests), requests, strict=True):
            assert one == pytest.approx(alone(loaded.model, other), abs=1e-5)


def test_contexts_that_are_all_alike(loaded):
    context = words(random.Random(3), 70)
    requests = [Request(context=context, continuations=((k,), (k + 1, 9))) for k in range(10)]
    for one, other in zip(sums(loaded, requests), requests, strict=True):
        assert one == pytest.approx(alone(loaded.model, other), abs=1e-5)


def test_the_models_attention_is_left_as_it_was(loaded):
    before = loaded.model.config._attn_implementation
    sums(loaded, asked(7))
    assert loaded.model.config._attn_implementation == before == "sdpa"


def forwarded(model) -> list[tuple[int, ...]]:
    """Shapes of what the model is given, as they come."""
    shapes: list[tuple[int, ...]] = []
    model.register_forward_pre_hook(
        lambda module, args, kwargs: shapes.append(tuple(kwargs["input_ids"].shape)), with_kwargs=True
    )
    return shapes


def test_what_is_shared_is_computed_once(tiny):
    loaded = load_model(tiny("llama"))
    draws = random.Random(1)
    shared = words(draws, 100)
    questions = [(k, *words(draws, 9)) for k in range(20)]
    letters = [Request(context=shared + one, continuations=((1,), (2,))) for one in questions]
    texts = [
        Request(context=shared + one, continuations=tuple((k, *words(draws, 4)) for k in range(4)))
        for one in questions
    ]
    sums(loaded, letters[:1])  # what is tried out once
    shapes = forwarded(loaded.model)
    sums(loaded, letters)
    assert shapes == [(1, 100), (1, 20 * 10)]
    shapes.clear()
    # Four options share their question.
    sums(loaded, texts)
    assert shapes == [(1, 100), (1, 20 * (10 + 4 * 4))]


def test_logits_are_computed_where_they_are_read_alone(tiny):
    loaded = load_model(tiny("llama"))
    sums(loaded, asked(7)[:1])
    widths: list[int] = []
    loaded.model.lm_head.register_forward_hook(lambda module, args, out: widths.append(args[0].shape[1]))
    draws = random.Random(2)
    letters = [Request(context=words(draws, 9), continuations=((1,), (2,), (3,))) for _ in range(5)]
    sums(loaded, letters)
    assert widths == [5]


# What would be wrong with a cache, a mask or a position has to be found out, not assumed.


def see_all(*args, **kwargs):
    masks = VISIBLE(*args, **kwargs)
    masks.blocks = [torch.zeros_like(mask) for mask in masks.blocks]
    return masks


def see_the_whole_prefix(*args, mask_function, **kwargs):
    """As if no layer had a window."""
    return VISIBLE(*args, **kwargs, mask_function=lambda batch, head, q, k: k <= q)


VISIBLE = attention._visible
BREAKS = {
    "every token sees its whole block": (attention, "_visible", see_all),
    "the row is numbered through": (
        attention.Pack,
        "positions",
        property(lambda pack: list(range(len(pack.prefix.ids), len(pack.prefix.ids) + len(pack.ids)))),
    ),
    "the prefix is not counted": (
        attention.Pack,
        "positions",
        property(lambda pack: [depth for block in pack.blocks for depth in block.depths]),
    ),
}


@pytest.mark.parametrize("broken", BREAKS)
@pytest.mark.parametrize("name", list(TINY))
def test_a_wrong_mask_or_position_is_found_out(tiny, monkeypatch, name, broken):
    loaded = load_model(tiny(name))
    monkeypatch.setattr(*BREAKS[broken])
    assert "differ from plain ones" in str(refusal(loaded.model))
    # So the answers are right all the same.
    requests = asked(7)[:3]
    for one, other in zip(sums(loaded, requests), requests, strict=True):
        assert one == pytest.approx(alone(loaded.model, other), abs=1e-5)


@pytest.mark.parametrize("name", ["mistral", "gemma3"])
def test_a_forgotten_window_is_found_out(tiny, monkeypatch, name):
    loaded = load_model(tiny(name))
    monkeypatch.setattr(attention, "_visible", see_the_whole_prefix)
    assert "differ from plain ones" in str(refusal(loaded.model))


@pytest.mark.parametrize("rope", ["dynamic", "longrope"])
def test_positions_that_follow_the_longest_row_are_asked_plainly(tmp_path, rope):
    settings = make_tiny("llama", tmp_path)
    path = tmp_path / "config.json"
    config = json.loads(path.read_text())
    factors = {"short_factor": [1.0] * 4, "long_factor": [3.0] * 4} if rope == "longrope" else {}
    config["rope_parameters"] = {"rope_type": rope, "rope_theta": 1e4, "factor": 2.0, **factors}
    config["max_position_embeddings"] = 20
    path.write_text(json.dumps(config))
    loaded = load_model(settings)
    assert refusal(loaded.model) == "its positions are scaled by the length of the text"
    # Where no module says so, as in code of a model's own, the configuration does.
    nameless = copy.deepcopy(loaded.model)
    for module in nameless.modules():
        vars(module).pop("rope_type", None)
    assert scaled_by_length(nameless)
    nameless.config.rope_parameters = {"full_attention": {"rope_type": rope}, "sliding_attention": {}}
    assert scaled_by_length(nameless)
    for plain in ({"rope_type": "default", "rope_theta": 1e4}, None):
        nameless.config.rope_parameters = plain
        assert not scaled_by_length(nameless)
    # Rows longer than 20 tokens do not change those that are shorter. (Under `dynamic`
    # transformers itself lets a long row change the rows that come after it.)
    requests = asked(7) if rope == "longrope" else []
    assert not requests or {one.length > 20 for one in requests} == {True, False}
    for one, other in zip(sums(loaded, requests), requests, strict=True):
        assert one == pytest.approx(alone(loaded.model, other), abs=1e-5)


def test_half_precision_is_packed_too(tiny):
    for dtype in ("bfloat16", "float16"):
        loaded = load_model(tiny("llama").model_copy(update={"dtype": dtype}))
        assert refusal(loaded.model) is None
        found = sums(loaded, asked(61))
        off = [
            abs(a - b)
            for one, other in zip(found, asked(61), strict=True)
            for a, b in zip(one, alone(loaded.model, other), strict=True)
        ]
        # Sums of up to 15 tokens, each rounded in its third (bf16) or fourth digit.
        assert sum(off) / len(off) < (0.1 if dtype == "bfloat16" else 0.02)


def test_an_adapter_is_packed_too(tiny):
    from peft import LoraConfig, get_peft_model

    loaded = load_model(tiny("llama"))
    adapted = get_peft_model(loaded.model, LoraConfig(r=2, target_modules=["q_proj", "v_proj"]))
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                weight.normal_(0, 0.3)
    loaded = replace(loaded, model=adapted.eval())
    for one, other in zip(sums(loaded, asked(7)), asked(7), strict=True):
        assert one == pytest.approx(alone(adapted, other), abs=1e-5)
    assert refusal(adapted) is None


# Memory.


class Small(torch.nn.Module):
    """Takes so many tokens at once and no more."""

    def __init__(self, hold: int, error: Exception) -> None:
        super().__init__()
        self.hold, self.error = hold, error
        self.sizes: list[int] = []

    def __call__(self, module, args, kwargs):
        size = kwargs["input_ids"].numel()
        self.sizes.append(size)
        if size > self.hold:
            raise self.error


ERRORS = {
    "gpu": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    "cpu": RuntimeError(
        "[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory: you tried to "
        "allocate 34359738368 bytes. Error code 12 (Cannot allocate memory)"
    ),
    "python": MemoryError(),
}


@pytest.mark.parametrize("way", ["packed", "plain"])
@pytest.mark.parametrize("error", ERRORS)
def test_a_batch_that_does_not_fit_is_halved_and_remembered(tiny, monkeypatch, error, way):
    loaded = load_model(tiny("llama"))
    if way == "plain":
        monkeypatch.setattr(likelihood, "refusal", lambda model: "asked so")
    sums(loaded, asked(61)[:1])
    small = Small(100 if way == "packed" else 200, ERRORS[error])
    expected = [alone(loaded.model, one) for one in asked(61)]
    loaded.model.register_forward_pre_hook(small, with_kwargs=True)
    for one, other in zip(sums(loaded, asked(61)), expected, strict=True):
        assert one == pytest.approx(other, abs=1e-5)
    assert max(small.sizes) > small.hold
    small.sizes.clear()
    sums(loaded, asked(61))
    assert max(small.sizes) <= small.hold


def test_kernels_may_lay_out_what_they_give_by_token(tiny, monkeypatch):
    """As those of a GPU do: there is then no view of it by head."""
    by_head = torch.nn.functional.scaled_dot_product_attention

    def by_token(*args, **kwargs):
        return by_head(*args, **kwargs).transpose(1, 2).contiguous().transpose(1, 2)

    loaded = load_model(tiny("llama"))
    config = loaded.model.config
    assert config.num_key_value_heads < config.num_attention_heads
    expected = [alone(loaded.model, one) for one in asked(61)]
    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", by_token)
    assert refusal(loaded.model) is None
    for one, other in zip(sums(loaded, asked(61)), expected, strict=True):
        assert one == pytest.approx(other, abs=1e-5)


def test_one_request_that_does_not_fit_is_an_error(tiny):
    loaded = load_model(tiny("llama"))
    sums(loaded, asked(7)[:1])
    loaded.model.register_forward_pre_hook(Small(3, ERRORS["gpu"]), with_kwargs=True)
    with pytest.raises(torch.OutOfMemoryError):
        sums(loaded, asked(7)[:1])


@pytest.mark.parametrize("error", ERRORS)
def test_a_memory_that_is_full_once_says_nothing_of_a_model(tiny, error):
    def full(module, args, kwargs):
        if "position_ids" in kwargs or kwargs["use_cache"]:
            raise ERRORS[error]

    loaded = load_model(tiny("llama"))
    hook = loaded.model.register_forward_pre_hook(full, with_kwargs=True)
    for trial in (refusal, cache_refusal):
        with pytest.raises(type(ERRORS[error])):
            trial(loaded.model)
    hook.remove()
    assert refusal(loaded.model) is None and cache_refusal(loaded.model) is None


def test_an_error_of_another_kind_is_not_taken_for_a_full_memory(tiny):
    loaded = load_model(tiny("llama"))
    sums(loaded, asked(7)[:1])
    small = Small(0, RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    loaded.model.register_forward_pre_hook(small, with_kwargs=True)
    with pytest.raises(RuntimeError, match="shapes"):
        sums(loaded, asked(7))
    assert len(small.sizes) == 1


@pytest.fixture(scope="module")
def gemma3(real_tokenizer):
    settings, tokenizer = real_model("gemma3"), real_tokenizer("gemma3")
    model, _ = load_checked(settings, "cpu", tokenizer)
    return LocalModel(settings=settings, model=model, tokenizer=tokenizer, device="cpu", max_tokens=8192)


@pytest.mark.models
@pytest.mark.shared
@pytest.mark.parametrize("method", ["letter", "cloze"])
def test_a_real_model_behind_a_prefix_longer_than_its_window(gemma3, data_root, method):
    assert gemma3.model.config.sliding_window == 512
    items = read_items(
        ItemSource(path="exams/engineering/test.jsonl", limit=2, on_bad_row="skip"), data_root
    ).items
    shots = read_items(ItemSource(path="exams/engineering/dev.jsonl"), data_root).items
    items, shots = (items[:1], shots * 2) if method == "cloze" else (items, shots)
    template = build_template(PromptSettings(method=method), gemma3.tokenizer)
    encoder, form = Encoder(gemma3.tokenizer), Form(chat=False, shots=len(shots))
    requests = [fit_prompt(one, form, shots, template, encoder, 8192).request for one in items]
    assert all(len(one.context) > 512 + 40 for one in requests)
    found = sums(gemma3, requests)
    assert refusal(gemma3.model) is None
    for one, request in zip(found, requests, strict=True):
        expected = alone(gemma3.model, request)
        assert one == pytest.approx(expected, abs=1e-3)
        probs = [torch.tensor(values).softmax(0) for values in (one, expected)]
        assert float((probs[0] - probs[1]).abs().max()) < 1e-4


def test_a_prefix_that_grows_piece_by_piece_is_held_once(tiny_loaded, monkeypatch):
    model, ids = tiny_loaded("llama").model, tuple(range(5, 45))
    whole = packed.compute_prefix(model, ids)
    held = []
    attend = attention._attend

    def counted(module, *given, **named):
        done = attend(module, *given, **named)
        pack = attention._CURRENT.get()
        held.append((len(pack.grown.ids), sorted([*pack.prefix.layers, *pack.grown.layers], key=id)))
        return done

    monkeypatch.setattr(packed, "_PIECE", 16)
    monkeypatch.setattr(attention, "_attend", counted)
    grown = packed.compute_prefix(model, ids)
    layers = sorted(whole.layers, key=id)
    # Whatever layer is at work: that of the prefix before, or that of the new one.
    assert [one for length, one in held if length > 16] == [layers] * 4
    for module, (keys, values) in whole.layers.items():
        assert torch.allclose(grown.layers[module][0], keys, atol=1e-5)
        assert torch.allclose(grown.layers[module][1], values, atol=1e-5)
