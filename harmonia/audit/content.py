"""Which words of an answer are at stake: those that neither its instruction nor the file's form gives.

A model that expects another word of form ("The answer is ...") does not disagree about anything.
So words count that are new in the answer: not in what was said before, and not in many other
answers. Those that the instruction offers to choose from count all the same ("Lyon or Paris?"), and
all of an answer that recurs as a whole: it is a label ("positive").

In a long answer most other words are another way to say the same. There only names and numbers
count: words with a digit, or with a capital where no sentence begins. Fenced code never counts.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from harmonia.slick.questions import normalised
from harmonia.types import Conversation

_ALONE = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORD = re.compile(f"[{_ALONE}]|[^\\s'’{_ALONE}]+")
_EDGES = '"“”‘`*_()[]{}<>.,;:!?…、。，；：！？'
_ALL = ""
_FENCED = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_BEGINS = re.compile(r"(?:^|[.!?:;。！？：；\n•*#>|]|\n\s*[-–—])[\s\"“‘'(\[*_]*(?:\d+[.)]\s*)?$")
_OFFERED = re.compile(r"(?i)((?:[^\s,;]+,\s*)*[^\s,;]+),?\s+or\s+([^\s,;]+)")
_BEFORE = 20
_FEWEST = 5
"""A word in fewer answers is none of the form, however few answers there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word of an answer.

    Attributes:
        start: Its first character in the answer.
        stop: Past its last.
        key: The word without case and punctuation; empty for a mark alone.
    """

    start: int
    stop: int
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer, what of it is at stake, and what a word that is expected instead must not be.

    Attributes:
        turn: Its place among the row's messages.
        text: Its text.
        content: Its words at stake, each the first time it stands there.
        form: Words of the file's form, and those said before, but for those to choose from.
        own: Its own words, and those said before, but for those to choose from.
    """

    turn: int
    text: str
    content: tuple[Word, ...]
    form: frozenset[str]
    own: frozenset[str]


@lru_cache(maxsize=256)
def words_of(text: str) -> tuple[Word, ...]:
    """The words of a text; characters of scripts without spaces count each."""
    return tuple(_word(found) for found in _WORD.finditer(text))


def keys_of(text: str) -> list[str]:
    """The words of a text, without case and punctuation."""
    return [word.key for word in words_of(text) if word.key]


def answers_of(row: Conversation) -> Iterable[tuple[int, str]]:
    """The turns that a row teaches: place among its messages, and text."""
    return (
        (place, turn.content)
        for place, turn in enumerate(row.messages)
        if turn.role == "assistant" and turn.learned
    )


class FileForm:
    """The words that make the form of a file's answers.

    A word is form if many answers have it: of all, or of those whose instruction begins with the
    same word ("Translate ...").

    Args:
        rows: Rows of the file.
        common: Share of the answers from which these are many.
        short: Most words of an answer in which not only names and numbers count.
    """

    def __init__(self, rows: Sequence[Conversation], common: float, short: int) -> None:
        self._short = short
        words: dict[str, Counter[str]] = defaultdict(Counter)
        whole: dict[str, Counter[str]] = defaultdict(Counter)
        answers: Counter[str] = Counter()
        for row in rows:
            for place, text in answers_of(row):
                keys = keys_of(text)
                for opening in (_ALL, _opening(row, place)):
                    answers[opening] += 1
                    words[opening].update(set(keys))
                    whole[opening][" ".join(keys)] += 1
        least = {opening: max(_FEWEST, common * count) for opening, count in answers.items()}
        self._words = {name: _frequent(count, least[name]) for name, count in words.items()}
        self._labels = {name: _frequent(count, least[name]) for name, count in whole.items()}

    def answer(self, row: Conversation, place: int) -> Answer:
        """An answer, by its place among the messages, and what of it is at stake."""
        text, opening, offered = row.messages[place].content, _opening(row, place), _offered(row, place)
        said = {key for turn in row.messages[:place] for key in keys_of(turn.content)} - offered
        form = self._words[_ALL].union(self._words.get(opening, ()), said) - offered
        words = words_of(text)
        keys = [word.key for word in words if word.key]
        is_label = any(" ".join(keys) in self._labels.get(name, ()) for name in (_ALL, opening))
        told = set(said if is_label else form)
        content = []
        for word in _telling(text, words) if len(words) > self._short else words:
            if word.key and word.key not in told:
                told.add(word.key)
                content.append(word)
        return Answer(
            turn=place, text=text, content=tuple(content), form=form, own=frozenset(said.union(keys))
        )


def _offered(row: Conversation, place: int) -> set[str]:
    """The words that an answer's instruction offers to choose from: those around an "or"."""
    found = _OFFERED.finditer(row.messages[place - 1].content)
    return {key for one in found for key in keys_of(f"{one[1]} {one[2]}")}


def facts_of(answer: str, short: int) -> frozenset[str]:
    """Words that another wording of an answer keeps: all of a short one, of a longer names and numbers."""
    words = words_of(answer)
    return frozenset(word.key for word in (_telling(answer, words) if len(words) > short else words)) - {""}


def _telling(answer: str, words: Sequence[Word]) -> Iterator[Word]:
    """The names and numbers of a long answer; where most words have capitals, these tell no name."""
    fenced = [found.span() for found in _FENCED.finditer(answer)]
    titled = 2 * sum(answer[word.start : word.start + 1].isupper() for word in words) > len(words)
    for word in words:
        text = answer[word.start : word.stop]
        is_name = text[:1].isupper() and not titled
        if (is_name or any(map(str.isdigit, text))) and not (
            any(start <= word.start < stop for start, stop in fenced)
            or _BEGINS.search(answer, max(0, word.start - _BEFORE), word.start)
        ):
            yield word


def _opening(row: Conversation, place: int) -> str:
    """The word that an answer's instruction begins with."""
    return next(iter(keys_of(row.messages[place - 1].content)), _ALL)


def _frequent(counts: Counter[str], least: float) -> frozenset[str]:
    return frozenset(text for text, count in counts.items() if text and count >= least)


def _word(found: re.Match[str]) -> Word:
    text = found[0]
    start = found.start() + len(text) - len(text.lstrip(_EDGES))
    key = normalised(text)
    return Word(
        start=start,
        stop=max(start, found.end() - len(text) + len(text.rstrip(_EDGES))),
        key=key if any(map(str.isalnum, key)) else "",
    )
