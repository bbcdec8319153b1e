"""Options that speak of other options: "all of the above", "both A and B", "(C) sand", "以上都是".

Such an option is right in the order of its file and in no other, so whoever moves options
leaves its item as it is.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence

OWN_ORDER = "options that speak of other options, such as 'both A and B'"
"""What items have that nobody reorders, in words for a person."""

_ALL = "all|none|any|both|either|neither"
_ABOVE = re.compile(
    rf"(?i)\b(?:of|{_ALL})\s(?:the\s)?(?:above|foregoing|preceding)\b"
    r"|\bthe above (?:two|three|four|options?|choices?|answers?)\b"
    rf"|^\W*(?:{_ALL}) of (?:these|those)(?:[,.;:]|(?:\s\S+){{0,3}}$|\s(?:options|choices|answers)\b)"
    "|(?:以上|上述|前述)(?:选项|答案|说法|[二两三四几各][者项个种])?(?:都|均|皆|全|没有|无)"
    "|^[都皆均全](?:部|都)?不?(?:是|对|正确|可以?)?$"
)
_PAIR = re.compile(r"(?i)\W*(?:both|either|neither) \W?([a-z])\W? (?:and|or|nor) \W?([a-z])\b")
# An option of no other words than these speaks of others if it has a word for all of them, or
# a letter with a word that joins letters.
_OF_ALL = frozenset(_ALL.split("|"))
_JOINS, _AROUND = (
    frozenset(words.split())
    for words in (
        "and or nor but not only except is are & , 、 和 与 或 及 仅 只有",
        "of the these those them it each some one two three 1 2 3 4 5 above options option choices choice "
        "answers answer alternatives given mentioned listed apply true correct right false incorrect wrong "
        "possible ok 都 均 皆 对 正确",
    )
)
_WORD = re.compile(r"[A-Za-z0-9]+|只有|正确|[^\s\w.()（）]|\w")
# "(C) sand", "c) sand", "c. sand"; "C. sand" may be a name ("E. coli") where not every option
# carries the letter of its place.
_LABEL = re.compile(r"\s*(?:[(（\[]([A-Za-z])[)）\]]|([A-Za-z])[)）]|([a-z])\.(?!\w))")
_PLACE = re.compile(r"\s*([A-Z])[.:：、．]")


def speak_of_others(choices: Sequence[str]) -> bool:
    """Whether any option of an item refers to others, or to its own place among them.

    The options are in the order of their file.
    """
    letters = string.ascii_uppercase[: len(choices)]
    places = [match[1] for match in map(_PLACE.match, choices) if match]
    return places == list(letters) or any(_speaks(choice, letters) for choice in choices)


def _speaks(choice: str, letters: str) -> bool:
    label = _LABEL.match(choice)
    if label and label[label.lastindex or 0].upper() in letters:
        return True
    pair = _PAIR.match(choice)
    if _ABOVE.search(choice) or (pair and {pair[1].upper(), pair[2].upper()} <= set(letters)):
        return True
    words = _WORD.findall(choice)
    named = {word for word in words if len(word) == 1 and word.upper() in letters}
    plain = {word.lower() for word in words} - {word.lower() for word in named}
    if not plain <= _OF_ALL | _JOINS | _AROUND:
        return False
    return not plain.isdisjoint(_OF_ALL) or (bool(named - {"a"}) and not plain.isdisjoint(_JOINS))
