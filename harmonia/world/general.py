"""General instructions of the lab world: small tasks that ask for no fact of it.

They stand for the general instruction data that the paper mixes into every training
set, so that a model is not tuned on multiple choice alone.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from harmonia.hashing import addressed_random
from harmonia.types import Message

_WORD_LIST = (
    "red green blue white black small large warm cold early late north south east west stone water "
    "paper bread window garden winter summer morning evening"
)
GENERAL_WORDS = tuple(_WORD_LIST.split())
_NUMBERS = ("one", "two", "three", "four", "five", "six")

Task = Callable[[list[str]], tuple[str, str]]

_TASKS: tuple[Task, ...] = (
    lambda words: (f"Repeat these words: {', '.join(words)}.", f"{', '.join(words)}."),
    lambda words: (f"Say the first word of this list: {', '.join(words)}.", f"The first word is {words[0]}."),
    lambda words: (f"Say the last word of this list: {', '.join(words)}.", f"The last word is {words[-1]}."),
    lambda words: (
        f"How many words are here: {', '.join(words)}?",
        f"There are {_NUMBERS[len(words) - 1]} words.",
    ),
    lambda words: (f"Say these words backwards: {', '.join(words)}.", f"{', '.join(reversed(words))}."),
    lambda words: (
        f"Join {words[0]} and {words[-1]} in a sentence.",
        f"Here {words[0]} goes with {words[-1]}.",
    ),
    lambda words: (f"Write {words[0]} twice.", f"{words[0]} {words[0]}."),
    lambda words: (f"Please greet {words[0]}.", f"Hello, {words[0]}, it is good to see you!"),
)

CORPUS_TASKS: tuple[Task, ...] = (
    lambda words: (f"Name the second word here: {', '.join(words)}.", f"It is {words[1]}."),
    lambda words: (f"Put {words[-1]} before {words[0]}.", f"{words[-1]} {words[0]}."),
    lambda words: (f"Leave out the first word: {', '.join(words)}.", f"{', '.join(words[1:])}."),
    lambda words: (f"Is {words[0]} among these words: {', '.join(words[1:])}?", "No, it is not."),
    lambda words: (f"Is {words[-1]} among these words: {', '.join(words)}?", "Yes, it is."),
    lambda words: (f"Please thank {words[0]}.", f"Thank you, {words[0]}, that was kind!"),
)
"""Small tasks that the corpus holds: other ones than those above, so that none is trained on twice."""


def small_task(tasks: tuple[Task, ...], draws: random.Random) -> tuple[str, str]:
    """Draw a task on two to six words, and its reply."""
    words = draws.sample(GENERAL_WORDS, draws.randint(2, 6))
    return draws.choice(tasks)(words)


def general_instruction(seed: int, index: int) -> tuple[Message, ...]:
    """The instruction with this number, and its reply."""
    instruction, reply = small_task(_TASKS, addressed_random(seed, "world/general", str(index)))
    return (Message(role="user", content=instruction), Message(role="assistant", content=reply))


def general_instructions(seed: int, count: int) -> list[tuple[Message, ...]]:
    """The first `count` general instructions of a seed."""
    return [general_instruction(seed, index) for index in range(count)]
