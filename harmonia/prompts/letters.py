"""Which option letters a text states as the answer, and which it names at all.

Stated is "the answer is B", "B is correct", "故选B"; named is also "option B", "(B)", "B项".
Letters are capitals of their own: not part of a word, a number, or initials ("B.C.").
"""

from __future__ import annotations

import re
import unicodedata

from harmonia.prompts.exam import LETTERS

__all__ = ["named_letters", "stated_letters"]

# A capital that stands alone. "A" and "I" are words too: where another word follows at
# once ("the answer is A river"), they count only before a word that ends the statement.
_ENDS = (
    r"(?=\s+(?:because|since|as|and|which|for|but|instead|in|due)\b"
    r"|\s+[-–—]\s|\s*(?:[^\sA-Za-z0-9\-(]|$)|\s*\n)"
)
_ALONE = rf"(?<![A-Za-z0-9])([A-Z])(?![A-Za-z0-9\-'’]|\.[A-Za-z](?:\.|\b))(?:(?<![AI])|{_ENDS})"
_OPEN = r"[\s:\"'“‘(\[*]*"  # what may stand between the statement and its letter
_CLOSE = r"[\"'”’)\]*.]*"
_NOUN = r"(?i:answer|option|choice)"
_HEDGE = r"(?:actually|really|indeed|therefore|thus|then|clearly|definitely|simply|probably|likely|in fact)"
_RIGHT = r"(?:correct|right|true|accurate|proper|best|most\s+\w+)"

_ENGLISH = (
    # the answer is B; the correct answer to the question should be option B; the correct choice: (B)
    rf"\b{_NOUN}(?:\s+(?:to|for|of)\s+(?:this|the)\b[^.,;:\n]{{0,60}})?,?\s+"
    rf"(?:is|was|are|would\s+be|should\s+be|must\s+be)\s+(?:{_HEDGE}\s+)?"
    rf"(?:{_NOUN}\s+|letter\s+)?{_OPEN}{_ALONE}",
    # Answer: B; the correct option: (B); but not "each option:" above a list of them
    r"\b(?i:answer|(?:correct|right|best)\s+(?:option|choice))\s*:\s*" + _OPEN + _ALONE,
    # the answer is "its text" (option B)
    rf"\b{_NOUN}(?:\s+(?:to|for|of)\s+(?:this|the)\b[^.,;:\n]{{0,60}})?,?\s+(?:is|was|would\s+be|should\s+be)"
    r"(?:(?!\bnot\b|\brather\b|\bbecause\b|n't)[^.\n()]){1,160}\((?i:(?:option|choice|answer)\s+)?([A-Z])\)",
    # B is correct; option B is the right answer; option (B) is the best choice
    rf"(?:\b{_NOUN}\s+)?{_OPEN}(?<![A-Za-z0-9])([A-Z])(?![A-Za-z0-9\-]){_CLOSE},?\s+"
    rf"(?:is|was|would\s+be)\s+(?:{_HEDGE}\s+)?(?:the\s+)?(?:only\s+)?{_RIGHT}\b",
    # making option B the correct answer
    rf"\b{_NOUN}\s+{_OPEN}([A-Z])(?![A-Za-z0-9\-]){_CLOSE},?\s+the\s+(?:only\s+)?{_RIGHT}\b",
)
_CHINESE = (
    r"(?<!不)(?:答案|正确选项)(?:应该|应|就|也|只能)?(?:是|为|选|:)*\s*(?:选项)?\s*\(?([A-Z])(?![A-Za-z0-9])",
    r"(?<!不)(?<!不能)(?<!不应)选(?:择|项是)?\s*\(?([A-Z])(?![A-Za-z0-9])",
    r"(?<![A-Za-z0-9])([A-Z])\)?(?:选项|项)?(?:是|为|才是)?(?:正确|对的)",
)
# The reply as an exam wants it: the text opens with the letter and the option's text, and
# does not go on with a line for another letter, as a list of the options does.
_OPENING = (
    r"\A\s*[\"'“(\[*]*([A-Z])(?:[.):][\"'”)\]*]*\s|[\"'”)\]*.:]*\s*(?:\n|\Z))(?![\s\S]*\n\s*[A-Z][.):]\s)",
)
_STATED = tuple(re.compile(pattern) for pattern in (*_ENGLISH, *_CHINESE, *_OPENING))

_LIST = r"\(?[A-Z]\)?(?![A-Za-z0-9\-])(?:\s*,?\s*(?:and|or|&|,|、|和|或)?\s*\(?[A-Z]\)?(?![A-Za-z0-9\-]))*"
_NAMED = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?i:\b(?:options?|choices?|answers?|letters?))\s+({_LIST})",
        rf"(?:选项|答案)\s*({_LIST})",
        r"(?<![A-Za-z0-9])([A-Z])(?:选项|项)",
        r"[(\[]([A-Z](?:\s*,\s*(?:and\s+)?[A-Z])*)[)\]]",
        r"(?m:^)\s*([A-Z])[.):]\s",
    )
)
_LETTER = re.compile(r"(?<![A-Za-z0-9])[A-Z](?![A-Za-z0-9])")


def stated_letters(text: str, count: int) -> list[str]:
    """Option letters that a text states to be the answer.

    Args:
        text: Any text, English or Chinese.
        count: Options there are; letters beyond them are not looked for.

    Returns:
        Each letter once, in order of its first statement. A negated statement ("the
        answer is not B", "不选B") is none.
    """
    return _in_order(_STATED, text, count)


def named_letters(text: str, count: int) -> list[str]:
    """Option letters that a text names in any way: those stated, "options B and C", "(B)".

    Args:
        text: Any text, English or Chinese.
        count: Options there are.

    Returns:
        Each letter once, in order of its first naming.
    """
    return _in_order((*_STATED, *_NAMED), text, count)


def _in_order(patterns: tuple[re.Pattern[str], ...], text: str, count: int) -> list[str]:
    # Full-width letters, brackets and colons read as the plain ones.
    plain = unicodedata.normalize("NFKC", text)
    found = sorted(
        (match.start(1) + inner.start(), inner[0])
        for pattern in patterns
        for match in pattern.finditer(plain)
        for inner in _LETTER.finditer(match[1])
    )
    return list(dict.fromkeys(letter for _, letter in found if letter in LETTERS[:count]))
