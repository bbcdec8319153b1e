"""The exam text of an item: its block, its answer and the demonstrations' frame.

The English frame is MMLU's (Hendrycks et al. 2021), the Chinese one C-Eval's (Huang
et al. 2023), so that accuracies can be set beside published ones. A block always ends
in the answer cue without a trailing space; the space that joins cue and answer belongs
to the answer, because that is where tokenizers put it.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import Literal

from harmonia.errors import InputError
from harmonia.types import AnswerStyle, Item, Message

LETTERS = string.ascii_uppercase
"""Option letters; an item has at most as many options."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """The fixed words of one language; `about` stands in the introductions where a domain is said."""

    letter_intro: str
    cloze_intro: str
    about: str
    cue: str
    joint: str


WORDINGS = {
    "en": Wording(
        letter_intro="The following are multiple choice questions (with answers){about}.",
        cloze_intro="The following are questions (with answers){about}.",
        about=" about {domain}",
        cue="Answer:",
        joint=" ",
    ),
    "zh": Wording(
        letter_intro="以下是中国{about}考试的单项选择题，请选出其中的正确答案。",
        cloze_intro="以下是中国{about}考试的问题，请给出正确答案。",
        about="关于{domain}",
        cue="答案：",
        joint="",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExamFormat:
    """How an item reads, whoever asks it.

    Attributes:
        method: `letter` shows lettered options and answers by letter; `cloze` shows
            the question alone and answers by the option's text.
        language: Language of the fixed words.
        options_first: Put the options above the question.
    """

    method: AnswerStyle = "letter"
    language: Literal["en", "zh"] = "en"
    options_first: bool = False

    @property
    def wording(self) -> Wording:
        """The fixed words in use."""
        return WORDINGS[self.language]

    def block(self, item: Item) -> str:
        """The question, with its options in the `letter` method, down to the answer cue."""
        parts = [item.question]
        if self.method == "letter":
            options = [f"{letter}. {text}" for letter, text in zip(letters(item), item.choices, strict=True)]
            parts = [*options, item.question] if self.options_first else [item.question, *options]
        return "\n".join([*parts, self.wording.cue])

    def answers(self, item: Item) -> tuple[str, ...]:
        """What is scored for each option: its letter, or its text."""
        return letters(item) if self.method == "letter" else item.choices

    def intro(self, item: Item) -> str:
        """The line above the demonstrations; it names no domain where the item has none."""
        line = self.wording.letter_intro if self.method == "letter" else self.wording.cloze_intro
        about = self.wording.about.format(domain=item.domain.replace("_", " ")) if item.domain else ""
        return line.format(about=about)

    def raw_prompt(self, item: Item, shots: tuple[Item, ...], joint: str) -> str:
        """The k-shot prompt, ending in the answer cue; `joint` parts cue and answer in the shots."""
        solved = [f"{self.block(s)}{joint}{self.answers(s)[s.answer]}" for s in shots]
        return "\n\n".join([self.intro(item), *solved, self.block(item)])

    def assistant_text(self, item: Item, target: int, explanation: str) -> str:
        """The answer to train on, with the explanation on the lines below.

        It is the letter with the option's text; in `cloze` the text alone.
        """
        text = item.choices[target]
        answer = f"{LETTERS[target]}. {text}" if self.method == "letter" else text
        return f"{answer}\n{explanation.strip()}" if explanation.strip() else answer

    def conversation(self, item: Item, target: int, explanation: str) -> tuple[Message, ...]:
        """The two turns that teach `target` as the item's answer."""
        return (
            Message(role="user", content=self.block(item)),
            Message(role="assistant", content=self.assistant_text(item, target, explanation)),
        )


def letters(item: Item) -> tuple[str, ...]:
    """One letter per option.

    Raises:
        InputError: The item has more options than there are letters.
    """
    if len(item.choices) > len(LETTERS):
        raise InputError(
            f"an item has at most {len(LETTERS)} options",
            field="choices",
            seen=f"{len(item.choices)} options in item {item.id}",
            remedy="Leave the item out.",
        )
    return tuple(LETTERS[: len(item.choices)])
