"""Which option letters a text states as the answer, and which it names at all.

Stated is "the answer is B", "Ans. is 'b' i.e.", "B is correct", "故选B"; named is also
"option B", "(B)", "B项". The text is cut into tokens, each token becomes one tag, and short
patterns are matched against the tags. No pattern repeats without a bound, so the work grows
with the text's length and no faster.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

from harmonia.prompts.exam import LETTERS

# A tag for each word that matters; any other is "w".
_WORDS = {
    "A": "answer answers",
    "S": "ans boxed 答案 正解",  # what follows is hardly ever anything but the letter
    "O": "option options choice choices letter letters 选项 選項",
    "K": "key sol solution",
    "R": "correct right best closest",
    "Z": "正确 正確 对的 對的",
    "M": "most",
    "E": "are",
    "V": "is was be would should must will 是 为 為 应 應 应该 应当 就 也 能 只能 才是",
    "G": "so hence therefore thus ∴ 故 因此 所以",
    "H": "the our only single that but then actually really indeed clearly likely",
    "F": "to for of",
    "C": "choose 选 選 选择 選擇",
    "N": "not no never nor neither none cannot isn wasn aren don rather because least 不 非 未",
    "J": "and or & 和 或 与 及 、",
    "T": "项 項",
    "Y": "which",
    "I": "i.e",
}
# A tag for each kind of mark; a run of one kind is one token. An opening bracket glued to a word
# is "b", a period within a sentence "e", a line break "n".
_MARKS = {"<": "([{【「", ">": ")]}】」", '"': "\"'“”‘’`*$_", "d": ".。", ":": ":=>→–—|-", ",": ",;，；"}
_TAG = {word: tag for tag, words in _WORDS.items() for word in words.split()}
_MARK = {mark: tag for tag, marks in _MARKS.items() for mark in marks}

# Tags of letters: "L" a capital, "l" a small one, "a" an "A" that may be the article, "g" what is
# a letter only behind "Ans."; "1" is the number of an option.
# A letter is no part of a word, of "A-level", of initials ("B.C.", "i.e."), of "I'm", of "5 °C".
_ALONE = r"(?<![A-Za-z0-9°])[A-Za-z](?![A-Za-z0-9]|-[A-Za-z0-9]|\.[A-Za-z](?:\.|\b)|['’](?:s|m|d|ll|re|ve)\b)"
# "Ans. DThe", "Ans-d-Mitochondria"
_GLUED = r"(?<![A-Za-z0-9])[A-Za-z](?=[A-Z][a-z]{2})|(?<=[-:.])[A-Za-z](?=-[A-Za-z])"
_TOKEN = re.compile(
    "|".join(
        (
            rf"(?P<alone>{_ALONE})|(?P<glued>{_GLUED})|i\.e\b|\d+(?:\.\d+)+|[A-Za-z0-9]+",
            *sorted((word for word in _TAG if not word.isascii()), key=len, reverse=True),
            *(f"[{re.escape(marks)}]+" for marks in _MARKS.values()),
            r"\s+|.",
        )
    )
)
# "A" and "I" before a word are words themselves, unless it is one of these.
_AFTER = r"(?:because|since|as|and|or|which|for|but|instead|in|due|is|was|would|should)\b|i\.\s?e"
_BEFORE_WORD = re.compile(rf"\s+(?!{_AFTER})[\"'“‘]?[A-Za-z0-9]")
_BEFORE_CAPITAL = re.compile(r"\s+[A-Z]")
_BEFORE_SMALL = re.compile(r"\s*(?!i\.)[a-z]")

_Q = '["<b]{0,2}'  # what may open before a letter
_MORE = '(?:[">]?(?:,?J|,)["<]?[Ll1]){0,8}'  # ", B and C"
_LIST = f"([Ll]{_MORE})"
_ANY = f"(?:O?{_Q}{_LIST}|O{_Q}(1))"
_OF = "(?:F[^dn,N]{1,12})?"  # "to this question"
_APART = '(?:,|[,:<"]{1,2}[^NOdn]{1,40}[,:>"]{1,3})?'  # the option's text after its letter
_BEST = "[GH]{0,3}(?:R|A|M.)"
_STATED = (
    # Ans. is 'b'; the correct answer to the question should be option B; the choice is: (B)
    f"[ASO][Ow]?{_OF}[de,]?[VC]{{1,3}}[de:,]?n?[GH]{{0,3}}[:,]?{_ANY}",
    f"[AS]{_OF}E{_Q}{_LIST}",
    # Ans. B; Answer- (b); the correct option: B; but not "each option:" above a list of them
    f"(?:S|A{_OF}|RO)(?:[:,>][de]?|(?<=S)[de]:?|:[de])n?{_ANY}",
    f"S[de:,]?V?{_Q}([Llg])",
    rf'(?<![^n])[AK](?:[de:]?{_Q}{_LIST}(?=[">de:,n]|$)|[de:]?(g))',
    f"(?<![^n])R:{_Q}{_LIST}",
    # the answer is its text (option B)
    rf"[AO]{_OF},?V{{1,2}}[^Ndn<]{{1,60}}<[AO]?([Ll])>",
    # option B, its text, is the correct answer
    rf'(?<!N)O{_Q}([Llag1])[">de]{{0,2}}{_APART}V{{1,2}}{_BEST}',
    rf'(?<![NKw])(?:(L)|["<](l))[">de]{{0,2}},?V{{1,2}}{_BEST}',
    "(?<![NKw])(l)V{1,2}H{0,3}R?A",
    # so, B.
    f'G,?{_Q}(L)[">]{{0,2}}(?:d|n|$)',
    # it is option B
    f"(?<!Y)V[GH]{{0,2}}O{_Q}([Llag1])",
    # making option B the correct answer
    rf'O{_Q}([Llag])[">de]{{0,2}}{_APART}(?=H){_BEST}',
    f"(?<!N)(?<!NV)C:?{_ANY}",
    '([Ll])[">]?[TO]?V?Z',
    # The reply as an exam wants it: the text opens with the letter, and no list of them follows.
    '^"?<?([Ll])>(?!(?:.*[n,d])?<?[Ll]>)',
    '^"?([Ll])[de:,]?I',
    '^"?([Ll])[d:](?!(?:.*[n,d])?"?[Ll][de:])',
    '^["<]{0,2}(L)(?:[">de:]*|e[^dn]{1,30})(?:n(?!["<]?[Ll][de:])|$)',
)
_NAMED = (
    f"[ASC]O?[de:,]?{_Q}{_LIST}",
    f"O[de:,]?{_Q}([Ll1]{_MORE})",
    f"O{_Q}([ag])",
    f"<([Ll]{_MORE})>",
    '([Ll])[">]?[TO]',
    '(?<![^n])["<]{0,2}([Ll])[de>:]',
)
_PATTERNS = [(re.compile(pattern), True) for pattern in _STATED]
_PATTERNS += [(re.compile(pattern), False) for pattern in _NAMED]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A letter that a text names.

    Attributes:
        letter: The letter, as a capital.
        start: Where the words that name it begin in the text.
        at: Where the letter stands.
        stated: Whether the words state it to be the answer.
    """

    letter: str
    start: int
    at: int
    stated: bool


