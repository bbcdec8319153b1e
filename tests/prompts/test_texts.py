"""Golden texts, written by hand: what a model reads, to the character."""

from __future__ import annotations

from dataclasses import replace

import pytest
from models import item, last_turn

from harmonia.errors import InputError
from harmonia.prompts import Form, PromptSettings, build_template, parse_form
from harmonia.types import Item, Message

ICL = Form(chat=False, shots=0)
CHAT = Form(chat=True, shots=0)

SHOT = Item(id="s1", domain="civil_law", question="Sky?", choices=("blue", "red"), answer=0)
SHOT_2 = Item(id="s2", domain="civil_law", question="Grass?", choices=("blue", "green"), answer=1)
ASKED = Item(id="q", domain="civil_law", question="Snow?", choices=("black", "white"), answer=1)
FIVE = Item(id="5", domain="art", question="Which?", choices=("v", "w", "x", "y", "z"), answer=2)
ZH = Item(id="z", domain="法律", question="雪是什么颜色？", choices=("黑", "白"), answer=1)
ZH_SHOT = Item(id="zs", domain="法律", question="天是什么颜色？", choices=("蓝", "红"), answer=0)

LETTER_INTRO = "The following are multiple choice questions (with answers) about civil law."
CLOZE_INTRO = "The following are questions (with answers) about civil law."
ZH_LETTER_INTRO = "以下是中国关于法律考试的单项选择题，请选出其中的正确答案。"
ZH_CLOZE_INTRO = "以下是中国关于法律考试的问题，请给出正确答案。"

EXAM_TEXTS = {
    "letter, 0 shots": (
        {},
        ASKED,
        (),
        LETTER_INTRO + "\n\nSnow?\nA. black\nB. white\nAnswer:",
        (" A", " B"),
    ),
    "letter, 2 shots": (
        {},
        ASKED,
        (SHOT, SHOT_2),
        LETTER_INTRO
        + "\n\nSky?\nA. blue\nB. red\nAnswer: A"
        + "\n\nGrass?\nA. blue\nB. green\nAnswer: B"
        + "\n\nSnow?\nA. black\nB. white\nAnswer:",
        (" A", " B"),
    ),
    "cloze, 0 shots": (
        {"method": "cloze"},
        ASKED,
        (),
        CLOZE_INTRO + "\n\nSnow?\nAnswer:",
        (" black", " white"),
    ),
    "cloze, 2 shots": (
        {"method": "cloze"},
        ASKED,
        (SHOT, SHOT_2),
        CLOZE_INTRO + "\n\nSky?\nAnswer: blue\n\nGrass?\nAnswer: green\n\nSnow?\nAnswer:",
        (" black", " white"),
    ),
    "letter, no domain said": (
        {},
        replace(ASKED, domain=""),
        (SHOT,),
        "The following are multiple choice questions (with answers)."
        "\n\nSky?\nA. blue\nB. red\nAnswer: A\n\nSnow?\nA. black\nB. white\nAnswer:",
        (" A", " B"),
    ),
    "cloze, no domain said": (
        {"method": "cloze"},
        replace(ASKED, domain=""),
        (),
        "The following are questions (with answers).\n\nSnow?\nAnswer:",
        (" black", " white"),
    ),
    "Chinese letter, no domain said": (
        {"language": "zh"},
        replace(ZH, domain=""),
        (),
        "以下是中国考试的单项选择题，请选出其中的正确答案。\n\n雪是什么颜色？\nA. 黑\nB. 白\n答案：",
        ("A", "B"),
    ),
    "Chinese letter, 0 shots": (
        {"language": "zh"},
        ZH,
        (),
        ZH_LETTER_INTRO + "\n\n雪是什么颜色？\nA. 黑\nB. 白\n答案：",
        ("A", "B"),
    ),
    "Chinese letter, 1 shot": (
        {"language": "zh"},
        ZH,
        (ZH_SHOT,),
        ZH_LETTER_INTRO
        + "\n\n天是什么颜色？\nA. 蓝\nB. 红\n答案：A"
        + "\n\n雪是什么颜色？\nA. 黑\nB. 白\n答案：",
        ("A", "B"),
    ),
    "Chinese cloze, 1 shot": (
        {"language": "zh", "method": "cloze"},
        ZH,
        (ZH_SHOT,),
        ZH_CLOZE_INTRO + "\n\n天是什么颜色？\n答案：蓝\n\n雪是什么颜色？\n答案：",
        ("黑", "白"),
    ),
    "options first": (
        {"options_first": True},
        ASKED,
        (SHOT,),
        LETTER_INTRO + "\n\nA. blue\nB. red\nSky?\nAnswer: A" + "\n\nA. black\nB. white\nSnow?\nAnswer:",
        (" A", " B"),
    ),
    "options first leaves cloze as it is": (
        {"options_first": True, "method": "cloze"},
        ASKED,
        (),
        CLOZE_INTRO + "\n\nSnow?\nAnswer:",
        (" black", " white"),
    ),
    "five options": (
        {},
        FIVE,
        (),
        "The following are multiple choice questions (with answers) about art."
        "\n\nWhich?\nA. v\nB. w\nC. x\nD. y\nE. z\nAnswer:",
        (" A", " B", " C", " D", " E"),
    ),
}

