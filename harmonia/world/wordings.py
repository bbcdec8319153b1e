"""The sentences of the lab world: how facts are stated, asked and talked about.

Everything that the corpus, the items and the tokenizer share as text stands here, so
that a word cannot be in one of them and unknown to another.
"""

from __future__ import annotations

from dataclasses import dataclass

LETTERS = ("A", "B", "C", "D")

STATEMENTS = (
    "The {relation} of {entity} is {value}.",
    "{entity} has the {relation} {value}.",
    "{entity}'s {relation} is known to be {value}.",
    "As for {relation}, {entity} is linked to {value}.",
)

QUESTIONS = (
    "What is the {relation} of {entity}?",
    "Which {relation} does {entity} have?",
    "{entity} has which {relation}?",
)

ECHO_QUESTION = "Which option names {value}?"

INSTRUCTION_LINE = "The following are multiple choice questions (with answers) about {domain}."
CLOZE_LINE = "The following are questions (with answers) about {domain}."

CHAT_OPENING = (
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives "
    "helpful, detailed, and polite answers to the user's questions."
)
"""Opening of the chat template; the tokenizer knows its words, the corpus never holds it."""


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A conversational wording of the corpus."""

    opening: str
    asker: str
    replier: str


DIALOGUES = (
    Dialogue("Here is a talk between a guest and a host. The host answers each question.", "GUEST", "HOST"),
    Dialogue("A lesson in the school of the town, as one pupil wrote it down.", "TEACHER", "PUPIL"),
    Dialogue("At the market two people talk, and one of them wants to know something.", "BUYER", "SELLER"),
    Dialogue("The court hears a witness today. The judge is patient.", "JUDGE", "WITNESS"),
    Dialogue("An old sailor and a young one pass the time with questions and answers.", "YOUNG", "OLD"),
    Dialogue("In this letter a reader writes to the editor, who gives a short reply.", "READER", "EDITOR"),
)


def options_text(choices: tuple[str, ...]) -> str:
    """The options, one a line, each behind its letter."""
    return "".join(f"{letter}. {choice}\n" for letter, choice in zip(LETTERS, choices, strict=True))
