"""The words of a text, as a comparison of questions sees them."""

from __future__ import annotations

import unicodedata

from harmonia.data.marks import apart

_WITHOUT_SPACES = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")


def normalised(text: str) -> str:
    """The words of a text with single spaces between: NFKC, case folded, no punctuation.

    Marks that make another number or word stay (`marks.py`). A symbol (`+`, `→`) and a
    character of a script without spaces between words are words of their own.
    """
    parts = apart(unicodedata.normalize("NFKC", text).casefold())
    parts[::2] = [part.translate(_SPACED) for part in parts[::2]]
    return " ".join("".join(parts).split())


def stands_alone(word: str) -> bool:
    """Whether it is one character of Chinese, Japanese, Thai, Lao, Khmer or Burmese: no spaces part words."""
    return len(word) == 1 and unicodedata.name(word, "").startswith(_WITHOUT_SPACES)


class _Spaced(dict[int, str]):
    """Each character as it stands in a normalised text, found out when first met."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        alone = category[0] in "LM" and stands_alone(character)
        if category[0] in "PZC":
            shown = " "
        else:
            shown = f" {character} " if alone or category[0] == "S" else character
        self[code] = shown
        return shown


_SPACED = _Spaced()