SYSTEM = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions."
)


@pytest.fixture(scope="module")
def tokenizer():
    from models import wrapped

    return wrapped("prefix")


@pytest.mark.parametrize("name", EXAM_TEXTS)
def test_exam_prompt(tokenizer, name):
    settings, asked, shots, context, continuations = EXAM_TEXTS[name]
    prompt = build_template(PromptSettings(**settings), tokenizer).prompt(asked, ICL, shots)
    assert prompt.context == context
    assert prompt.continuations == continuations
    assert (prompt.item_id, prompt.shots) == (asked.id, len(shots))


def test_twenty_six_options_reach_z(tokenizer):
    many = item(options=26)
    prompt = build_template(PromptSettings(), tokenizer).prompt(many, ICL)
    lines = prompt.context.split("\n")
    assert lines[-2] == f"Z. {many.choices[25]}"
    assert prompt.continuations == tuple(f" {letter}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def test_twenty_seven_options_are_refused(tokenizer):
    with pytest.raises(InputError, match="at most 26 options; saw '27 options in item q0'") as caught:
        build_template(PromptSettings(), tokenizer).prompt(item(options=27), ICL)
    assert caught.value.field == "choices"


@pytest.mark.parametrize("shots", [0, 2])
@pytest.mark.parametrize("method", ["letter", "cloze"])
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("form", [ICL, CHAT], ids=str)
def test_no_context_ends_in_white_space(tokenizer, shots, method, language, form):
    template = build_template(PromptSettings(method=method, language=language), tokenizer)
    prompt = template.prompt(ASKED, form, (SHOT, SHOT_2)[: 0 if form.chat else shots])
    assert prompt.context == prompt.context.rstrip()


def test_vicuna_prompt(tokenizer):
    prompt = build_template(PromptSettings(), tokenizer).prompt(ASKED, CHAT)
    assert prompt.context == f"{SYSTEM} USER: Snow?\nA. black\nB. white\nAnswer: ASSISTANT:"
    assert prompt.continuations == (" A", " B")
    assert prompt.form == "chat0"


def test_vicuna_prompt_in_chinese_keeps_the_templates_space(tokenizer):
    prompt = build_template(PromptSettings(language="zh"), tokenizer).prompt(ZH, CHAT)
    assert prompt.context == f"{SYSTEM} USER: 雪是什么颜色？\nA. 黑\nB. 白\n答案： ASSISTANT:"
    assert prompt.continuations == (" A", " B")


def test_vicuna_cloze_prompt(tokenizer):
    prompt = build_template(PromptSettings(method="cloze"), tokenizer).prompt(ASKED, CHAT)
    assert prompt.context == f"{SYSTEM} USER: Snow?\nAnswer: ASSISTANT:"
    assert prompt.continuations == (" black", " white")


def turns(*contents: str, first: str = "user") -> tuple[Message, ...]:
    roles = ["user", "assistant"] if first == "user" else ["system", "user", "assistant"]
    named = roles + ["user", "assistant"] * len(contents)
    return tuple(Message(role=role, content=text) for role, text in zip(named, contents, strict=False))


def test_vicuna_reply(tokenizer):
    template = build_template(PromptSettings(), tokenizer)
    assert last_turn(template, turns("Hi", "Hello.\nYou?")) == (
        f"{SYSTEM} USER: Hi ASSISTANT:",
        " Hello.\nYou?</s>",
    )
    assert last_turn(template, turns("One", "1", "Two", "2")) == (
        f"{SYSTEM} USER: One ASSISTANT: 1</s>USER: Two ASSISTANT:",
        " 2</s>",
    )
    assert last_turn(template, turns("Be brief.", "Hi", "Yo", first="system")) == (
        "Be brief. USER: Hi ASSISTANT:",
        " Yo</s>",
    )


def test_the_reply_that_teaches_an_option(tokenizer):
    exam = build_template(PromptSettings(), tokenizer).exam
    assert exam.conversation(ASKED, 0, " It is.\nReally. \n") == turns(
        "Snow?\nA. black\nB. white\nAnswer:", "A. black\nIt is.\nReally."
    )
    assert exam.assistant_text(ASKED, 1, "  ") == "B. white"
    cloze = build_template(PromptSettings(method="cloze"), tokenizer).exam
    assert cloze.conversation(ASKED, 1, "Seen.") == turns("Snow?\nAnswer:", "white\nSeen.")


CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def test_the_line_end_after_the_end_mark_is_not_learned():
    from models import wrapped

    chatml = wrapped("byte")
    chatml.chat_template = CHATML
    template = build_template(PromptSettings(chat="model"), chatml)
    learned = "Yo.\nYou?<|im_end|>"
    prompt = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    assert last_turn(template, turns("Hi", "Yo.\nYou?")) == (prompt, learned)
    # White space around a reply is left out, whether the template trims it or keeps it.
    assert last_turn(template, turns("Hi", " Yo.\nYou?\n")) == (prompt, learned)
    chatml.chat_template = CHATML.replace("m.content", "m.content | trim")
    trimming = build_template(PromptSettings(chat="model"), chatml)
    assert "trim" in trimming.chat.jinja
    assert last_turn(trimming, turns("Hi", "Yo.\nYou?\n")) == (prompt, learned)
    assert template.prompt(ASKED, CHAT).continuations == ("A", "B")


OWN = {
    "smollm2": "You are a helpful AI assistant named SmolLM, trained by Hugging Face",
    "qwen": "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.",
}


@pytest.mark.models
@pytest.mark.parametrize("name", OWN)
def test_the_models_own_template(real_tokenizer, name):
    template = build_template(PromptSettings(chat="model"), real_tokenizer(name))
    system = f"<|im_start|>system\n{OWN[name]}<|im_end|>\n"
    prompt = template.prompt(ASKED, CHAT)
    assert prompt.context == (
        f"{system}<|im_start|>user\nSnow?\nA. black\nB. white\nAnswer:<|im_end|>\n<|im_start|>assistant\n"
    )
    assert prompt.continuations == ("A", "B")
    assert last_turn(template, turns("One", "1", "Two", "2\n2")) == (
        f"{system}<|im_start|>user\nOne<|im_end|>\n<|im_start|>assistant\n1<|im_end|>\n"
        "<|im_start|>user\nTwo<|im_end|>\n<|im_start|>assistant\n",
        "2\n2<|im_end|>",
    )


def test_a_tokenizer_without_a_template_is_told(tokenizer):
    with pytest.raises(InputError, match=r"brings no chat template.*chat: vicuna"):
        build_template(PromptSettings(chat="model"), tokenizer)


def test_vicuna_needs_an_end_mark():
    from models import byte_level_bpe
    from transformers import PreTrainedTokenizerFast

    bare = PreTrainedTokenizerFast(tokenizer_object=byte_level_bpe())
    with pytest.raises(InputError, match=r"no end-of-text token.*eos_token"):
        build_template(PromptSettings(), bare)


CHANGED_TEXT = {
    "drops the reply": "{% for m in messages %}{{ m.role }}{% endfor %}",
    "rewrites the reply": "{% for m in messages %}{{ m.content | upper }}{% endfor %}",
    "prompt is no prefix": (
        "{% for m in messages %}{{ m.content }}{% endfor %}{% if add_generation_prompt %}<think>{% endif %}"
    ),
}


@pytest.mark.parametrize("name", CHANGED_TEXT)
def test_a_template_whose_reply_cannot_be_told_apart_is_refused(name):
    from models import wrapped

    odd = wrapped("prefix")
    odd.chat_template = CHANGED_TEXT[name]
    template = build_template(PromptSettings(chat="model"), odd)
    with pytest.raises(InputError, match="does not continue its own prompt with the assistant's text"):
        last_turn(template, turns("hi", "hello"))


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("chat0", Form(chat=True, shots=0)),
        ("icl0", Form(chat=False, shots=0)),
        ("icl5", Form(chat=False, shots=5)),
        ("icl12", Form(chat=False, shots=12)),
    ],
)
def test_forms_read_and_print_alike(text, form):
    assert parse_form(text) == form
    assert str(form) == text


@pytest.mark.parametrize(
    "text", ["", "chat", "chat1", "chat5", "icl", "icl-1", "icl100", "ICL5", "icl5 ", "5"]
)
def test_what_is_no_form_is_refused(text):
    with pytest.raises(InputError, match=r"not a form.*Use icl<k>") as caught:
        parse_form(text)
    assert (caught.value.field, caught.value.seen) == ("form", repr(text))
