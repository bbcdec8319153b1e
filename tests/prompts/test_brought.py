"""A tokenizer's own template: which of several, what day it is told, and what it refuses."""

from __future__ import annotations

import json
from datetime import date, datetime

import pytest
from models import last_turn, wrapped
from transformers import AutoTokenizer

from harmonia.errors import InputError
from harmonia.prompts import Form, PromptSettings, build_template
from harmonia.prompts.chat import brought_template, on_date
from harmonia.types import Item, Message

CHAT = Form(chat=True, shots=0)
ASKED = Item(
    id="q7", domain="law", question="Snow?", choices=("black", "white"), answer=1, source="exam.jsonl"
)
PLAIN = (
    "{% for m in messages %}<{{ m.role }}>\n{{ m.content }}{{ eos_token }}\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>\n{% endif %}"
)


def own(template, **settings: object):
    tokenizer = wrapped("prefix")
    tokenizer.chat_template = template
    return build_template(PromptSettings(**{"chat": "model", **settings}), tokenizer)


def test_of_several_templates_the_default_is_taken_or_the_one_named():
    several = {"default": PLAIN, "tool_use": "Tools. " + PLAIN}
    assert own(several).chat.jinja == PLAIN
    named = own(several, chat="model:tool_use")
    assert (named.chat.name, named.chat.jinja) == ("model:tool_use", several["tool_use"])
    assert named.hash != own(several).hash
    assert own({"only": PLAIN}).chat.jinja == PLAIN


def test_several_without_a_default_are_refused_with_their_names():
    several = {"rag": PLAIN, "tool_use": PLAIN}
    with pytest.raises(InputError, match=r"several, and none called 'default'.*rag, tool_use.*model:rag"):
        own(several)
    with pytest.raises(InputError, match="none called 'think'"):
        own(several, chat="model:think")


@pytest.mark.parametrize("how", ["in the configuration", "in files"])
def test_several_templates_are_read_from_a_folder_as_they_lie_there(tmp_path, how):
    tokenizer = wrapped("byte")
    several = {"default": PLAIN, "tool_use": "Tools. " + PLAIN}
    tokenizer.save_pretrained(tmp_path)
    if how == "in files":  # as transformers 5 saves them
        (tmp_path / "chat_template.jinja").write_text(several["default"])
        (tmp_path / "additional_chat_templates").mkdir()
        (tmp_path / "additional_chat_templates" / "tool_use.jinja").write_text(several["tool_use"])
    else:  # as older versions did
        path = tmp_path / "tokenizer_config.json"
        listed = [{"name": name, "template": text} for name, text in several.items()]
        path.write_text(json.dumps({**json.loads(path.read_text()), "chat_template": listed}))
    read = AutoTokenizer.from_pretrained(tmp_path)
    assert brought_template(read, None) == several["default"]
    assert brought_template(read, "tool_use") == several["tool_use"]


@pytest.mark.parametrize("chat", ["", "Vicuna", "model:", "models", "chatml"])
def test_a_template_that_is_no_choice_is_refused(chat):
    with pytest.raises(ValueError, match="vicuna, model, or model:NAME"):
        PromptSettings(chat=chat)


# Beginnings of templates that ask for the date, in the manner of Llama 3.2 and SmolLM3.
CLOCKS = {
    "asked if there is a clock": (
        "{%- if strftime_now is defined %}{%- set day = strftime_now('%d %b %Y') %}"
        "{%- else %}{%- set day = 'never' %}{%- endif %}{{ day }}",
        "06 Jul 2031",
    ),
    "with the time": ("{{ strftime_now('%A %-d %B %Y, %H:%M:%S') }}", "Sunday 6 July 2031, 00:00:00"),
    "in a macro": (
        "{% macro head() %}{{ strftime_now('%Y-%m-%d') | upper }}{% endmacro %}{{ head() }}",
        "2031-07-06",
    ),
    "after a line end": ("\n {{ strftime_now('%y') }}", "\n 31"),
}


@pytest.mark.parametrize("name", CLOCKS)
def test_a_template_is_told_a_fixed_date_wherever_it_asks(name):
    head, told = CLOCKS[name]
    template = own(head + PLAIN, chat_date=date(2031, 7, 6))
    context = template.prompt(ASKED, CHAT).context
    assert context == f"{told}<user>\nSnow?\nA. black\nB. white\nAnswer:</s>\n<assistant>\n"
    assert template.date == "2031-07-06"
    assert template.hash != own(head + PLAIN, chat_date=date(2032, 7, 6)).hash
    # The same text as the library's own with a clock that shows this day.
    real = wrapped("prefix").apply_chat_template(
        [{"role": "user", "content": "x"}], chat_template=head + PLAIN, tokenize=False
    )
    pinned = wrapped("prefix").apply_chat_template(
        [{"role": "user", "content": "x"}],
        chat_template=on_date(head + PLAIN, datetime.now().date()),
        tokenize=False,
    )
    if "time" not in name:
        assert pinned == real


def test_a_template_without_a_clock_is_left_as_it_is():
    assert on_date(PLAIN, date(2031, 7, 6)) == PLAIN
    assert own(PLAIN).date is None
    assert own(PLAIN).hash == own(PLAIN, chat_date=date(2031, 7, 6)).hash


@pytest.mark.parametrize("chance", ["{{ ['a', 'b'] | random }}", "{{ lipsum(n=1) }}", "{{ [1, 2]|random }}"])
def test_a_template_that_draws_at_random_is_refused(chance):
    with pytest.raises(InputError, match="draws at random"):
        own(chance + PLAIN)


BROKEN = [
    "{% for x in %}",
    "{{ foo.bar.baz }}",
    "{{ raise_exception('no') }}",
    "{{ ''.__class__.__mro__ }}",
    "{{ 1 / 0 }}",
    "{{ messages[9].content.x }}",
    "{% include '/etc/passwd' %}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{{ messages[0].content + 1 }}",
    "{{ messages | tojson(indent=x.y) }}",
]


@pytest.mark.parametrize("jinja", BROKEN)
def test_a_template_that_cannot_be_rendered_is_told_with_the_item(jinja):
    with pytest.raises(InputError, match="item q7: the chat template 'model' cannot write this") as caught:
        own(jinja).prompt(ASKED, CHAT)
    assert caught.value.file == "exam.jsonl"
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="cannot write this conversation"):
        own(jinja).conversation([Message(role="user", content="x"), Message(role="assistant", content="y")])


NO_SYSTEM = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    + PLAIN
)


def test_a_refused_system_turn_is_told_in_the_templates_words():
    turns = [Message(role=role, content=role) for role in ("system", "user", "assistant")]
    assert last_turn(own(NO_SYSTEM), turns[1:])[1] == "assistant</s>"
    with pytest.raises(InputError, match=r"TemplateError: System role not supported.*'system', 'user'"):
        own(NO_SYSTEM).conversation(turns)


def test_the_harness_goes_without_a_refused_system_turn_and_no_further():
    settings = {"preset": "harness"}
    assert own(NO_SYSTEM, **settings).prompt(ASKED, CHAT).context.startswith("<user>")
    with pytest.raises(InputError, match="ZeroDivisionError"):
        own("{{ 1 / 0 }}", **settings).prompt(ASKED, CHAT)
