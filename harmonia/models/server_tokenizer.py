"""A tokenizer that lives in a server: what prompts and scores need of it, over /tokenize and /detokenize."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from harmonia.errors import InputError
from harmonia.models.client import RefusedError, ServerClient
from harmonia.prompts.controls import BREAK, plain_text

_MARKS = re.compile(r"<[^<>\s]{1,40}>|\[[A-Z_/]{2,40}\]")
"""How control tokens are spelled in chat templates: candidates, each of which the server is asked about."""


_TEXTS_KEPT = 20_000
"""Texts whose tokens are remembered."""


class NoTokenizerError(InputError):
    """The server has no tokenizer that is known here."""


class ServerTokenizer:
    """Tokens as a server makes them, in the shape of a transformers tokenizer.

    Its control tokens are the beginning and the end of a text and those that the chat template
    writes. Those that the server knows and does not tell of are read as control wherever a
    text spells them.

    Args:
        client: The server.
        named: What each request says of the model.
        about: What the server says of the model: `bos_token`, `eos_token`, `chat_template`.

    Raises:
        NoTokenizerError: The server has no /tokenize, or another than is known here.
    """

    unk_token_id: None = None

    def __init__(self, client: ServerClient, named: dict[str, Any], about: dict[str, Any]) -> None:
        self._client, self._named = client, named
        template = about.get("chat_template")
        self.chat_template = template if isinstance(template, str) else None
        self._known: dict[tuple[str, bool, bool], list[int]] = {}
        self._pieces: dict[int, str] = {}
        self.bos_token, self.eos_token = (_marked(about.get(f"{name}_token")) for name in ("bos", "eos"))
        self.literal_known = self._reads_as_told()

    @property
    def bos_token_id(self) -> int | None:
        """Id of the mark that begins a text."""
        return self._control(self.bos_token)

    @property
    def eos_token_id(self) -> int | None:
        """Id of the mark that ends a text."""
        return self._control(self.eos_token)

    @cached_property
    def added_tokens_decoder(self) -> dict[int, Any]:
        """Its control tokens, by id."""
        from tokenizers import AddedToken

        spelled = dict.fromkeys(_MARKS.findall(self.chat_template or ""))
        named = [text for text in (self.bos_token, self.eos_token) if text]
        found = {self._control(text): text for text in (*named, *spelled)}
        return {
            number: AddedToken(text, special=True) for number, text in found.items() if number is not None
        }

    @property
    def literal(self) -> ServerTokenizer | None:
        """Itself, if the server can read as text what only spells a control token."""
        return self if self.literal_known else None

    def __call__(self, texts: Sequence[str], *, add_special_tokens: bool = True, **_: Any) -> dict[str, Any]:
        """Token ids of each text."""
        return {"input_ids": self._all([(text, add_special_tokens, True) for text in texts])}

    def encode(self, text: str, *, add_special_tokens: bool = False) -> list[int]:
        """Token ids of a text; what its guard has broken (`prompts/controls.py`) is text."""
        if BREAK not in text:
            return self._all([(text, add_special_tokens, True)])[0]
        marks = "|".join(re.escape(one.content) for one in self.added_tokens_decoder.values())
        parts = re.split(f"((?<!{BREAK})(?:{marks}))" if marks else "(?!)", text)
        asked = [(plain_text(part), False, place % 2 == 1) for place, part in enumerate(parts) if part]
        return [number for ids in self._all(asked) for number in ids]

    def decode(self, ids: Sequence[int] | int, **_: Any) -> str:
        """The text of some tokens, control tokens included."""
        return self._decoded([ids] if isinstance(ids, int) else list(ids))

    def convert_ids_to_tokens(self, ids: Sequence[int]) -> list[str]:
        """The text of each token by itself."""
        for number in {*ids} - {*self._pieces}:
            self._pieces[number] = self._decoded([number])
        return [self._pieces[number] for number in ids]

    def apply_chat_template(
        self, turns: list[dict[str, str]], *, chat_template: str, add_generation_prompt: bool, **_: Any
    ) -> str:
        """A conversation as text, rendered as transformers does."""
        from transformers.utils.chat_template_utils import render_jinja_template

        rendered, _spans = render_jinja_template(
            conversations=[turns],
            chat_template=chat_template,
            add_generation_prompt=add_generation_prompt,
            bos_token=self.bos_token or "",
            eos_token=self.eos_token or "",
        )
        text: str = rendered[0]
        return text

    def _control(self, text: str | None) -> int | None:
        """The id of a control token, or None if the text spells none."""
        if not text:
            return None
        ids, *read = self._all([(text, False, True), *([(text, False, False)] if self.literal_known else [])])
        return ids[0] if len(ids) == 1 and ids not in read else None

    def _reads_as_told(self) -> bool:
        """Whether the server reads as text what it is told to; to begin with, whether it makes tokens."""
        try:
            plain, again = self._all([("a b", False, True), ("a b", False, False)])
        except RefusedError as error:
            raise NoTokenizerError(
                f"the server makes no tokens (/tokenize: {error.problem})",
                field="model.served",
                seen=self._client.url,
                remedy="Name the model's tokenizer: model.tokenizer=FOLDER.",
            ) from error
        if not plain or self._decoded(plain).strip() != "a b" or plain != again:
            raise self._odd("/tokenize and /detokenize")
        for mark in filter(None, (self.eos_token, self.bos_token, "<|im_end|>", "</s>", "<|endoftext|>")):
            control, text = self._all([(mark, False, True), (mark, False, False)])
            if len(control) == 1:
                return len(text) > 1
        return False

    def _all(self, asked: Sequence[tuple[str, bool, bool]]) -> list[list[int]]:
        """Token ids of (text, whether in its frame, whether control tokens are read as such)."""
        new = [one for one in dict.fromkeys(asked) if one not in self._known]
        if len(self._known) > _TEXTS_KEPT:
            new = list(dict.fromkeys(asked))
            self._known.clear()
        self._known.update(zip(new, self._client.each(self._tokens, new), strict=True))
        return [list(self._known[one]) for one in asked]

    def _tokens(self, asked: tuple[str, bool, bool]) -> list[int]:
        text, framed, control = asked
        if not text and not framed:
            return []
        # llama.cpp calls a text `content`, vLLM and SGLang call it `prompt`; each passes over the other.
        body = {**self._named, "content": text, "prompt": text}
        flags = {"add_special": framed, "add_special_tokens": framed, "parse_special": control}
        answer = self._client.post(f"{self._client.root}/tokenize", {**body, **flags})
        ids = answer.get("tokens") if isinstance(answer, dict) else None
        if not isinstance(ids, list) or not all(type(one) is int for one in ids):
            raise self._odd("/tokenize")
        return ids

    def _decoded(self, ids: list[int]) -> str:
        answer = self._client.post(f"{self._client.root}/detokenize", {**self._named, "tokens": ids})
        said = (
            [answer.get(name) for name in ("content", "prompt", "text")] if isinstance(answer, dict) else []
        )
        text = next((one for one in said if isinstance(one, str)), None)
        if text is None:
            raise self._odd("/detokenize")
        return text

    def _odd(self, what: str) -> NoTokenizerError:
        return NoTokenizerError(
            f"{what} of the server answer otherwise than is known here",
            field="model.served",
            seen=self._client.root,
            remedy="Name the model's tokenizer: model.tokenizer=FOLDER.",
        )


def _marked(text: Any) -> str | None:
    return text if isinstance(text, str) and text else None
