"""Prompts and token ids under the presets `repo` and `harness`, in four tokenizer families.

`repo` is tested against sentences of the project's notes on the paper's scripts,
`harness` against lm-evaluation-harness itself: its MMLU task and its encoding.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from models import item, last_turn, wrapped

from harmonia.errors import InputError
from harmonia.prompts import Encoder, Form, PromptSettings, build_template, encode_prompt, fit_prompt
from harmonia.types import Item

FAMILIES = ("mistral", "gemma3", "smollm2", "qwen")
ICL = Form(chat=False, shots=2)
CHAT = Form(chat=True, shots=0)
SHOTS = (
    item(1, domain="abstract_algebra", answer=3),
    item(2, domain="abstract_algebra", question=" A question in white space? \n", answer=0),
)
ASKED = item(5, domain="abstract_algebra", question="  How many are there?\n", answer=1)


def asked(tokenizer, preset, form, **settings):
    template = build_template(PromptSettings(preset=preset, **settings), tokenizer)
    prompt = template.prompt(ASKED, form, () if form.chat else SHOTS)
    return prompt, encode_prompt(ASKED, form, prompt, template, Encoder(tokenizer)), template


def solved_letters(text: str) -> list[int]:
    """Where the demonstrations' letters stand."""
    cue = "Answer:"
    return [
        place + len(cue) for place in range(len(text) - len(cue)) if text[place : place + len(cue)] == cue
    ]


def token_at(tokenizer, text: str, character: int) -> int:
    """The id of the token that covers a character of the text, encoded in one go."""
    row = tokenizer(text, return_offsets_mapping=True)
    pairs = zip(row["input_ids"], row["offset_mapping"], strict=True)
    (token,) = (token for token, (start, end) in pairs if start <= character < end)
    return token


def bos_count(tokenizer, ids) -> int:
    return 0 if tokenizer.bos_token_id is None else list(ids).count(tokenizer.bos_token_id)


# The released scripts.


@pytest.mark.models
@pytest.mark.parametrize("name", FAMILIES)
def test_repo_demonstrations_have_no_space_and_standalone_letters_are_read(real_tokenizer, name):
    tokenizer = real_tokenizer(name)
    prompt, request, _ = asked(tokenizer, "repo", ICL)
    assert "\nAnswer:D\n\n" in prompt.context and "\nAnswer:A\n\n" in prompt.context
    assert "Answer: " not in prompt.context
    assert prompt.context.endswith("\nAnswer:")
    standalone = [tokenizer(letter, add_special_tokens=False)["input_ids"] for letter in "ABCD"]
    assert [list(ids) for ids in request.continuations] == standalone
    assert list(request.context) == tokenizer(prompt.context)["input_ids"]


@pytest.mark.models
def test_repo_reads_another_token_than_its_demonstrations_hold_in_sentencepiece(real_tokenizer):
    tokenizer = real_tokenizer("mistral")
    prompt, request, _ = asked(tokenizer, "repo", ICL)
    spelled = tokenizer.convert_ids_to_tokens([only for (only,) in request.continuations])
    assert spelled == ["▁A", "▁B", "▁C", "▁D"]
    shown = [token_at(tokenizer, prompt.context, place) for place in solved_letters(prompt.context)]
    assert tokenizer.convert_ids_to_tokens(shown) == ["D", "A"]


@pytest.mark.models
@pytest.mark.parametrize("name", FAMILIES)
def test_repo_chat_ends_in_a_space_that_training_puts_into_the_answer(real_tokenizer, name):
    tokenizer = real_tokenizer(name)
    prompt, request, template = asked(tokenizer, "repo", CHAT)
    assert prompt.context.endswith("USER: " + template.exam.block(ASKED) + " ASSISTANT: ")
    assert list(request.context) == tokenizer(prompt.context, add_special_tokens=False)["input_ids"]
    # In a training row the answer's first token holds that space, so the prompts differ there.
    before, reply = last_turn(template, template.exam.conversation(ASKED, 1, ""))
    trained = tokenizer(before + reply, add_special_tokens=False)["input_ids"]
    assert before + " " == prompt.context
    assert list(request.context) != trained[: len(request.context)]
    # Standalone letters here, too.
    standalone = [tokenizer(letter, add_special_tokens=False)["input_ids"] for letter in "ABCD"]
    assert [list(ids) for ids in request.continuations] == standalone


@pytest.mark.models
@pytest.mark.parametrize(("name", "raw"), [("mistral", 1), ("gemma3", 1), ("smollm2", 0), ("qwen", 0)])
def test_repo_adds_bos_in_one_evaluation_and_not_in_the_other(real_tokenizer, name, raw):
    tokenizer = real_tokenizer(name)
    assert bos_count(tokenizer, asked(tokenizer, "repo", ICL)[1].context) == raw
    assert bos_count(tokenizer, asked(tokenizer, "repo", CHAT)[1].context) == 0


def test_repo_refuses_letters_that_are_several_tokens():
    tokenizer = wrapped("byte")
    narrow = SimpleNamespace(
        encode=lambda text, **_: [7, 8], convert_ids_to_tokens=tokenizer.convert_ids_to_tokens
    )
    template = build_template(PromptSettings(preset="repo"), tokenizer)
    prompt = template.prompt(ASKED, ICL, SHOTS)
    encoder = Encoder(tokenizer)
    encoder.tokenizer = narrow
    with pytest.raises(InputError, match="standalone letters are not single, different tokens in item q5"):
        encode_prompt(ASKED, ICL, prompt, template, encoder)


