"""The mask: what is learned is the assistant's text with its end mark, to the token."""

from __future__ import annotations

import copy
from itertools import groupby

import pytest
from models import item, wrapped

from harmonia.data import read_conversations
from harmonia.errors import InputError
from harmonia.prompts import Encoder, ExamFormat, PromptSettings, build_template
from harmonia.training import encode_rows
from harmonia.training.encode import IGNORED, show_mask
from harmonia.types import Conversation, Message

# Gemma's own instruct template (the base model's file brings none), which writes the BOS itself.
GEMMA_IT = (
    "{{ bos_token }}{% for m in messages %}<start_of_turn>"
    "{{ 'model' if m.role == 'assistant' else m.role }}\n{{ m.content }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
# Mistral-7B-Instruct-v0.1's.
MISTRAL_INSTRUCT = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]"
    "{% else %} {{ m.content }}{{ eos_token }}{% endif %}{% endfor %}"
)

# Tokenizer, template, its end mark.
FAMILIES = [
    ("mistral", "vicuna", "</s>"),
    ("mistral", MISTRAL_INSTRUCT, "</s>"),
    ("gemma3", "vicuna", "<eos>"),
    ("gemma3", GEMMA_IT, "<end_of_turn>"),
    ("smollm2", "vicuna", "<|im_end|>"),
    ("smollm2", "model", "<|im_end|>"),
    ("qwen", "vicuna", "<|im_end|>"),
    ("qwen", "model", "<|im_end|>"),
]
TINY_FAMILIES = [
    ("prefix", "vicuna", "</s>"),
    ("prefix", MISTRAL_INSTRUCT, "</s>"),
    ("bare", "vicuna", "</s>"),
    ("byte", "vicuna", "<|endoftext|>"),
]

EXAM = ExamFormat()
TEXTS = {
    "letter and text": [turn.content for turn in EXAM.conversation(item(2), 1, "")],
    "several lines": [
        turn.content for turn in EXAM.conversation(item(3), 0, "First.\n\n  Second:\n\t- x\n1. y")
    ],
    "Chinese": ["雪是什么颜色？\nA. 黑\nB. 白\n答案：", "B. 白\n因为雪是白色的。“对”……（是）"],
    "emoji": ["How? 👩‍🔬", "🙂 fine 👍🏽\n🇫🇷é ﬁ"],
    "punctuation first": ["Say", '...so "it" is; (a) -- 1,000.5 % {x: [y]}  two  spaces'],
    "code": ["Write", "```python\nif x:\n    return 'a'\n```"],
}
MULTI = ["One?", "A. one\nfirst", "Two?", "B. two\nsecond 因为 🙂"]


def encode(tokenizer, chat, path, **options):
    if chat not in ("vicuna", "model"):
        tokenizer = copy.deepcopy(tokenizer)
        tokenizer.chat_template = chat
    template = build_template(PromptSettings(chat="vicuna" if chat == "vicuna" else "model"), tokenizer)
    rows = read_conversations(path).rows
    return template, encode_rows(rows, template, Encoder(tokenizer), 4096, file=str(path), **options)


def check(tokenizer, chat, end, conversations, write_rows):
    template, encoded = encode(tokenizer, chat, write_rows(*conversations), learn="last")
    assert encoded.shortened == 0
    for row, contents in zip(encoded.rows, conversations, strict=True):
        assert len(row.labels) == len(row.input_ids)
        stop = row.before + len(row.learned)
        # The learned part is the end of the row but for white space, and labels are the ids in their places.
        assert tokenizer.decode(row.input_ids[stop:]).strip() == ""
        assert row.labels[row.before : stop] == row.input_ids[row.before : stop] == row.learned
        assert set(row.labels[: row.before] + row.labels[stop:]) == {IGNORED}
        text = tokenizer.decode(row.learned, skip_special_tokens=False)
        assert text.removeprefix(" ") == contents[-1] + end
        # The rest is the prompt, as the tokenizer's own rendering has it.
        turns = [
            {"role": ("user", "assistant")[k % 2], "content": content}
            for k, content in enumerate(contents[:-1])
        ]
        prompt = tokenizer.apply_chat_template(
            turns, chat_template=template.chat.jinja, tokenize=False, add_generation_prompt=True
        )
        shown = tokenizer.decode(row.input_ids[: row.before], skip_special_tokens=False)
        bos = tokenizer.bos_token or ""
        if not prompt.startswith(bos) and shown.startswith(bos):
            shown = shown.removeprefix(bos)
        assert unprefixed(shown, bos, end) == unprefixed(prompt, bos, end)
        # Every earlier reply is in the prompt, none of it is learned.
        for content in contents[1:-1:2]:
            assert content in shown and content not in text


