"""What we score equals what a plain, unbatched forward pass says.

The plain pass shares nothing with ours: prompts are strings written here, encoded whole by
the tokenizer as it comes, and log_softmax is taken over the logits of every position.
"""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from models import TINY, item, real_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from harmonia.data import ItemSource, read_items
from harmonia.errors import HarmoniaError
from harmonia.models import load_model
from harmonia.models.support import refusal
from harmonia.probe import ProbeSettings, ask
from harmonia.prompts import Form, PromptSettings, ShotPool, build_template
from harmonia.types import Item

SHOTS = (item(1, id="s1", question="Shot one?"), item(7, id="s2", question="And shot two, the longer one?"))
# Questions and options of different lengths; from two to twenty-six options.
ITEMS = tuple(item(k, options=(4, 2, 5, 3, 26, 4)[k]) for k in range(6))


class Plain:
    """A model and a tokenizer as transformers gives them."""

    def __init__(self, folder: str, gguf_file: str | None = None, dtype: torch.dtype = torch.float32) -> None:
        named = {"gguf_file": gguf_file} if gguf_file else {}
        self.tokenizer = AutoTokenizer.from_pretrained(folder, **named)
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, **named).eval()
        self.known: dict[tuple[str, str], tuple[float, int]] = {}
        self.nexts: dict[tuple[int, ...], torch.Tensor] = {}

    def likelihood(self, context: str, answer: str) -> tuple[float, int]:
        """Log-likelihood of the answer after the context, and its number of tokens."""
        if (context, answer) not in self.known:
            start = len(self.tokenizer(context)["input_ids"])
            ids = self.tokenizer(context + answer)["input_ids"]
            if len(ids) == start + 1:
                value = float(self.after(tuple(ids[:-1]))[ids[-1]])
            else:
                logprobs = self.logprobs(ids)
                value = sum(float(logprobs[k - 1, ids[k]]) for k in range(start, len(ids)))
            self.known[context, answer] = value, len(ids) - start
        return self.known[context, answer]

    def after(self, ids: tuple[int, ...]) -> torch.Tensor:
        """Log-probability of every token of the vocabulary after these."""
        if ids not in self.nexts:
            self.nexts[ids] = self.logprobs(list(ids))[-1]
        return self.nexts[ids]

    def logprobs(self, ids: list[int]) -> torch.Tensor:
        with torch.no_grad():
            return torch.log_softmax(self.model(torch.tensor([ids])).logits[0].float(), dim=-1)


def letter_context(asked: Item, shots: tuple[Item, ...]) -> str:
    def block(one: Item) -> str:
        options = "".join(f"{chr(65 + k)}. {text}\n" for k, text in enumerate(one.choices))
        return f"{one.question}\n{options}Answer:"

    text = f"The following are multiple choice questions (with answers) about {asked.domain}.\n\n"
    for shot in shots:
        text += f"{block(shot)} {chr(65 + shot.answer)}\n\n"
    return text + block(asked)


def cloze_context(asked: Item, shots: tuple[Item, ...]) -> str:
    text = f"The following are questions (with answers) about {asked.domain}.\n\n"
    for shot in shots:
        text += f"{shot.question}\nAnswer: {shot.choices[shot.answer]}\n\n"
    return f"{text}{asked.question}\nAnswer:"


def softmax(values: list[float]) -> list[float]:
    weights = [math.exp(value - max(values)) for value in values]
    return [weight / sum(weights) for weight in weights]


def compare(loaded, plain, items, shots, method, batch_tokens, tolerance):
    template = build_template(PromptSettings(method=method), loaded.tokenizer)
    pool = ShotPool(items=shots) if shots else None
    form = Form(chat=False, shots=len(shots))
    settings = ProbeSettings(keep_prompts=True, batch_tokens=batch_tokens)
    asked = ask(loaded, items, form, template, pool=pool, settings=settings)
    assert [belief.item for belief in asked.beliefs] == list(items)
    assert asked.shortened == 0
    for one, belief in zip(items, asked.beliefs, strict=True):
        if method == "letter":
            context = letter_context(one, shots)
            letters = [f" {chr(65 + k)}" for k in range(len(one.choices))]
            scored = [plain.likelihood(context, letter) for letter in letters]
            assert {tokens for _, tokens in scored} == {1}
            after = plain.after(tuple(plain.tokenizer(context)["input_ids"])).exp()
            ids = [plain.tokenizer(context + letter)["input_ids"][-1] for letter in letters]
            assert belief.letter_mass == pytest.approx(float(after[ids].sum()), abs=tolerance)
        else:
            context = cloze_context(one, shots)
            scored = [plain.likelihood(context, f" {choice}") for choice in one.choices]
            assert belief.letter_mass is None
        expected = softmax([value for value, _ in scored])
        assert belief.prompt == context
        assert belief.probs == pytest.approx(expected, abs=tolerance)
        assert belief.pred == expected.index(max(expected))
        assert belief.confidence == belief.probs[belief.pred]
        assert belief.correct == (belief.pred == one.answer)
        assert sum(belief.probs) == pytest.approx(1, abs=1e-12)


VICUNA_SYSTEM = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions."
)


@pytest.fixture(scope="module", params=list(TINY))
def tiny_pair(request, tiny, tiny_loaded):
    return tiny_loaded(request.param), Plain(tiny(request.param).path)


@pytest.mark.parametrize("batch_tokens", [1, 300, None])
@pytest.mark.parametrize("method", ["letter", "cloze"])
@pytest.mark.parametrize("shots", [(), SHOTS], ids=["icl0", "icl2"])
def test_tiny_models_of_every_architecture(tiny_pair, method, batch_tokens, shots):
    assert refusal(tiny_pair[0].model) is None
    compare(*tiny_pair, ITEMS, shots, method, batch_tokens, 1e-5)