def letter_mentions(text: str, count: int) -> list[Mention]:
    """Option letters that a text names, each place once, in the text's order.

    Letters beyond the `count` of options are not looked for.
    """
    plain = text if text.isascii() else "".join(map(_plain, text))
    tokens, tags = _tagged(plain, count)
    found: dict[int, Mention] = {}
    for pattern, stated in _PATTERNS:
        for match in pattern.finditer(tags):
            group = match.lastindex or 1
            for place in range(match.start(group), match.end(group)):
                if tags[place] in "Llag1":
                    at, start = tokens[place], tokens[match.start()]
                    mention = Mention(letter=_letter(plain[at]), start=start, at=at, stated=stated)
                    found.setdefault(at, mention)
    return [found[at] for at in sorted(found)]


def stated_letters(text: str, count: int) -> list[str]:
    """Option letters that a text states to be the answer.

    Returns:
        Each letter once, in order of its first statement. A negated statement ("the
        answer is not B", "不选B") is none.
    """
    return list(dict.fromkeys(one.letter for one in letter_mentions(text, count) if one.stated))


def named_letters(text: str, count: int) -> list[str]:
    """Option letters that a text names in any way: those stated, "options B and C", "(B)".

    Returns:
        Each letter once, in order of its first naming.
    """
    return list(dict.fromkeys(one.letter for one in letter_mentions(text, count)))


@cache
def _plain(mark: str) -> str:
    """Full-width and circled letters, brackets and colons as the plain ones, one for one."""
    plain = unicodedata.normalize("NFKC", mark)
    return plain if len(plain) == 1 and not plain.isdigit() else mark  # ② is a statement, no option


def _tagged(plain: str, count: int) -> tuple[list[int], str]:
    """Where each token begins, and the tokens' tags. Blanks that break no line are no token."""
    starts: list[int] = []
    tags: list[str] = []
    for token in _TOKEN.finditer(plain):
        tag = _tag(token, plain, count)
        if tag:
            starts.append(token.start())
            tags.append(tag)
    return starts, "".join(tags)


def _tag(token: re.Match[str], plain: str, count: int) -> str:
    word, start, end = token[0], token.start(), token.end()
    if word.isspace():
        return "n" if "\n" in word else ""
    if tag := _MARK.get(word[0]):
        if tag == "<" and start and plain[start - 1].isalnum():
            return "b"
        return "e" if tag == "d" and _BEFORE_SMALL.match(plain, end) else tag
    if len(word) == 1 and word in "123456789" and int(word) <= count:
        return "1"
    letter = word.upper()
    if not (token["alone"] or token["glued"]) or letter not in LETTERS[:count]:
        return _TAG.get(word.lower(), "w")
    if token["glued"] or (letter == "A" and _BEFORE_CAPITAL.match(plain, end)):
        return "g"
    if letter in "AI" and _BEFORE_WORD.match(plain, end):
        return {"A": "a", "a": "H"}.get(word, "w")
    return "L" if word == letter else "l"


def _letter(mark: str) -> str:
    return LETTERS[int(mark) - 1] if mark.isdigit() else mark.upper()
