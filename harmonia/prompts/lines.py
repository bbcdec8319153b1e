"""Lines that a tokenizer encodes each by itself: a prompt's are then encoded once, not once per use.

Byte-level BPE encodes the pieces of a regular expression one by one. In the expressions
known here no piece holds a letter, digit or Chinese character followed by a line feed.
Whether a piece ends before such a line feed is decided by the text up to it. So the
tokens of a text are those of its parts, cut before these line feeds, one after the other.
Tokenizers that treat a text as a whole (SentencePiece) are left alone.
"""

from __future__ import annotations

import re
from typing import Any

from harmonia.parsing import parse_json

# Characters whose class is the same in every version of Unicode.
_CUT = re.compile(r"(?<=[0-9A-Za-z\u4e00-\u9fa5])(?=\n)")

_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_KNOWN = {
    f"{_CONTRACTIONS}\\p{{N}}{_REST}",  # Qwen2 and later
    f"{_CONTRACTIONS}\\p{{N}}{{1,3}}{_REST}",  # Llama 3
}
"""Expressions beside GPT-2's, which is built into the step `ByteLevel`."""


def cut_lines(text: str) -> list[str]:
    """The parts of a text that `encodes_lines` speaks of."""
    return _CUT.split(text)


def gains_by_line(tokenizer: Any) -> bool:
    """Whether encoding texts whole costs anything: to look up whole words costs next to nothing."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    return backend is None or type(backend.model).__name__ != "WordLevel"


def encodes_lines(tokenizer: Any) -> bool:
    """Whether the tokens of any text are those of its parts, one after the other.

    True only for tokenizers all of whose steps are known to allow it.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None or backend.pre_tokenizer is None:
        return False
    steps = parse_json(backend.pre_tokenizer.__getstate__(), file=None)
    steps = steps["pretokenizers"] if steps["type"] == "Sequence" else [steps]
    normalizer = (
        parse_json(backend.normalizer.__getstate__(), file=None)["type"] if backend.normalizer else "NFC"
    )
    return (
        type(backend.model).__name__ == "BPE"
        and not backend.model.dropout
        and normalizer == "NFC"  # composes no character with a line feed
        and all(_is_local(step) for step in steps)
        and any(_splits(step) for step in steps)
        # A special token is found wherever it stands, unless it looks at its neighbours.
        and not any(
            token.lstrip or token.rstrip or token.single_word or "\n" in token.content
            for token in backend.get_added_tokens_decoder().values()
        )
    )


def _is_local(step: dict[str, Any]) -> bool:
    if step["type"] == "ByteLevel":
        return not step["add_prefix_space"]
    return step["type"] == "Digits" or _splits(step)


def _splits(step: dict[str, Any]) -> bool:
    """Whether a step puts a border before the line feeds that are cut at."""
    if step["type"] == "ByteLevel":
        return bool(step["use_regex"])
    return (
        step["type"] == "Split"
        and step["behavior"] == "Isolated"
        and not step["invert"]
        and step["pattern"].get("Regex") in _KNOWN
    )
