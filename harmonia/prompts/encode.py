"""Text -> token ids, in the tokenizer's frame once and with seams that hold.

The frame is what a tokenizer puts in front of a text: one BOS, none, or several tokens
(`[gMASK]<sop>`). What it puts behind (some close with EOS) would end the text before its
answer, and is left out.

A continuation's tokens are those that follow the context's own tokens when both are
encoded together. If the tokenizer joins the two across the seam, a letter cannot be
scored there and the item is refused. A token id that only looks right is worse than
none. Options in words are then read from the last token that all of them share.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from harmonia.errors import InputError
from harmonia.prompts.controls import BREAK, LiteralEncoder
from harmonia.prompts.lines import cut_lines, encodes_lines
from harmonia.types import Prompt

WITHOUT_LETTERS = (
    "Use the cloze method with this tokenizer (method: cloze), in a run without letters beside it "
    "(evaluation.readouts: [])."
)
"""What to do where letters cannot be scored."""

_LINES_KEPT = 20_000
"""Lines whose tokens an encoder remembers: demonstrations, answer cues."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One context with its continuations, as token ids.

    Attributes:
        context: The tokens before.
        continuations: The tokens to score; each has at least one.
        per_token: Whether each token is read by itself, with the entropy there and the
            likeliest other token.
    """

    context: tuple[int, ...]
    continuations: tuple[tuple[int, ...], ...]
    per_token: bool = False

    @property
    def length(self) -> int:
        """Tokens of the longest row that scoring this needs."""
        return len(self.context) + max(len(ids) for ids in self.continuations) - 1


class Encoder:
    """Encodes prompts and training rows with one tokenizer.

    Args:
        tokenizer: A transformers tokenizer.

    Attributes:
        front: The tokens that it puts in front of a text.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        (unframed,), (framed,) = self._ids(["a"], special=False), self._ids(["a"], special=True)
        places = range(len(framed) - len(unframed) + 1)
        start = next((place for place in places if framed[place:][: len(unframed)] == unframed), 0)
        self.front = tuple(framed[:start])
        self._by_line = encodes_lines(tokenizer)
        self._lines: dict[str, list[int]] = {}

    def encode(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """Token ids of each text in the tokenizer's frame.

        A frame that a chat template has already written, or a part of it, is not doubled.
        Spellings that `Controls.guard` has broken are encoded as text.
        """
        usual = [text for text in texts if BREAK not in text]
        rows = iter(self._from_lines(usual) if self._by_line else self._ids(usual, special=False))
        return [self._framed(self._literal.encode(text) if BREAK in text else next(rows)) for text in texts]

    def _framed(self, ids: list[int]) -> tuple[int, ...]:
        parts = [self.front[first:] for first in range(len(self.front))]
        lengths = range(len(self.front), 0, -1)
        written = next((k for k in lengths if any(tuple(ids[:k]) == part[:k] for part in parts)), 0)
        return (*self.front, *ids[written:])

    @cached_property
    def _literal(self) -> Any:
        # A server's tokenizer may do it itself.
        return getattr(self.tokenizer, "literal", None) or LiteralEncoder(self.tokenizer)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of some tokens, special tokens included, white space as it is."""
        text: str = self.tokenizer.decode(
            list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return text

    def spans(
        self, text: str, places: Sequence[tuple[int, int]], *, what: str
    ) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
        """Token ids of a text, and which of them some of its parts are.

        Places are (first character, past the last), in order. White space at the text's end that the
        tokenizer joins with the last part is cut. `what` names the text in messages.

        Returns:
            The ids, and per part (first token, past the last).

        Raises:
            InputError: The tokenizer joins the beginning or the end of a part with what
                stands beside it.
        """
        seams = sorted({seam for place in places for seam in place})
        row, *heads = self.encode([text, *(text[:seam] for seam in seams)])
        if row[: len(heads[-1])] != heads[-1] and not text[seams[-1] :].strip():
            row = heads[-1]
        for seam, head in zip(seams, heads, strict=True):
            if row[: len(head)] != head:
                raise self._joined(head, row, text, seam, what)
        tokens = {seam: len(head) for seam, head in zip(seams, heads, strict=True)}
        return row, tuple((tokens[first], tokens[stop]) for first, stop in places)

    def request(self, prompt: Prompt) -> Request:
        """Encode a prompt and its continuations.

        Raises:
            InputError: A continuation's tokens cannot be told from the context's.
        """
        texts = [prompt.context, *(prompt.context + text for text in prompt.continuations)]
        head, *rows = self.encode(texts)
        what = f"item {prompt.item_id}"
        tails = tuple(
            self._tail(head, row, prompt.context, text, what)
            for row, text in zip(rows, texts[1:], strict=True)
        )
        return Request(context=head, continuations=tails)

    def text_request(self, prompt: Prompt) -> Request:
        """Encode a prompt whose continuations are texts of any length.

        A tokenizer may join the context's end with the beginning of a text (a Chinese
        colon with an opening quotation mark, say). Then all the prompt's texts are read
        from the last token that they and the context have in common. So the same end of
        the context is scored with every option.

        Raises:
            InputError: The texts have no token of the context in common.
        """
        texts = [prompt.context, *(prompt.context + text for text in prompt.continuations)]
        head, *rows = self.encode(texts)
        shared = common_length([head, *rows])
        # A text that the tokenizer swallowed whole would leave nothing to read.
        shared = min(shared, *(len(row) - 1 for row in rows))
        if shared < 1:
            problem = f"the options of item {prompt.item_id} share no token with its prompt"
            raise InputError(problem, seen=self.tokens(rows[0][:6]), remedy="Leave the item out.")
        return Request(context=head[:shared], continuations=tuple(row[shared:] for row in rows))

    def letter_request(self, prompt: Prompt, following: Sequence[str]) -> Request:
        """Encode a prompt whose continuations are letters, each one token.

        `following` is what stands after each letter where the model has seen it as an answer; the letter must
        be the same token there.

        Raises:
            InputError: A letter is not one token of its own or is unknown to the
                tokenizer, two letters share one, or a solved example holds another token
                than the one scored.
        """
        request = self.request(prompt)
        unknown = (getattr(self.tokenizer, "unk_token_id", None),)
        singles = [ids for ids in request.continuations if len(ids) == 1 and ids != unknown]
        if len(singles) < len(request.continuations) or len(set(singles)) < len(singles):
            seen = {text: self.tokens(ids) for text, ids in self._pairs(prompt, request)}
            problem = f"the letters are not single, different tokens in item {prompt.item_id}"
            raise InputError(problem, seen=seen, remedy=WITHOUT_LETTERS)
        solved = [
            prompt.context + text + after for text, after in zip(prompt.continuations, following, strict=True)
        ]
        for (text, ids), row in zip(self._pairs(prompt, request), self.encode(solved), strict=True):
            if row[: len(request.context) + 1] != request.context + ids:
                raise InputError(
                    f"the letter {text.strip()!r} is another token in a solved example than when scored",
                    seen=self.tokens(row[len(request.context) - 1 : len(request.context) + 2]),
                    remedy=WITHOUT_LETTERS,
                )
        return request

    def tokens(self, ids: Sequence[int]) -> list[str]:
        """The vocabulary's own spelling of some ids."""
        spelled: list[str] = self.tokenizer.convert_ids_to_tokens(list(ids))
        return spelled

    def _pairs(self, prompt: Prompt, request: Request) -> list[tuple[str, tuple[int, ...]]]:
        return list(zip(prompt.continuations, request.continuations, strict=True))

    def _tail(
        self, head: tuple[int, ...], row: tuple[int, ...], context: str, whole: str, what: str
    ) -> tuple[int, ...]:
        if row[: len(head)] != head or len(row) == len(head):
            raise self._joined(head, row, whole, len(context), what)
        return row[len(head) :]

    def _joined(
        self, head: tuple[int, ...], row: tuple[int, ...], text: str, seam: int, what: str
    ) -> InputError:
        tokens = self.tokens(row[max(0, len(head) - 2) :][:6])
        return InputError(
            f"the tokenizer joins prompt and answer of {what}",
            seen={text[max(0, seam - 20) : seam + 20]: tokens},
            remedy="Use another chat template or language for this tokenizer.",
        )

    def _from_lines(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of texts from those of their lines, each encoded once."""
        cut = [cut_lines(text) for text in texts]
        new = list({line for lines in cut for line in lines if line not in self._lines})
        if len(self._lines) > _LINES_KEPT:
            new = list({line for lines in cut for line in lines})
            self._lines.clear()
        if new:
            self._lines.update(zip(new, self._ids(new, special=False), strict=True))
        return [[token for line in lines for token in self._lines[line]] for lines in cut]

    def _ids(self, texts: Sequence[str], *, special: bool) -> list[list[int]]:
        if not texts:
            return []
        rows: list[list[int]] = self.tokenizer(
            list(texts), add_special_tokens=special, return_attention_mask=False, verbose=False
        )["input_ids"]
        return rows


def common_length(rows: Collection[tuple[int, ...]]) -> int:
    """Length of the longest beginning that all rows, of which there is one at least, have in common."""
    first, last = min(rows), max(rows)  # in order, what the outermost share is shared by all between
    for place, (one, other) in enumerate(zip(first, last, strict=False)):
        if one != other:
            return place
    return len(first)
