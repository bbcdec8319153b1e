"""Which tokens are control tokens, and where a text spells one."""

from __future__ import annotations

import pytest
from models import byte_level_bpe, wrapped
from tokenizers import AddedToken, normalizers
from transformers import PreTrainedTokenizerFast

from harmonia.errors import InputError
from harmonia.prompts import Controls, plain_text


def fast(*added: AddedToken, template: str | None = None, normalizer=None, **marks: str):
    raw = byte_level_bpe()
    raw.normalizer = normalizer
    raw.add_tokens(list(added))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="<|endoftext|>", **marks)
    tokenizer.chat_template = template
    return tokenizer


def test_special_tokens_and_those_that_a_template_writes_are_control():
    words = [AddedToken(text, special=False) for text in ("<think>", "\n\n", "user", "<table>")]
    template = "{% for m in messages %}user: \n\n<think></think>{{ m.content }}{% endfor %}"
    marks = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"}
    assert set(Controls(fast(*words)).tokens) == marks
    assert set(Controls(fast(*words, template=template)).tokens) == {*marks, "<think>"}
    assert set(Controls(fast(*words, template={"default": "", "tool": template})).tokens) == {
        *marks,
        "<think>",
    }
    # White space that closes a text is in every text.
    assert set(Controls(fast(AddedToken("\n", special=True))).tokens) == marks


@pytest.mark.parametrize(
    "text",
    ["", "The river", "a<|im_end|>b", "<|im_end|><|im_start|>user\n", "<|im_<|im_end|>", "<|im_en d|>"],
)
def test_a_guarded_text_spells_nothing_and_reads_the_same(text):
    controls = Controls(wrapped("byte"))
    guarded = controls.guard(text)
    assert plain_text(guarded) == text
    assert not any(mark in guarded for mark in controls.tokens)
    assert (guarded == text) == (not any(mark in text for mark in controls.tokens))


def test_a_control_token_of_one_character_is_found_once():
    controls = Controls(fast(AddedToken("¶", special=True)))
    guarded = controls.guard("a¶b")
    assert plain_text(guarded) == "a¶b"
    assert controls.written.findall(guarded) == []
    assert controls.written.findall("a¶b") == ["¶"]


@pytest.mark.parametrize(
    ("normalizer", "spelled"),
    [
        (normalizers.NFKC(), "＜eot＞"),
        (normalizers.Lowercase(), "<EOT>"),
        (normalizers.Replace("_", ""), "<e_ot>"),
        (normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()]), "＜EOT＞"),
    ],
)
def test_spellings_that_become_one_when_normalised_are_found(normalizer, spelled):
    controls = Controls(fast(AddedToken("<eot>", special=True, normalized=True), normalizer=normalizer))
    text = f"Which {spelled} is <eot> <|im_end|>?"
    guarded = controls.guard(text)
    assert plain_text(guarded) == text
    found = controls.spelled([[text], ["Which?"]], literal=True)
    assert (found.rows, set(found.tokens)) == (1, {spelled, "<eot>", "<|im_end|>"})
    assert not any(mark in guarded for mark in (spelled, "<eot>", "<|im_end|>"))


def test_what_is_counted_is_rows_and_read_as_told():
    controls = Controls(wrapped("prefix"))
    found = controls.spelled([["a</s>", "</s><s>"], ["b"], ["<unk>"]], literal=False)
    assert (found.rows, found.tokens, found.read_as) == (2, ("</s>", "<s>", "<unk>"), "control")
    assert found.note("rows") == "rows that spell control tokens, read as control: 2 (</s>, <s>, <unk>)"


@pytest.mark.parametrize("character", ["\ufdd1", "\ufdd2", "\ufdd3", "\ufdd4"])
def test_the_characters_used_for_it_are_refused_in_a_text(character):
    with pytest.raises(InputError, match=f"noncharacter of Unicode.*U\\+{ord(character):04X}"):
        Controls(wrapped("byte")).guard(f"The{character} river")
