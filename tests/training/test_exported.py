"""The saved chat template gives other tools the tokens and the labels that were trained on."""

from __future__ import annotations

from pathlib import Path

import pytest
import trl
from datasets import Dataset
from models import byte_level_bpe, wrapped
from tokenizers import normalizers, pre_tokenizers, processors
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from harmonia.prompts import Encoder, Form, PromptSettings, build_template
from harmonia.training import EncodedSets, TrainingSettings, encode_rows
from harmonia.training.encode import IGNORED
from harmonia.training.exported import exported
from harmonia.training.taught import taught as lesson_of
from harmonia.types import Conversation, Item, Message

CHAT = Form(chat=True, shots=0)
ASKED = Item(id="q", domain="law", question="Snow?", choices=("black", "white"), answer=1)
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
INSTRUCT = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'assistant' %} {{ m.content }}{{ eos_token }}"
    "{% else %}[INST] {{ m.content }} [/INST]{% endif %}{% endfor %}"
)


def rows(system: bool) -> list[Conversation]:
    texts = [
        ("One?", "1"),
        ("Snow?\nA. black\nB. white\nAnswer:", "B. white\nIt is. 因为雪 🙂"),
        ("Hi", " The river.\n", "And?", "é ﬁ\n\n- x\n  y", "So?", "雪"),
    ]
    found = []
    for number, said in enumerate(texts):
        turns = [Message(role=("user", "assistant")[k % 2], content=text) for k, text in enumerate(said)]
        if system and number:
            turns.insert(0, Message(role="system", content="Be brief."))
        found.append(Conversation(id=f"r{number}", line=number + 1, messages=tuple(turns)))
    return found


def glm() -> PreTrainedTokenizerFast:
    raw = byte_level_bpe()
    raw.add_special_tokens(["[gMASK]", "<sop>"])
    pairs = [(token, raw.token_to_id(token)) for token in ("[gMASK]", "<sop>")]
    raw.post_processor = processors.TemplateProcessing(single="[gMASK] <sop> $A", special_tokens=pairs)
    return PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="<|endoftext|>")


def first() -> PreTrainedTokenizerFast:
    """As Llama's and Mistral's: a space is set before a text and none behind a mark."""
    tokenizer = wrapped("prefix")
    scheme = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.backend_tokenizer.pre_tokenizer = scheme
    return tokenizer


