"""What explain-scoring tells, against plain transformers; and each of its warnings."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from models import item, wrapped
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from harmonia.errors import InputError
from harmonia.probe import ask
from harmonia.probe.explain import EXAMPLE, EXAMPLE_SHOTS, explain_scoring
from harmonia.prompts import Form, PromptSettings, ShotPool, build_template

ICL = Form(chat=False, shots=2)
CHAT = Form(chat=True, shots=0)
SHOTS = (item(1), item(2))
PRESETS = ("corrected", "repo", "harness")


def explain(loaded, form=ICL, asked=None, **settings):
    template = build_template(PromptSettings(**settings), loaded.tokenizer)
    return explain_scoring(loaded, asked or item(), form, template, SHOTS)


def told(found, start: str) -> list[str]:
    return [warning for warning in found.warnings if warning.startswith(start)]


@pytest.mark.parametrize("form", [ICL, CHAT], ids=str)
@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", ["llama", "qwen2"])
def test_tokens_and_probabilities_are_the_models(tiny_loaded, name, preset, form):
    loaded = tiny_loaded(name)
    found = explain(loaded, form, preset=preset)
    template = build_template(PromptSettings(preset=preset), loaded.tokenizer)
    (belief,) = ask(loaded, [item()], form, template, pool=ShotPool(items=SHOTS)).beliefs
    assert (found.form, found.preset) == (str(form), preset)
    assert found.letter_mass == pytest.approx(belief.letter_mass, abs=1e-5)
    for one, prob in zip(found.letters, belief.probs, strict=True):
        assert one.prob == pytest.approx(prob * belief.letter_mass, abs=1e-5)
    # Read on with plain transformers from the prompt's text.
    special = not (preset == "repo" and form.chat)
    ids = loaded.tokenizer(found.prompt, return_tensors="pt", add_special_tokens=special)["input_ids"]
    assert found.prompt_tokens == ids.shape[1]
    spelled = loaded.tokenizer.convert_ids_to_tokens(ids[0].tolist())
    assert [token.spelled for token in found.last] == spelled[-len(found.last) :]
    assert [token.spelled for token in found.first] == spelled[: len(found.first)]
    with torch.no_grad():
        after = loaded.model(ids).logits[0, -1].softmax(-1)
    letters = {one.tokens[0].id for one in found.letters}
    ranked = [int(token) for token in after.argsort(descending=True) if int(token) not in letters]
    assert [token.id for token in found.others] == ranked[:10]
    assert [token.prob for token in found.others] == pytest.approx(after[ranked[:10]].tolist(), abs=1e-6)


@pytest.mark.parametrize("name", ["llama", "qwen2"])
@pytest.mark.parametrize("form", [ICL, CHAT], ids=str)
def test_the_corrected_preset_has_no_token_to_warn_of(tiny_loaded, name, form):
    found = explain(tiny_loaded(name), form)
    assert [w for w in found.warnings if not w.startswith("near-zero")] == []


def test_the_released_scripts_faults_are_named(tiny_loaded):
    loaded = tiny_loaded("llama")
    raw, chat = explain(loaded, ICL, preset="repo"), explain(loaded, CHAT, preset="repo")
    assert not told(raw, "missing BOS")
    assert told(chat, "missing BOS: the tokenizer begins a text with '<s>'")
    (seam,) = told(raw, "a solved example reads")
    assert "[':', 'A']" in seam and "[':', '▁A']" in seam
    (seam,) = told(chat, "a solved example reads")
    assert "['▁', '▁A'] is scored for A" in seam


def test_a_doubled_bos_is_named(tiny_loaded):
    loaded = tiny_loaded("llama")
    tokenizer = wrapped("prefix")
    tokenizer.chat_template = (
        "{{ bos_token }}{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}"
        "{% else %} {{ m.content }}{{ eos_token }}{% endif %}{% endfor %}"
    )
    found = explain(replace(loaded, tokenizer=tokenizer), CHAT, chat="model")
    assert told(found, "double BOS: the prompt begins with ['<s>', '<s>']")


def without_merges(tokenizer, *merges: list[str]):
    """The tokenizer as it would be had it not learned some merges."""
    described = json.loads(tokenizer.backend_tokenizer.to_str())
    assert all(pair in described["model"]["merges"] for pair in merges)
    described["model"]["merges"] = [pair for pair in described["model"]["merges"] if pair not in merges]
    backend = Tokenizer.from_str(json.dumps(described))
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|endoftext|>")


def test_letters_of_several_tokens_are_scored_and_named(tiny_loaded):
    loaded = tiny_loaded("qwen2")
    tokenizer = without_merges(wrapped("byte"), ["Ġ", "A"], ["Ġ", "B"])
    found = explain(replace(loaded, tokenizer=tokenizer), ICL)
    assert told(found, "letters that are not single tokens: AB; A is ['Ġ', 'A']")
    assert told(found, "the probe refuses this: the letters are not single")
    head = tokenizer(found.prompt)["input_ids"]
    ids = tokenizer(found.prompt + " A")["input_ids"]
    with torch.no_grad():
        logprobs = loaded.model(torch.tensor([ids])).logits[0].log_softmax(-1)
    expected = sum(float(logprobs[place - 1, ids[place]]) for place in range(len(head), len(ids)))
    assert found.letters[0].prob == pytest.approx(torch.tensor(expected).exp().item(), abs=1e-6)


def test_a_small_mass_and_exact_ties_are_named(tiny_loaded):
    loaded = tiny_loaded("llama")
    letters = [loaded.tokenizer(f"Answer: {letter}")["input_ids"][-1] for letter in "ABCD"]

    def flattened(module, args, output):
        output = output.clone()
        output[..., letters] = output.amin(dim=-1, keepdim=True) - 9
        return output

    hook = loaded.model.lm_head.register_forward_hook(flattened)
    try:
        found = explain(loaded)
    finally:
        hook.remove()
    assert found.letter_mass < 0.01
    assert told(found, "near-zero letter mass")
    assert told(found, "exact ties: A, B, C, D")
    plain = explain(loaded)
    assert not told(plain, "exact ties")


def test_texts_are_not_explained(tiny_loaded):
    with pytest.raises(InputError, match="cloze scores texts"):
        explain(tiny_loaded("llama"), method="cloze")


def test_the_built_in_example_is_sound(tiny_loaded):
    loaded = tiny_loaded("llama")
    template = build_template(PromptSettings(), loaded.tokenizer)
    found = explain_scoring(loaded, EXAMPLE, Form(chat=False, shots=5), template, EXAMPLE_SHOTS)
    assert found.prompt.count("Answer:") == 6
    assert {shot.answer for shot in EXAMPLE_SHOTS} == {0, 1, 2, 3}
    assert EXAMPLE.choices[EXAMPLE.answer] == "Saturn"
