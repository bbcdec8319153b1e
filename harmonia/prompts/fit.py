"""A prompt that fits the model's context: whole demonstrations go, the question stays."""

from __future__ import annotations

from dataclasses import dataclass

from harmonia.errors import InputError
from harmonia.prompts.encode import Encoder, Request
from harmonia.prompts.form import Form
from harmonia.prompts.rules import encode_prompt
from harmonia.prompts.template import Template
from harmonia.types import Item, Prompt


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
    raise InputError(
        f"item {item.id} does not fit the model's context of {max_tokens} tokens"
        + (" with even one demonstration" if shots else ""),
        file=item.source or None,
        seen=f"{request.length} tokens",
        remedy="Leave the item out, ask with fewer shots, or use a model with a longer context.",
    )