def legacy() -> PreTrainedTokenizerFast:
    """As older files of theirs: the normaliser sets a space before each part."""
    tokenizer = wrapped("bare")
    tokenizer.backend_tokenizer.pre_tokenizer = None
    steps = [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    tokenizer.backend_tokenizer.normalizer = normalizers.Sequence(steps)
    return tokenizer


KINDS = {
    "prefix": lambda: wrapped("prefix"),
    "bare": lambda: wrapped("bare"),
    "byte": lambda: wrapped("byte"),
    "first": first,
    "legacy": legacy,
    "glm": glm,
}


def check(tokenizer, chat: str, folder: Path, *, system: bool = True) -> None:
    settings = PromptSettings(chat=chat)
    template, encoder = build_template(settings, tokenizer), Encoder(tokenizer)
    taught = rows(system)
    encoded = encode_rows(taught, template, encoder, 4096, file="x")
    found = exported(template, encoder, encoded.some)
    assert list(found.notes()) == []
    prompt = template.prompt(ASKED, CHAT)
    (asked,) = encoder.encode([prompt.context])
    tokenizer.chat_template = found.jinja
    tokenizer.save_pretrained(folder)
    saved = AutoTokenizer.from_pretrained(folder)
    # Plain transformers, as TRL calls it.
    for row, one in zip(taught, encoded.rows, strict=True):
        turns = [{"role": turn.role, "content": turn.content} for turn in row.messages]
        whole = saved.apply_chat_template(turns, return_dict=True, return_assistant_tokens_mask=True)
        assert tuple(whole["input_ids"]) == one.input_ids
        assert whole["assistant_masks"] == [int(label != IGNORED) for label in one.labels]
    question = [{"role": "user", "content": template.exam.block(ASKED)}]
    assert tuple(saved.apply_chat_template(question, add_generation_prompt=True, return_dict=False)) == asked
    # Asked in the saved template, the model reads what it reads in the one that it was trained in.
    again = build_template(PromptSettings(chat="model"), saved)
    other = again.prompt(ASKED, CHAT)
    assert Encoder(saved).encode([other.context]) == [asked]
    assert other.continuations == prompt.continuations


@pytest.mark.parametrize("kind", KINDS)
def test_vicuna(kind, tmp_path):
    check(KINDS[kind](), "vicuna", tmp_path)


@pytest.mark.parametrize("jinja", [CHATML, CHATML + "\n", INSTRUCT, "[gMASK]<sop>" + CHATML], ids=range(4))
@pytest.mark.parametrize("kind", KINDS)
def test_a_template_of_the_models_that_marks_nothing(kind, jinja, tmp_path):
    tokenizer = KINDS[kind]()
    tokenizer.chat_template = jinja
    check(tokenizer, "model", tmp_path)


@pytest.mark.parametrize("name", ["qwen3", "qwen2_5", "llama3_2", "gemma", "gemma3", "glm4moe", "cohere2"])
@pytest.mark.parametrize("kind", ["byte", "first", "glm"])
def test_templates_of_real_models(kind, name, tmp_path):
    path = Path(trl.__file__).parent / "chat_templates" / f"{name}.jinja"
    if not path.is_file():
        pytest.skip(f"TRL {trl.__version__} ships no {path.name}")
    tokenizer = KINDS[kind]()
    tokenizer.chat_template = path.read_text(encoding="utf-8")
    check(tokenizer, "model", tmp_path, system=name != "gemma")


def test_a_preamble_that_the_prompt_wrote_itself_is_not_written_twice():
    tokenizer = wrapped("byte")
    path = Path(trl.__file__).parent / "chat_templates" / "qwen3.jinja"
    if not path.is_file():
        pytest.skip(f"TRL {trl.__version__} ships no {path.name}")
    tokenizer.chat_template = path.read_text(encoding="utf-8")
    template, encoder = build_template(PromptSettings(chat="model"), tokenizer), Encoder(tokenizer)
    some = encode_rows(rows(True), template, encoder, 4096, file="x").some
    for thinking in ({}, {"enable_thinking": False}):
        text = tokenizer.apply_chat_template(
            [{"role": "user", "content": "x"}],
            chat_template=exported(template, encoder, some).jinja,
            tokenize=False,
            add_generation_prompt=True,
            **thinking,
        )
        assert text.endswith("assistant\n<think>\n\n</think>\n\n") and text.count("<think>") == 1


def test_what_cannot_be_the_same_is_said():
    tokenizer = wrapped("prefix")
    template, encoder = build_template(PromptSettings(), tokenizer), Encoder(tokenizer)
    odd = (Message(role="user", content="x</s>"), Message(role="assistant", content="y"))
    taught = [*rows(False), Conversation(id="odd", line=4, messages=odd)]
    found = exported(template, encoder, encode_rows(taught, template, encoder, 4096, file="x").some)
    assert (found.tried, found.same_tokens, found.same_prompt) == (4, 3, 3)
    assert "the saved chat template gives other tokens than were trained on: 1 of 4 rows tried" in list(
        found.notes()
    )


@pytest.mark.parametrize(
    ("jinja", "told"), [(INSTRUCT, False), (INSTRUCT.replace("{{ eos_token }}", "\n"), True)]
)
def test_a_template_that_ends_no_reply_is_told(write_rows, jinja, told):
    tokenizer = wrapped("byte")
    tokenizer.chat_template = jinja
    template = build_template(PromptSettings(chat="model"), tokenizer)
    found = lesson_of(
        write_rows(["Snow?", "white"]), template, TrainingSettings(), seed=0, longest=64, sets=EncodedSets()
    )
    said = "the chat template 'model' ends no reply with a mark: no stop is taught"
    assert (said in found.notes) == told


# TRL's own defaults set an argument that transformers calls by another name now.
@pytest.mark.filterwarnings("ignore:`gradient_checkpointing` is deprecated:FutureWarning")
@pytest.mark.parametrize(("kind", "chat"), [("first", "vicuna"), ("byte", "model"), ("glm", "vicuna")])
def test_trl_itself_learns_the_same_tokens(kind, chat, tmp_path):
    tokenizer = KINDS[kind]()
    tokenizer.chat_template = CHATML
    template, encoder = build_template(PromptSettings(chat=chat), tokenizer), Encoder(tokenizer)
    taught = rows(True)
    encoded = encode_rows(taught, template, encoder, 4096, file="x")
    tokenizer.chat_template = exported(template, encoder, encoded.some).jinja
    tokenizer.pad_token = tokenizer.eos_token
    shape = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    trainer = trl.SFTTrainer(
        model=LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **shape)),
        args=trl.SFTConfig(
            output_dir=str(tmp_path),
            assistant_only_loss=True,
            max_length=None,
            report_to="none",
            use_cpu=True,
        ),
        train_dataset=Dataset.from_list(
            [
                {"messages": [{"role": turn.role, "content": turn.content} for turn in row.messages]}
                for row in taught
            ]
        ),
        processing_class=tokenizer,
    )
    for row, one in zip(trainer.train_dataset, encoded.rows, strict=True):
        batch = trainer.data_collator([row])
        assert tuple(batch["input_ids"][0].tolist()) == one.input_ids
        assert tuple(batch["labels"][0].tolist()) == one.labels