@pytest.mark.parametrize("method", ["letter", "cloze"])
def test_tiny_models_in_the_chat_template(tiny_pair, method):
    loaded, plain = tiny_pair
    template = build_template(PromptSettings(method=method), loaded.tokenizer)
    asked = ask(loaded, ITEMS, Form(chat=True, shots=0), template, settings=ProbeSettings(batch_tokens=40))
    for one, belief in zip(ITEMS, asked.beliefs, strict=True):
        options = "".join(f"{chr(65 + k)}. {text}\n" for k, text in enumerate(one.choices))
        user = f"{one.question}\n{options if method == 'letter' else ''}Answer:"
        answers = [chr(65 + k) if method == "letter" else text for k, text in enumerate(one.choices)]
        context = f"{VICUNA_SYSTEM} USER: {user} ASSISTANT:"
        expected = softmax([plain.likelihood(context, f" {answer}")[0] for answer in answers])
        assert belief.probs == pytest.approx(expected, abs=1e-5)


def test_the_tiny_models_have_opinions(tiny_loaded):
    """The comparison above would prove little if all answers were alike."""
    for name in TINY:
        loaded = tiny_loaded(name)
        template = build_template(PromptSettings(), loaded.tokenizer)
        beliefs = ask(loaded, ITEMS, Form(chat=False, shots=0), template).beliefs
        assert max(belief.confidence for belief in beliefs) > 0.4
        assert len({belief.pred for belief in beliefs}) > 1


@pytest.fixture(scope="module")
def exam_items(data_root):
    result = read_items(
        ItemSource(path="exams/engineering/test.jsonl", domain="engineering", on_bad_row="skip"), data_root
    )
    # Twelve of them, short and long, in no order of length.
    by_length = sorted(result.items, key=lambda one: (len(one.question), one.id))[::16][:12]
    return tuple(sorted(by_length, key=lambda one: one.id))


@pytest.fixture(scope="module")
def exam_shots(data_root):
    return read_items(ItemSource(path="exams/engineering/dev.jsonl", domain="engineering"), data_root).items[
        :1
    ]


@pytest.fixture(scope="module")
def plain_smollm2():
    settings = real_model("smollm2")
    return Plain(settings.path, settings.gguf_file)


@pytest.mark.models
@pytest.mark.shared
@pytest.mark.parametrize("batch_tokens", [200, None])
@pytest.mark.parametrize("method", ["letter", "cloze"])
def test_a_real_model_on_a_real_exam(smollm2, plain_smollm2, exam_items, exam_shots, method, batch_tokens):
    items = exam_items if method == "letter" else exam_items[::2]
    assert len(exam_items) == 12
    compare(smollm2, plain_smollm2, items, exam_shots, method, batch_tokens, 1e-4)


class Limited(torch.nn.Module):
    """A model of no kind that transformers knows: all logits, its own attention."""

    def __init__(self, inner: torch.nn.Module) -> None:
        super().__init__()
        self.inner, self.config, self.dtype = inner, inner.config, inner.dtype

    def forward(self, input_ids, use_cache):
        return self.inner(input_ids=input_ids, use_cache=use_cache)


@pytest.mark.parametrize("batch_tokens", [1, 300, None])
@pytest.mark.parametrize("method", ["letter", "cloze"])
def test_a_model_that_takes_no_packs_is_asked_plainly_and_says_so(tiny, tiny_loaded, method, batch_tokens):
    loaded = replace(tiny_loaded("llama"), model=Limited(tiny_loaded("llama").model))
    compare(loaded, Plain(tiny("llama").path), ITEMS, SHOTS, method, batch_tokens, 1e-5)
    template = build_template(PromptSettings(method=method), loaded.tokenizer)
    asked = ask(loaded, ITEMS, Form(chat=False, shots=0), template)
    assert asked.slower == (
        "asked row by row, without shared prompts: its attention cannot be set",
        "logits are computed at every position: its code takes no logits_to_keep",
        "texts are encoded whole, lines that come again, too: its tokenizer's steps are not known here",
    )


def test_bf16_runs_and_is_near(tiny, tiny_loaded):
    half = load_model(tiny("llama").model_copy(update={"dtype": "bfloat16"}))
    assert {weight.dtype for weight in half.model.parameters()} == {torch.bfloat16}
    compare(half, Plain(tiny("llama").path, dtype=torch.bfloat16), ITEMS, SHOTS, "letter", 1, 0.05)
    template = build_template(PromptSettings(), half.tokenizer)
    form = Form(chat=False, shots=0)
    coarse, fine = (ask(loaded, ITEMS, form, template).beliefs for loaded in (half, tiny_loaded("llama")))
    for one, other in zip(coarse, fine, strict=True):
        assert one.probs == pytest.approx(other.probs, abs=0.1)


def test_nothing_asked_nothing_scored(tiny_loaded):
    assert tiny_loaded("llama").loglikelihoods([]) == []


def test_a_model_that_answers_no_number_is_an_error(tiny):
    loaded = load_model(tiny("llama"))
    with torch.no_grad():
        loaded.model.lm_head.weight.fill_(float("nan"))
    template = build_template(PromptSettings(), loaded.tokenizer)
    with pytest.raises(HarmoniaError, match=r"likelihoods for item q0 are not a number.*float32"):
        ask(loaded, ITEMS, Form(chat=False, shots=0), template)
