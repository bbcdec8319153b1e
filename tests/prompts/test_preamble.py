"""What a template writes before a reply belongs to the prompt, where a reply ends to the reply.

The templates are those of real models, as TRL ships them.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import trl
from models import last_turn, wrapped

from harmonia.prompts import Form, PromptSettings, build_template
from harmonia.types import Item, Message

CHAT = Form(chat=True, shots=0)
ASKED = Item(id="q", domain="law", question="Snow?", choices=("black", "pure white"), answer=1)
BLOCK = "Snow?\nA. black\nB. pure white\nAnswer:"
TURNS = [
    Message(role=role, content=text)
    for role, text in (("user", "One?"), ("assistant", " 1\n2 "), ("user", "Two?"), ("assistant", "2"))
]


def own(jinja: str, **settings: object):
    tokenizer = wrapped("prefix")
    tokenizer.chat_template = jinja
    return build_template(PromptSettings(**{"chat": "model", **settings}), tokenizer)


def real(name: str, **settings: object):
    path = Path(trl.__file__).parent / "chat_templates" / f"{name}.jinja"
    if not path.is_file():
        pytest.skip(f"TRL {trl.__version__} ships no {path.name}")
    return own(path.read_text(encoding="utf-8"), **settings)


# The end of the prompt that a question is read at, and the turns that are learned.
REAL = {
    "qwen3": ("<|im_start|>assistant\n<think>\n\n</think>\n\n", ["1\n2<|im_end|>", "2<|im_end|>"]),
    "qwen2_5": ("<|im_start|>assistant\n", ["1\n2<|im_end|>", "2<|im_end|>"]),
    "glm4moe": ("<|assistant|>\n<think></think>\n", ["1\n2", "2"]),
    "gemma": ("<start_of_turn>model\n", ["1\n2<end_of_turn>", "2<end_of_turn>"]),
    "llama3_2": ("assistant<|end_header_id|>\n\n", ["1\n2<|eot_id|>", "2<|eot_id|>"]),
    "phi3": ("<|assistant|>\n", ["1\n2<|end|>", "2<|end|>\n</s>"]),
    "gptoss": ("<|start|>assistant<|channel|>final<|message|>", ["1\n2", "2<|return|>"]),
}


@pytest.mark.parametrize("name", REAL)
def test_templates_of_real_models(name):
    opening, learned = REAL[name]
    template = real(name)
    prompt = template.prompt(ASKED, CHAT)
    assert prompt.context.endswith(opening)
    assert prompt.continuations == ("A", "B")
    whole = template.conversation(TURNS)
    assert [whole.text[slice(*place)] for place in whole.turns] == learned
    # Where a question is read is where a row of that question is learned.
    assert last_turn(template, template.exam.conversation(ASKED, 1, ""))[0] == prompt.context
    if name == "llama3_2":
        assert "Today Date: 26 Jul 2024\n" in prompt.context
        assert template.date == "2024-07-26"


def test_options_in_words_leave_the_preamble_out():
    prompt = real("qwen3", method="cloze").prompt(ASKED, CHAT)
    assert prompt.context.endswith("assistant\n<think>\n\n</think>\n\n")
    assert prompt.continuations == ("black", "pure white")


# What stands between the template's prompt and the reply: what of it the prompt gets, and the reply.
BETWEEN = [
    ("", "", ""),
    (" ", "", " "),
    ("\n", "", "\n"),
    ("<t>\n\n</t>\n\n", "<t>\n\n</t>\n\n", ""),
    ("<t></t> ", "<t></t>", " "),
    (" <t></t>\n", " <t></t>\n", ""),
]


@pytest.mark.parametrize(("between", "asked", "learned"), BETWEEN)
def test_white_space_alone_joins_and_all_else_is_the_prompts(between, asked, learned):
    template = own(
        "{%- for m in messages -%}{%- if m.role == 'user' -%}{{ 'Q:' + m.content }}{%- else -%}"
        "{{ '\nA:' + (BETWEEN if loop.last else '') + m.content + eos_token }}{%- endif -%}{%- endfor -%}"
        "{%- if add_generation_prompt -%}{{ '\nA:' }}{%- endif -%}".replace("BETWEEN", repr(between))
    )
    prompt = template.prompt(ASKED, CHAT)
    assert prompt.context == f"Q:{BLOCK}\nA:{asked}"
    assert prompt.continuations == (f"{learned}A", f"{learned}B")
    assert last_turn(template, template.exam.conversation(ASKED, 1, "")) == (
        prompt.context,
        f"{learned}B. pure white</s>",
    )
    # An earlier turn is written without it, and learned as it is written.
    whole = template.conversation(TURNS)
    assert whole.text[slice(*whole.turns[0])] == "1\n2</s>"
    # The scripts that preset repo copies cut their prompt after whatever stands there.
    assert own(template.chat.jinja, preset="repo").prompt(ASKED, CHAT).context == f"Q:{BLOCK}\nA:{between}"
    # The harness does not know of it.
    harness = own(template.chat.jinja, preset="harness").prompt(ASKED, CHAT)
    assert harness.context.endswith(f"Q:{BLOCK}\nA:")
