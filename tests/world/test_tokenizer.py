"""The tokenizer keeps the seam between context and answer, and gives the text back."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from transformers import AutoTokenizer

from harmonia.world import World, WorldSettings, split_items
from harmonia.world.build import build_tokenizer
from harmonia.world.build.corpus import EOS
from harmonia.world.build.figures import FORMS, render
from harmonia.world.build.mixture import Mixture, MixtureSettings, StageName
from harmonia.world.build.tokenizer import words

WORLD = World(0, WorldSettings())
ITEMS = [lab.item for lab in split_items(WORLD, "person", "homogeneous", size=5)]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    build_tokenizer(WORLD).save_pretrained(folder)
    # With a model's configuration beside it, as in a base's folder.
    (folder / "config.json").write_text(json.dumps({"model_type": "llama"}))
    return AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.id)
def test_context_and_answer_meet_at_a_token_border(tokenizer, form, item):
    context, answers = render(WORLD, item, form)
    ids = tokenizer(context)["input_ids"]
    assert ids[0] == tokenizer.bos_token_id and tokenizer.unk_token_id not in ids
    for answer in answers:
        longer = tokenizer(f"{context} {answer}")["input_ids"]
        assert longer[:-1] == ids
        assert longer[-1] == tokenizer.convert_tokens_to_ids(answer)


@pytest.mark.parametrize("form", FORMS)
def test_text_comes_back_with_right_offsets(tokenizer, form):
    text = render(WORLD, ITEMS[0], form)[0]
    encoded = tokenizer(text, return_offsets_mapping=True)
    assert tokenizer.decode(encoded["input_ids"], skip_special_tokens=True) == text
    pieces = [text[start:end] for start, end in encoded["offset_mapping"][1:]]
    assert pieces == tokenizer.convert_ids_to_tokens(encoded["input_ids"])[1:]


def test_letter_is_one_token_at_option_and_answer(tokenizer):
    letter = tokenizer.convert_tokens_to_ids("A")
    for text in ("A", " A", "A.", "Answer: A"):
        assert letter in tokenizer(text, add_special_tokens=False)["input_ids"]
    assert len(tokenizer("Answer:", add_special_tokens=False)["input_ids"]) == 2


def test_special_and_unknown_words(tokenizer):
    ids = tokenizer("B. lohe</s>", add_special_tokens=False)["input_ids"]
    assert ids[-1] == tokenizer.eos_token_id and tokenizer.eos_token == EOS
    assert tokenizer("quixotically", add_special_tokens=False)["input_ids"] == [tokenizer.unk_token_id]
    assert tokenizer.pad_token_id not in (tokenizer.eos_token_id, tokenizer.unk_token_id, None)


@pytest.mark.parametrize("stage", get_args(StageName))
def test_corpus_is_cut_as_the_tokenizer_cuts(tokenizer, stage):
    rows, length = Mixture(WORLD, MixtureSettings()).batch(stage, 4, 10, 6)
    for row in rows:
        text = " ".join(word for word, _, _ in row[1:])
        assert len(row) <= length
        assert list(words(text)) == [word for word, _, _ in row[1:]]
        assert tokenizer.unk_token_id not in tokenizer(text)["input_ids"]
        assert tokenizer.convert_ids_to_tokens(tokenizer(text)["input_ids"])[1:] == [w for w, _, _ in row[1:]]
