"""Text -> token ids: one BOS, letters found where a solved example has them, seams that hold."""

from __future__ import annotations

import copy
import random

import pytest
from models import LETTERS, byte_level_bpe, item, last_turn, wrapped
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from harmonia.data import ItemSource, read_items
from harmonia.errors import InputError
from harmonia.prompts import Encoder, Form, PromptSettings, build_template
from harmonia.prompts.lines import cut_lines, encodes_lines
from harmonia.types import Message, Prompt

ICL = Form(chat=False, shots=2)
CHAT = Form(chat=True, shots=0)
SHOTS = (item(1, domain="law"), item(2, domain="law"))

# A template that writes the BOS itself, in the manner of Gemma's and Mistral's.
BOS_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]"
    "{% else %} {{ m.content }}{{ eos_token }}{% endif %}{% endfor %}"
)

REAL = ("mistral", "gemma3", "smollm2", "qwen")
WANTS_BOS = {"mistral": "<s>", "gemma3": "<bos>", "smollm2": None, "qwen": None}


@pytest.mark.models
@pytest.mark.parametrize("name", REAL)
def test_real_tokenizers_get_exactly_one_bos_where_they_want_one(real_tokenizer, name):
    tokenizer = real_tokenizer(name)
    wanted = WANTS_BOS[name]
    (ids,) = Encoder(tokenizer).encode(["Snow is white.\nAnswer:"])
    assert list(ids) == tokenizer("Snow is white.\nAnswer:")["input_ids"]
    if wanted is None:
        assert tokenizer.bos_token_id not in ids
    else:
        assert ids.count(tokenizer.convert_tokens_to_ids(wanted)) == 1
        assert ids[0] == tokenizer.convert_tokens_to_ids(wanted)


@pytest.mark.models
@pytest.mark.parametrize("name", REAL)
def test_a_bos_that_the_template_wrote_is_not_doubled(real_tokenizer, name):
    tokenizer = copy.deepcopy(real_tokenizer(name))
    tokenizer.chat_template = BOS_TEMPLATE
    template = build_template(PromptSettings(chat="model"), tokenizer)
    prompt = template.prompt(item(), CHAT)
    assert prompt.context.startswith(tokenizer.bos_token)
    request = Encoder(tokenizer).request(prompt)
    assert request.context[0] == tokenizer.bos_token_id
    assert request.context.count(tokenizer.bos_token_id) == 1
    # The tokens are those that the tokenizer makes of what it renders.
    asked = [{"role": "user", "content": template.exam.block(item())}]
    rendered = tokenizer.apply_chat_template(asked, add_generation_prompt=True, return_dict=False)
    assert list(request.context) == rendered


def framed(*front: str, bos: str | None = None) -> PreTrainedTokenizerFast:
    """Byte-level BPE that puts some tokens in front of a text, as GLM's does."""
    raw = byte_level_bpe()
    raw.add_special_tokens(["[gMASK]", "<sop>", "<|user|>", "<|assistant|>"])
    pairs = [(token, raw.token_to_id(token)) for token in front]
    raw.post_processor = processors.TemplateProcessing(
        single=" ".join([*front, "$A", "<|endoftext|>"]),
        special_tokens=[*pairs, ("<|endoftext|>", raw.token_to_id("<|endoftext|>"))],
    )
    return PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="<|endoftext|>", bos_token=bos)