# lm-evaluation-harness.


def harness_requests(tmp_path: Path, chat=None) -> list[tuple[str, str]]:
    """(context, continuation) of each option of ASKED, as lm-eval's own MMLU task makes them."""
    lm_eval = pytest.importorskip(
        "lm_eval", reason="lm-eval is not installed: pip install 'harmonia[harness]'"
    )
    from datasets import Dataset
    from lm_eval.api.task import ConfigurableTask

    folder = Path(lm_eval.__file__).parent / "tasks" / "mmlu" / "default"
    config = yaml.safe_load((folder / "_default_template_yaml").read_text())
    config |= yaml.safe_load((folder / "mmlu_abstract_algebra.yaml").read_text())
    for name in ("include", "tag", "task_alias", "dataset_path", "dataset_name"):
        config.pop(name)

    def rows(*items: Item) -> Dataset:
        fields = [{"question": i.question, "choices": list(i.choices), "answer": i.answer} for i in items]
        return Dataset.from_list(fields)

    config["custom_dataset"] = lambda **_: {"test": rows(ASKED), "dev": rows(*SHOTS)}
    task = ConfigurableTask(config=config)
    task.set_config("num_fewshot", 0 if chat else len(SHOTS))
    task.build_all_requests(
        rank=0,
        world_size=1,
        apply_chat_template=chat is not None,
        chat_template=chat,
        tokenizer_name="none" if chat else "",
    )
    return [instance.args for instance in task.instances]


def harness_ids(tokenizer, context: str, continuation: str) -> tuple[list[int], list[int]]:
    """Context and continuation ids by lm-eval's own code, without a model."""
    from lm_eval.models.huggingface import HFLM

    lm = HFLM.__new__(HFLM)
    lm.tokenizer, lm.add_bos_token, lm.custom_prefix_token_id, lm.backend = tokenizer, None, None, "causal"
    return lm._encode_pair(context, continuation)


@pytest.mark.models
@pytest.mark.parametrize("name", FAMILIES)
def test_harness_prompt_and_ids_are_lm_evals_own(real_tokenizer, tmp_path, name):
    tokenizer = real_tokenizer(name)
    prompt, request, template = asked(tokenizer, "harness", ICL)
    theirs = harness_requests(tmp_path)
    assert [(prompt.context, text) for text in prompt.continuations] == theirs
    for (context, continuation), ids in zip(theirs, request.continuations, strict=True):
        assert (list(request.context), list(ids)) == harness_ids(tokenizer, context, continuation)
    fitted = fit_prompt(ASKED, ICL, SHOTS, template, Encoder(tokenizer), 10_000)
    assert fitted.request == request


CHATS = [("mistral", "vicuna"), ("gemma3", "vicuna"), ("smollm2", "vicuna")]
CHATS += [("smollm2", "model"), ("qwen", "model")]


@pytest.mark.models
@pytest.mark.parametrize(("name", "chat"), CHATS)
def test_harness_chat_is_lm_evals_own(real_tokenizer, tmp_path, name, chat):
    tokenizer = real_tokenizer(name)
    prompt, request, template = asked(tokenizer, "harness", CHAT, chat=chat)

    def render(turns, add_generation_prompt=True):
        return tokenizer.apply_chat_template(
            turns,
            chat_template=template.chat.jinja,
            tokenize=False,
            add_generation_prompt=add_generation_prompt,
            continue_final_message=not add_generation_prompt,
        )

    theirs = harness_requests(tmp_path, render)
    assert [prompt.context + text for text in prompt.continuations] == [a + b for a, b in theirs]
    for (context, continuation), ids in zip(theirs, request.continuations, strict=True):
        assert (list(request.context), list(ids)) == harness_ids(tokenizer, context, continuation)


@pytest.mark.models
def test_harness_has_nothing_to_score_where_the_letter_is_joined_to_the_prompt(real_tokenizer):
    pytest.importorskip("lm_eval", reason="lm-eval is not installed: pip install 'harmonia[harness]'")
    tokenizer = real_tokenizer("qwen")  # ":A" is one token, and no space parts the two in its chats
    assert harness_ids(tokenizer, "ASSISTANT:", "A")[1] == []
    with pytest.raises(
        InputError, match="joins prompt and answer of item q5, and the harness scores nothing"
    ):
        asked(tokenizer, "harness", CHAT)


def test_harness_does_not_double_a_bos_that_the_text_has(tmp_path):
    pytest.importorskip("lm_eval", reason="lm-eval is not installed: pip install 'harmonia[harness]'")
    tokenizer = wrapped("prefix")
    tokenizer.chat_template = (
        "{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    )
    prompt, request, _ = asked(tokenizer, "harness", CHAT, chat="model")
    assert prompt.context.startswith("<s>") and bos_count(tokenizer, request.context) == 1
    theirs = harness_ids(tokenizer, prompt.context, prompt.continuations[2])
    assert (list(request.context), list(request.continuations[2])) == theirs


def test_presets_ask_only_what_they_have_words_for():
    for wrong in ({"preset": "repo", "method": "cloze"}, {"preset": "harness", "method": "cloze"}):
        with pytest.raises(ValueError, match="scores letters"):
            PromptSettings(**wrong)
    for wrong in ({"language": "zh"}, {"options_first": True}):
        with pytest.raises(ValueError, match="MMLU's prompt"):
            PromptSettings(preset="harness", **wrong)
