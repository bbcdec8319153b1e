"""A prompt too long for the model loses whole demonstrations, never a word of the question."""

from __future__ import annotations

from dataclasses import replace

import pytest
from models import item, wrapped

from harmonia.errors import InputError
from harmonia.probe import ProbeSettings, ask
from harmonia.prompts import Encoder, Form, PromptSettings, ShotPool, build_template, fit_prompt

SHOTS = tuple(item(k, id=f"s{k}", question=f"Shot {k}?") for k in range(4))
ASKED = item(3)


def tokens(tokenizer, template, shots) -> int:
    """Positions that the letter prompt takes, counted by the tokenizer alone."""
    return len(tokenizer(template.prompt(ASKED, Form(chat=False, shots=4), shots).context)["input_ids"])


@pytest.fixture(scope="module", params=["prefix", "byte"])
def parts(request):
    tokenizer = wrapped(request.param)
    template = build_template(PromptSettings(), tokenizer)
    return tokenizer, template, Encoder(tokenizer)


@pytest.mark.parametrize("kept", [4, 3, 2, 1])
def test_the_last_demonstrations_go_first(parts, kept):
    tokenizer, template, encoder = parts
    exact = tokens(tokenizer, template, SHOTS[:kept])
    limits = [exact] if kept == 4 else [exact, tokens(tokenizer, template, SHOTS[: kept + 1]) - 1]
    for limit in limits:
        fitted = fit_prompt(ASKED, Form(chat=False, shots=4), SHOTS, template, encoder, limit)
        assert fitted.prompt.shots == kept
        assert (
            fitted.prompt.context == template.prompt(ASKED, Form(chat=False, shots=4), SHOTS[:kept]).context
        )
        assert fitted.prompt.context.endswith(f"\n\n{template.exam.block(ASKED)}")
        assert len(fitted.request.context) == exact


def test_none_left_is_an_error_that_names_item_tokens_and_limit(parts):
    tokenizer, template, encoder = parts
    needed = tokens(tokenizer, template, SHOTS[:1])
    with pytest.raises(InputError, match="item q3 does not fit") as caught:
        fit_prompt(ASKED, Form(chat=False, shots=4), SHOTS, template, encoder, needed - 1)
    assert f"context of {needed - 1} tokens with even one demonstration" in caught.value.problem
    assert caught.value.seen == repr(f"{needed} tokens")
    assert caught.value.file == "test.jsonl"


def test_a_form_without_demonstrations_fits_or_not(parts):
    tokenizer, template, encoder = parts
    for form in (Form(chat=False, shots=0), Form(chat=True, shots=0)):
        needed = len(tokenizer(template.prompt(ASKED, form).context)["input_ids"])
        assert fit_prompt(ASKED, form, (), template, encoder, needed).prompt.shots == 0
        with pytest.raises(InputError, match=f"context of {needed - 1} tokens;"):
            fit_prompt(ASKED, form, (), template, encoder, needed - 1)


def test_cloze_counts_the_longest_option(parts):
    tokenizer, _, encoder = parts
    template = build_template(PromptSettings(method="cloze"), tokenizer)
    form = Form(chat=False, shots=0)
    prompt = template.prompt(ASKED, form)
    longest = max(len(tokenizer(prompt.context + text)["input_ids"]) for text in prompt.continuations)
    # The last token is only predicted, never read.
    assert fit_prompt(ASKED, form, (), template, encoder, longest - 1).prompt == prompt
    with pytest.raises(InputError, match="does not fit"):
        fit_prompt(ASKED, form, (), template, encoder, longest - 2)


def test_shortened_prompts_are_counted(tiny_loaded):
    loaded = tiny_loaded("llama")
    template = build_template(PromptSettings(), loaded.tokenizer)
    items = tuple(item(k) for k in range(10))
    form = Form(chat=False, shots=4)

    def count(one, shots):
        return len(loaded.tokenizer(template.prompt(one, form, shots).context)["input_ids"])

    limit = sorted(count(one, SHOTS) for one in items)[4]
    too_long = [one.id for one in items if count(one, SHOTS) > limit]
    assert 0 < len(too_long) < len(items)
    small = replace(loaded, max_tokens=limit)
    asked = ask(
        small, items, form, template, pool=ShotPool(items=SHOTS), settings=ProbeSettings(keep_prompts=True)
    )
    assert asked.shortened == len(too_long)
    assert [b.item.id for b in asked.beliefs if b.shots < 4] == too_long
    assert all(b.prompt.endswith(template.exam.block(b.item)) for b in asked.beliefs)
    # A pool that has fewer counts too.
    few = ask(loaded, items, form, template, pool=ShotPool(items=SHOTS[:3]))
    assert few.shortened == len(items)
    assert {belief.shots for belief in few.beliefs} == {3}
