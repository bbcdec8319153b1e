"""The template's hash changes with what changes text, and with nothing else."""

from __future__ import annotations

import pytest
from models import wrapped

from harmonia.prompts import PromptSettings, build_template

OWN = "{% for m in messages %}{{ m.content }}{% endfor %}"


def template_hash(*, chat_template: str = OWN, eos: str = "</s>", **settings: object) -> str:
    tokenizer = wrapped("prefix")
    tokenizer.chat_template = chat_template
    tokenizer.eos_token = eos
    return build_template(PromptSettings(**settings), tokenizer).hash


def test_what_changes_text_changes_the_hash():
    hashes = [
        template_hash(),
        template_hash(method="cloze"),
        template_hash(language="zh"),
        template_hash(options_first=True),
        template_hash(chat="model"),
        template_hash(chat="model", chat_template=OWN + "\n"),
        template_hash(eos="<unk>"),
        template_hash(preset="repo"),
        template_hash(preset="harness"),
    ]
    assert len(set(hashes)) == len(hashes)


@pytest.mark.parametrize("method", ["letter_cyclic", "letter_pride"])
def test_how_letters_are_counted_changes_no_text(method):
    assert template_hash(method=method) == template_hash()


@pytest.mark.parametrize("settings", [{"shots": 2}, {"shot_choice": "per_item"}, {"shot_seed": 7}])
def test_what_chooses_demonstrations_is_not_the_templates(settings):
    assert template_hash(**settings) == template_hash()


def test_a_template_that_is_not_used_does_not_count():
    assert template_hash(chat_template="other") == template_hash()


def test_a_changed_wording_changes_the_hash(monkeypatch):
    from dataclasses import replace

    from harmonia.prompts.exam import WORDINGS

    before = template_hash()
    monkeypatch.setitem(WORDINGS, "en", replace(WORDINGS["en"], cue="Reply:"))
    assert template_hash() != before