GLM = (
    "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


@pytest.mark.parametrize("written", ["", "[gMASK]", "<sop>", "[gMASK]<sop>"])
def test_a_frame_of_several_tokens_stands_once_however_much_of_it_is_written(written):
    tokenizer = framed("[gMASK]", "<sop>")
    tokenizer.chat_template = written + GLM
    encoder = Encoder(tokenizer)
    front = tokenizer.convert_tokens_to_ids(["[gMASK]", "<sop>"])
    assert list(encoder.front) == front
    template = build_template(PromptSettings(chat="model"), tokenizer)
    text = template.prompt(item(), CHAT).context
    assert text.startswith(f"{written}<|user|>\n")
    (ids,) = encoder.encode([text])
    rest = tokenizer(text.removeprefix(written), add_special_tokens=False)["input_ids"]
    assert list(ids) == [*front, *rest]
    (raw,) = encoder.encode(["Which?"])
    # All that the tokenizer itself gives but the end mark behind.
    assert list(raw) == tokenizer("Which?")["input_ids"][:-1]


def test_the_front_is_asked_of_the_tokenizer_not_of_its_bos():
    assert Encoder(framed("<sop>", bos="[gMASK]")).front == (framed().convert_tokens_to_ids("<sop>"),)
    assert Encoder(framed(bos="[gMASK]")).front == ()


@pytest.mark.parametrize("kind", ["prefix", "bare", "byte"])
def test_tiny_tokenizers_get_exactly_one_bos_where_they_want_one(kind):
    tokenizer = wrapped(kind)
    encoder = Encoder(tokenizer)
    rows = encoder.encode(["The river", "<s>The river" if kind != "byte" else "The river"])
    assert [row.count(1) for row in rows] == ([0, 0] if kind == "byte" else [1, 1])
    assert rows[0] == rows[1]


def test_a_bos_that_only_the_template_writes_stays():
    """SmolLM2's way: no BOS is added to plain text, and the template opens with it."""
    tokenizer = wrapped("byte")
    tokenizer.bos_token = "<|im_start|>"
    plain, opened = Encoder(tokenizer).encode(["user\nThe river", "<|im_start|>user\nThe river"])
    assert opened == (tokenizer.bos_token_id, *plain)
    assert tokenizer.bos_token_id not in plain


def test_a_tokenizer_that_closes_with_eos_gets_none_from_us():
    tokenizer = wrapped("prefix")
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    (ids,) = Encoder(tokenizer).encode(["The river"])
    assert (ids[0], ids.count(1), ids.count(2)) == (1, 1, 0)


# Tokenizer, language, form, chat template: the letter's token as the vocabulary spells it.
SPELLINGS = {
    ("mistral", "en", ICL, "vicuna"): "▁{}",
    ("mistral", "zh", ICL, "vicuna"): "{}",
    ("mistral", "en", CHAT, "vicuna"): "▁{}",
    ("mistral", "zh", CHAT, "vicuna"): "▁{}",
    ("gemma3", "en", ICL, "vicuna"): "▁{}",
    ("gemma3", "zh", ICL, "vicuna"): "{}",
    ("gemma3", "en", CHAT, "vicuna"): "▁{}",
    ("gemma3", "zh", CHAT, "vicuna"): "▁{}",
    ("smollm2", "en", ICL, "vicuna"): "Ġ{}",
    ("smollm2", "zh", ICL, "vicuna"): "{}",
    ("smollm2", "en", CHAT, "vicuna"): "Ġ{}",
    ("smollm2", "en", CHAT, "model"): "{}",
    ("smollm2", "zh", CHAT, "model"): "{}",
    ("qwen", "en", ICL, "vicuna"): "Ġ{}",
    ("qwen", "zh", ICL, "vicuna"): "{}",
    ("qwen", "en", CHAT, "vicuna"): "Ġ{}",
    ("qwen", "en", CHAT, "model"): "{}",
    ("qwen", "zh", CHAT, "model"): "{}",
}


def token_at(tokenizer, text: str, character: int) -> int:
    """The id of the token that covers a character of the text, encoded in one go."""
    row = tokenizer(text, return_offsets_mapping=True)
    covering = [
        token
        for token, (start, end) in zip(row["input_ids"], row["offset_mapping"], strict=True)
        if start <= character < end
    ]
    assert len(covering) == 1
    return covering[0]


@pytest.mark.models
@pytest.mark.parametrize("case", SPELLINGS, ids=lambda case: "-".join(str(part) for part in case))
def test_letters_are_the_tokens_of_a_solved_example(real_tokenizer, case):
    name, language, form, chat = case
    tokenizer = real_tokenizer(name)
    template = build_template(PromptSettings(language=language, chat=chat), tokenizer)
    asked = item(5, options=26)
    prompt = template.prompt(asked, form, () if form.chat else SHOTS)
    request = Encoder(tokenizer).letter_request(prompt, template.following(asked, form))
    ids = [only for (only,) in request.continuations]
    assert tokenizer.convert_ids_to_tokens(ids) == [SPELLINGS[case].format(letter) for letter in LETTERS]
    for index, letter in enumerate(LETTERS):
        # The letter where a solved example has it, found in the whole text.
        if form.chat:
            messages = template.exam.conversation(asked, index, "Because.")
            before, reply = last_turn(template, messages)
            text, place = before + reply, len(before) + reply.index(letter)
        else:
            solved = item(index, options=26, answer=index, question="Solved?")
            text = template.prompt(asked, form, (solved, SHOTS[0])).context
            cue = template.exam.wording.cue
            place = text.index(letter, text.index(cue) + len(cue))
        assert text[place] == letter
        assert token_at(tokenizer, text, place) == ids[index]


@pytest.mark.models
@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_context_and_letter_are_the_text_encoded_in_one_go(real_tokenizer, name, language):
    tokenizer = real_tokenizer(name)
    template = build_template(PromptSettings(language=language), tokenizer)
    prompt = template.prompt(item(3), ICL, SHOTS)
    request = Encoder(tokenizer).request(prompt)
    for text, ids in zip(prompt.continuations, request.continuations, strict=True):
        assert list(request.context + ids) == tokenizer(prompt.context + text)["input_ids"]


def test_cloze_continuations_are_all_the_tokens_after_the_context():
    tokenizer = wrapped("prefix")
    template = build_template(PromptSettings(method="cloze"), tokenizer)
    prompt = template.prompt(item(3), ICL, SHOTS)
    request = Encoder(tokenizer).request(prompt)
    for text, ids in zip(prompt.continuations, request.continuations, strict=True):
        assert len(ids) > 2
        assert list(request.context + ids) == tokenizer(prompt.context + text)["input_ids"]
        assert Encoder(tokenizer).decode(ids).strip() == text.strip()
    assert request.length == max(len(request.context + ids) for ids in request.continuations) - 1


def bpe(vocab: list[str], merges: list[tuple[str, str]]) -> PreTrainedTokenizerFast:
    """Byte-level BPE without a pre-tokenizer's borders, from the merges given."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = {piece: index for index, piece in enumerate([*alphabet, *vocab, "</s>"])}
    tokenizer = Tokenizer(models.BPE(vocab=pieces, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>")


SPACED = [("Ġ", letter) for letter in "ABCD"]
SPACED_PIECES = [f"Ġ{letter}" for letter in "ABCD"]


def letter_request(tokenizer, form):
    template = build_template(PromptSettings(), tokenizer)
    prompt = template.prompt(item(), form, () if form.chat else SHOTS)
    return Encoder(tokenizer).letter_request(prompt, template.following(item(), form))


def test_letters_that_are_tokens_of_their_own_pass():
    tokenizer = bpe(SPACED_PIECES, SPACED)
    for form in (ICL, CHAT):
        ids = [only for (only,) in letter_request(tokenizer, form).continuations]
        assert tokenizer.convert_ids_to_tokens(ids) == SPACED_PIECES


def test_a_tokenizer_that_splits_letters_is_refused():
    with pytest.raises(InputError, match="letters are not single, different tokens in item q0") as caught:
        letter_request(bpe([], []), ICL)
    assert "'Ġ', 'A'" in caught.value.seen
    assert "method: cloze" in caught.value.remedy and "readouts: []" in caught.value.remedy


@pytest.mark.parametrize("known", ["", "ABC"])  # with the last D is the only one that is unknown
def test_a_tokenizer_that_knows_no_letters_apart_is_refused(known):
    vocab = {"<unk>": 0, "</s>": 1, "Answer:": 2, **{letter: 3 + k for k, letter in enumerate(known)}}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>", unk_token="<unk>")
    with pytest.raises(InputError, match="letters are not single, different tokens"):
        letter_request(fast, ICL)


def test_a_letter_that_a_solved_example_joins_with_what_follows_is_refused():
    dotted = bpe([*SPACED_PIECES, "ĠC."], [*SPACED, ("ĠC", ".")])
    # In a demonstration a blank line follows: there the letter is itself.
    assert len(letter_request(dotted, ICL).continuations) == 4
    with pytest.raises(InputError, match="the letter 'C' is another token in a solved example") as caught:
        letter_request(dotted, CHAT)
    assert "ĠC." in caught.value.seen
    lined = bpe([*SPACED_PIECES, "ĠBĊ"], [*SPACED, ("ĠB", "Ċ")])
    with pytest.raises(InputError, match="the letter 'B' is another token in a solved example"):
        letter_request(lined, ICL)


def test_a_tokenizer_that_joins_cue_and_answer_is_refused():
    joined = bpe([*SPACED_PIECES, ":ĠA"], [*SPACED, (":", "ĠA")])
    with pytest.raises(InputError, match="joins prompt and answer of item q0") as caught:
        letter_request(joined, ICL)
    assert ":ĠA" in caught.value.seen


@pytest.mark.parametrize("context", [":", "x:", "A long enough context, with an end:"])
def test_the_message_shows_the_seam_however_short_the_context(context):
    joined = bpe([*SPACED_PIECES, ":ĠA"], [*SPACED, (":", "ĠA")])
    answers = (" A and a long text after it, longer than what is shown",)
    prompt = Prompt(item_id="q", form="icl0", context=context, continuations=answers, shots=0)
    with pytest.raises(InputError, match="joins prompt and answer of item q") as caught:
        Encoder(joined).request(prompt)
    assert repr(context[-20:] + answers[0][:20]) in caught.value.seen
    assert ":ĠA" in caught.value.seen


def test_texts_are_read_from_the_last_token_that_all_options_share():
    joined = bpe([*SPACED_PIECES, ":ĠA"], [*SPACED, (":", "ĠA")])
    encoder = Encoder(joined)
    prompt = Prompt(item_id="q", form="icl0", context="Cue:", continuations=(" A", " B"), shots=0)
    request = encoder.text_request(prompt)
    assert "".join(encoder.tokens(request.context)) == "Cue"
    assert [encoder.tokens(ids) for ids in request.continuations] == [[":ĠA"], [":", "ĠB"]]
    # Where nothing is joined, the context stays whole.
    apart = Prompt(item_id="q", form="icl0", context="Cue:", continuations=(" B", " C"), shots=0)
    assert encoder.text_request(apart) == encoder.request(apart)


def test_a_continuation_that_adds_nothing_is_refused():
    prompt = Prompt(item_id="q", form="icl0", context="The river", continuations=(" A", ""), shots=0)
    with pytest.raises(InputError, match="joins prompt and answer of item q"):
        Encoder(wrapped("byte")).request(prompt)


def test_spans_part_prompt_and_reply():
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=byte_level_bpe(), eos_token="<|endoftext|>")
    template = build_template(PromptSettings(), tokenizer)
    turns = (Message(role="user", content="Hi"), Message(role="assistant", content="The river."))
    before, reply = last_turn(template, turns)
    place = (len(before), len(before + reply))
    ids, ((start, stop),) = Encoder(tokenizer).spans(before + reply, [place], what="row 1")
    assert tokenizer.decode(list(ids[:start])) == before
    assert tokenizer.decode(list(ids[start:stop])) == reply == " The river.<|endoftext|>"
    assert stop == len(ids)


# Texts whose line ends are of every kind: after letters, digits, marks, spaces, Chinese.
ENDS = ["a", "Z", "9", "题", "答", ".", "。", " ", "  ", "!", "'s", "\n", "\r", "\t", "é", "½", "…", "_", "-"]
BEGINNINGS = [
    "\n",
    "\n\n",
    "\n \n",
    "\r\n",
    "\n'll",
    "\n!",
    "\n9",
    " \n",
    "\nAnswer:",
    "\n答案：",
    "\n<|im_end|>",
]


def whole(tokenizer, texts):
    return [tuple(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]]


@pytest.mark.models
@pytest.mark.parametrize("name", ["smollm2", "qwen"])
def test_texts_encoded_by_line_have_the_tokens_of_the_whole(real_tokenizer, name):
    tokenizer = real_tokenizer(name)
    draws = random.Random(0)
    assert encodes_lines(tokenizer)
    texts = [a + b + c for a in ENDS for b in BEGINNINGS for c in ("", *ENDS)]
    texts += ["".join(draws.choices(ENDS + BEGINNINGS, k=12)) for _ in range(2000)]
    assert Encoder(tokenizer).encode(texts) == whole(tokenizer, texts)
    assert max(len(cut_lines(text)) for text in texts) > 3


@pytest.mark.models
@pytest.mark.shared
@pytest.mark.parametrize("name", ["smollm2", "qwen"])
@pytest.mark.parametrize("form", [Form(chat=False, shots=5), CHAT], ids=str)
def test_exam_prompts_encoded_by_line_have_the_tokens_of_the_whole(real_tokenizer, data_root, name, form):
    tokenizer = real_tokenizer(name)
    template = build_template(PromptSettings(chat="model"), tokenizer)
    items = read_items(
        ItemSource(path="exams/engineering/test.jsonl", on_bad_row="skip", limit=60), data_root
    )
    shots = read_items(ItemSource(path="exams/engineering/dev.jsonl"), data_root).items[: form.shots]
    prompts = [template.prompt(one, form, shots) for one in items.items]
    texts = [prompt.context + text for prompt in prompts for text in ("", *prompt.continuations)]
    bare = [text.removeprefix(tokenizer.bos_token or "\0") for text in texts]
    found = Encoder(tokenizer).encode(texts)
    for text, rest, ids, expected in zip(texts, bare, found, whole(tokenizer, bare), strict=True):
        assert ids == ((tokenizer.bos_token_id,) if rest != text else ()) + expected


@pytest.mark.models
@pytest.mark.parametrize("name", ["gemma3", "mistral"])
def test_tokenizers_that_take_a_text_whole_are_given_it_whole(real_tokenizer, name):
    assert not encodes_lines(real_tokenizer(name))


@pytest.mark.parametrize(
    "change",
    [
        lambda backend: setattr(backend, "pre_tokenizer", pre_tokenizers.ByteLevel(add_prefix_space=True)),
        lambda backend: setattr(
            backend, "pre_tokenizer", pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        ),
        lambda backend: setattr(backend, "pre_tokenizer", pre_tokenizers.Split(Regex(r"\S+\s*"), "isolated")),
        lambda backend: setattr(backend, "normalizer", normalizers.Replace("\n", "x")),
        lambda backend: setattr(backend.model, "dropout", 0.1),
        lambda backend: backend.add_tokens([AddedToken("<x>", lstrip=True)]),
        lambda backend: backend.add_tokens([AddedToken("a\nb")]),
    ],
)
def test_a_tokenizer_with_a_step_that_looks_across_lines_is_given_whole_texts(change):
    tokenizer = wrapped("byte")
    assert encodes_lines(tokenizer)
    change(tokenizer.backend_tokenizer)
    assert not encodes_lines(tokenizer)


def test_remembered_lines_are_forgotten_in_time(monkeypatch):
    monkeypatch.setattr("harmonia.prompts.encode._LINES_KEPT", 5)
    encoder = Encoder(wrapped("byte"))
    for k in range(30):
        texts = [f"river {k}\ncity\nAnswer:", f"river {k}\nking"]
        assert encoder.encode(texts) == whole(encoder.tokenizer, texts)
        assert len(encoder._lines) <= 5 + 4