def unprefixed(text: str, bos: str, end: str) -> str:
    """Without the space that SentencePiece sets at the beginning and after a special token."""
    rest = text.removeprefix(bos) if bos else text
    return rest.removeprefix(" ").replace(f"{end} ", end)


@pytest.mark.models
@pytest.mark.parametrize(("name", "chat", "end"), FAMILIES, ids=lambda value: value[:12])
def test_real_tokenizers_learn_exactly_what_the_assistant_says(real_tokenizer, write_rows, name, chat, end):
    check(real_tokenizer(name), chat, end, [*TEXTS.values(), MULTI], write_rows)


@pytest.mark.parametrize(("kind", "chat", "end"), TINY_FAMILIES, ids=lambda value: value[:12])
def test_tiny_tokenizers_learn_exactly_what_the_assistant_says(write_rows, kind, chat, end):
    check(wrapped(kind), chat, end, [*TEXTS.values(), MULTI], write_rows)


LONG = [text for k in range(4) for text in (f"Question {k}?", f"{'ABCD'[k]}. answer {k}\nBecause 因为 {k}.")]


def check_all(tokenizer, chat, end, write_rows):
    """Where every turn is learned, a turn's tokens are those it has as the last of a shorter row."""
    _, encoded = encode(tokenizer, chat, write_rows(LONG))
    (row,) = encoded.rows
    assert list(row.input_ids) == [
        label if label != IGNORED else token for token, label in zip(row.input_ids, row.labels, strict=True)
    ]
    parts = [part["text"] for part in show_mask(encoded, Encoder(tokenizer))[0]["parts"] if part["learned"]]
    assert [text.removeprefix(" ") for text in parts] == [text + end for text in LONG[1::2]]
    _, shorter = encode(tokenizer, chat, write_rows(*(LONG[:k] for k in (2, 4, 6, 8))), learn="last")
    assert [one.learned for one in shorter.rows] == [
        tuple(label for learned, label in part)
        for learned_, part in groupby(
            ((label != IGNORED, label) for label in row.labels), key=lambda pair: pair[0]
        )
        if learned_
    ]
    for one in shorter.rows:
        stop = one.before + len(one.learned)
        assert row.input_ids[:stop] == one.input_ids[:stop]


@pytest.mark.models
@pytest.mark.parametrize(("name", "chat", "end"), FAMILIES, ids=lambda value: value[:12])
def test_real_tokenizers_learn_every_turn_of_the_assistant(real_tokenizer, write_rows, name, chat, end):
    check_all(real_tokenizer(name), chat, end, write_rows)


@pytest.mark.parametrize(("kind", "chat", "end"), TINY_FAMILIES, ids=lambda value: value[:12])
def test_tiny_tokenizers_learn_every_turn_of_the_assistant(write_rows, kind, chat, end):
    check_all(wrapped(kind), chat, end, write_rows)


def conversation(*learned: bool) -> list[Message]:
    return [
        message
        for number, wanted in enumerate(learned)
        for message in (
            Message(role="user", content=f"Q{number}"),
            Message(role="assistant", content=f"A{number}", learned=wanted),
        )
    ]


