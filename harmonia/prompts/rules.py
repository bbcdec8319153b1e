"""Prompt -> token ids, by the rules of the template's preset.

`corrected`: one BOS where the tokenizer wants it; letters are the single tokens that a
solved example holds, or the item is refused.

`repo`: the letters are the tokens of a standalone letter, as PAPER says of the released
scripts. In a SentencePiece vocabulary that is the letter with a space in front, though the
demonstrations hold it without. PAPER also says that one evaluation adds BOS and the other
does not, but not which. Our reading: the raw prompt has it, as the tokenizer adds it, and
the chat prompt has not.

`harness`: as lm-evaluation-harness 0.4 encodes for its `hf` models (`api/model.py`,
`_encode_pair`; `models/huggingface.py`, `tok_encode`). Context and whole text are each
encoded with the tokenizer's own special tokens, or without where the text begins with the
BOS (EOS, if there is no BOS). What the whole has beyond the context's length is scored.
A prompt too long for the model loses demonstrations, as under every preset, where the
harness would cut tokens from its left.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from harmonia.errors import InputError
from harmonia.prompts.encode import Encoder, Request
from harmonia.prompts.settings import Form
from harmonia.prompts.template import Template
from harmonia.types import Item, Prompt


def encode_prompt(item: Item, form: Form, prompt: Prompt, template: Template, encoder: Encoder) -> Request:
    """Encode a rendered prompt and its continuations.

    Raises:
        InputError: The continuations cannot be scored under the preset's rules.
    """
    if template.preset == "repo":
        return _standalone(prompt, encoder, bos=not form.chat)
    if template.preset == "harness":
        return _harness(prompt, encoder.tokenizer)
    if template.exam.method == "letter":
        return encoder.letter_request(prompt, template.following(item, form))
    return encoder.text_request(prompt)


def require_encodable(items: Iterable[Item], form: Form, template: Template) -> None:
    """Require that of some items, one at least, the one with the most options can be asked in a form.

    Its letters are all that are needed, and stand before no demonstration otherwise than behind some.

    Raises:
        InputError: As for `encode_prompt`.
    """
    item = max(items, key=lambda one: len(one.choices))
    encode_prompt(item, form, template.prompt(item, form), template, Encoder(template.chat.tokenizer))


def _standalone(prompt: Prompt, encoder: Encoder, *, bos: bool) -> Request:
    tokenizer = encoder.tokenizer
    ids = [tuple(tokenizer.encode(letter, add_special_tokens=False)) for letter in prompt.continuations]
    if any(len(one) != 1 for one in ids) or len(set(ids)) < len(ids):
        raise InputError(
            f"the standalone letters are not single, different tokens in item {prompt.item_id}",
            seen={text: encoder.tokens(one) for text, one in zip(prompt.continuations, ids, strict=True)},
            remedy="Use the preset corrected with this tokenizer.",
        )
    if bos:
        (context,) = encoder.encode([prompt.context])
    else:
        context = tuple(tokenizer.encode(prompt.context, add_special_tokens=False))
    return Request(context=context, continuations=tuple(ids))


def _harness(prompt: Prompt, tokenizer: Any) -> Request:
    context = _harness_ids(prompt.context, tokenizer)
    wholes = [_harness_ids(prompt.context + text, tokenizer) for text in prompt.continuations]
    tails = tuple(whole[len(context) :] for whole in wholes)
    if not all(tails):
        raise InputError(
            f"the tokenizer joins prompt and answer of item {prompt.item_id}, and the harness scores nothing",
            remedy="Use the preset corrected with this tokenizer.",
        )
    return Request(context=context, continuations=tails)


def _harness_ids(text: str, tokenizer: Any) -> tuple[int, ...]:
    front = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    special = not text.startswith(tokenizer.decode(front))
    return tuple(tokenizer.encode(text, add_special_tokens=special))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A prompt with its token ids; `prompt.shots` says how many demonstrations stayed."""

    prompt: Prompt
    request: Request


def fit_prompt(
    item: Item, form: Form, shots: tuple[Item, ...], template: Template, encoder: Encoder, max_tokens: int
) -> Fitted:
    """Render and encode an item, leaving out demonstrations from the last until it fits.

    `max_tokens` are the positions that the model has.

    Raises:
        InputError: The prompt does not fit even with a single demonstration (or, in a
            form without any, as it is), or cannot be encoded.
    """
    fewest = min(len(shots), 1)
    for count in range(len(shots), fewest - 1, -1):
        prompt = template.prompt(item, form, shots[:count])
        request = encode_prompt(item, form, prompt, template, encoder)
        if request.length <= max_tokens:
            return Fitted(prompt=prompt, request=request)
    problem = f"item {item.id} does not fit the model's context of {max_tokens} tokens" + (
        " with even one demonstration" if shots else ""
    )
    remedy = "Leave the item out, ask with fewer shots, or use a model with a longer context."
    raise InputError(problem, file=item.source or None, seen=f"{request.length} tokens", remedy=remedy)