@pytest.mark.parametrize(
    ("learned", "learn", "texts"),
    [
        ((True, True, True), "all", ["A0", "A1", "A2"]),
        ((True, False, True), "all", ["A0", "A2"]),
        ((True, True, False), "all", ["A0", "A1"]),
        ((True, False, True), "last", ["A2"]),
    ],
)
def test_a_turn_of_no_weight_is_read_and_not_learned(parts, learned, learn, texts):
    _, template, encoder = parts
    row = Conversation(id="r", line=1, messages=tuple(conversation(*learned)))
    encoded = encode_rows([row], template, encoder, 2048, file="x", learn=learn)
    shown = show_mask(encoded, encoder)[0]["parts"]
    assert [part["text"].strip() for part in shown if part["learned"]] == [f"{text}</s>" for text in texts]
    assert all(f"Q{number}" in "".join(part["text"] for part in shown) for number in range(3))


@pytest.mark.parametrize(("learned", "learn"), [((False, False), "all"), ((True, False), "last")])
def test_a_row_of_which_no_turn_is_learned_teaches_nothing(parts, learned, learn):
    _, template, encoder = parts
    quiet = Conversation(id="q", line=1, messages=tuple(conversation(*learned)))
    loud = Conversation(id="l", line=2, messages=tuple(conversation(True)), weight=2.0)
    encoded = encode_rows([quiet, loud], template, encoder, 2048, file="x", learn=learn)
    assert [row.weight for row in encoded.rows] == [0.0, 2.0]
    assert [row["id"] for row in show_mask(encoded, encoder)] == ["l"]
    with pytest.raises(InputError, match="no row teaches anything") as caught:
        encode_rows([quiet], template, encoder, 2048, file="x", learn=learn)
    assert caught.value.file == "x"


@pytest.mark.models
@pytest.mark.shared
@pytest.mark.parametrize("name", ["mistral", "gemma3", "smollm2", "qwen"])
def test_real_explanations_and_instructions(real_tokenizer, write_rows, data_root, name):
    from harmonia.data import ItemSource, read_items

    ends = {"mistral": "</s>", "gemma3": "<eos>", "smollm2": "<|im_end|>", "qwen": "<|im_end|>"}
    medicine = read_items(ItemSource(path="exams/medmcqa/test.jsonl", on_bad_row="skip"), data_root).items
    general = read_conversations(data_root / "general/alpaca_gpt4_en_999.json").rows
    rows = [
        [turn.content for turn in EXAM.conversation(one, one.answer, one.explanation)]
        for one in medicine[:40]
    ]
    rows += [[turn.content for turn in one.messages] for one in general[:40]]
    check(real_tokenizer(name), "vicuna", ends[name], rows, write_rows)


@pytest.mark.models
@pytest.mark.parametrize("name", ["mistral", "gemma3", "smollm2", "qwen"])
def test_the_learned_tokens_are_those_of_the_text_in_one_go(real_tokenizer, write_rows, name):
    """Found by the tokenizer's offsets over the whole text, without our split."""
    tokenizer = real_tokenizer(name)
    template = build_template(PromptSettings(), tokenizer)
    path = write_rows(*TEXTS.values())
    rows = read_conversations(path).rows
    encoded = encode_rows(rows, template, Encoder(tokenizer), 4096, file=str(path))
    for row, contents in zip(encoded.rows, TEXTS.values(), strict=True):
        user = contents[0]
        text = f"{VICUNA_SYSTEM} USER: {user} ASSISTANT: {contents[1]}{tokenizer.eos_token}"
        seam = len(f"{VICUNA_SYSTEM} USER: {user} ASSISTANT:")
        whole = tokenizer(text, return_offsets_mapping=True)
        assert list(row.input_ids) == whole["input_ids"]
        after = [
            token
            for token, (start, stop) in zip(whole["input_ids"], whole["offset_mapping"], strict=True)
            if stop > seam
        ]
        assert list(row.learned) == after


VICUNA_SYSTEM = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions."
)


@pytest.fixture
def parts():
    tokenizer = wrapped("prefix")
    return tokenizer, build_template(PromptSettings(), tokenizer), Encoder(tokenizer)


def test_long_replies_are_cut_at_their_end_and_counted(parts, write_rows):
    tokenizer, template, encoder = parts
    path = write_rows(["Hi", "the river"], ["Hi", "the river " * 30], ["Hi", "city"])
    rows = read_conversations(path).rows
    whole = encode_rows(rows, template, encoder, 2048, file=str(path))
    limit = len(whole.rows[0].input_ids)
    cut = encode_rows(rows, template, encoder, limit, file=str(path))
    assert (whole.shortened, cut.shortened) == (0, 1)
    assert (cut.rows[0], cut.rows[2]) == (whole.rows[0], whole.rows[2])
    assert cut.rows[1].input_ids == whole.rows[1].input_ids[:limit]
    assert cut.rows[1].labels == whole.rows[1].labels[:limit]
    assert tokenizer.eos_token_id in whole.rows[1].learned
    assert tokenizer.eos_token_id not in cut.rows[1].learned


def test_a_prompt_that_leaves_nothing_to_learn_names_its_row(parts, write_rows):
    _, template, encoder = parts
    path = write_rows(["Hi", "Yo"], ["the river " * 30, "Yo"])
    rows = read_conversations(path).rows
    prompt = sum(
        label == IGNORED for label in encode_rows(rows, template, encoder, 999, file="x").rows[1].labels
    )
    assert len(encode_rows(rows, template, encoder, prompt + 1, file="x").rows[1].learned) == 1
    with pytest.raises(InputError, match=f"the prompt alone has {prompt} tokens") as caught:
        encode_rows(rows, template, encoder, prompt, file=str(path))
    assert (caught.value.file, caught.value.row, caught.value.field) == (str(path), 2, "messages")
    assert f"above {prompt} (now {prompt})" in caught.value.remedy


def test_a_reply_that_cannot_be_told_from_its_prompt_names_its_row(write_rows):
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {piece: index for index, piece in enumerate([*alphabet, ":Ġ", "</s>"])}
    joined = Tokenizer(models.BPE(vocab=vocab, merges=[(":", "Ġ")]))
    joined.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=joined, eos_token="</s>")
    path = write_rows(["Hi", "Yo"])
    template = build_template(PromptSettings(), tokenizer)
    with pytest.raises(InputError, match=r"joins prompt and answer of row 1 \(id r0\) of .*group.jsonl"):
        encode_rows(read_conversations(path).rows, template, Encoder(tokenizer), 2048, file=str(path))


def test_epochs_are_orders_of_their_own(parts, write_rows):
    _, template, encoder = parts
    path = write_rows(*[["Hi", f"the river {k}"] for k in range(12)])
    encoded = encode_rows(read_conversations(path).rows, template, encoder, 2048, file=str(path))
    order = [row.id for row in encoded.epochs(3, seed=0)]
    epochs = [order[start : start + 12] for start in (0, 12, 24)]
    assert all(sorted(epoch) == sorted(row.id for row in encoded.rows) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert [row.id for row in encoded.epochs(3, seed=1)] != order
    assert [row.id for row in encoded.epochs(1, seed=0)] == epochs[0]


def test_three_rows_are_shown(parts, write_rows):
    _, template, encoder = parts
    path = write_rows(*[["Hi", f"the river {k}"] for k in range(5)])
    encoded = encode_rows(read_conversations(path).rows, template, encoder, 2048, file=str(path))
    shown = show_mask(encoded, encoder)
    assert [row["id"] for row in shown] == ["r0", "r1", "r2"]
    assert all([part["learned"] for part in row["parts"]] == [False, True] for row in shown)
    assert [row["parts"][1]["text"].strip() for row in shown] == [f"the river {k}</s>" for k in range(3)]
    assert all(row["parts"][0]["text"].endswith("USER: Hi ASSISTANT:") for row in shown)
