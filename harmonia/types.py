"""The nouns of the flow, one dataclass each.

    Item -> Prompt -> Scores -> Belief -> Group -> Checkpoint -> Predictions -> Consistency -> Report

Values are frozen and flow one way. Nothing here reads, writes or computes: the
verbs live in the package of their stage.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Method = Literal["letter", "cloze", "letter_cyclic", "letter_pride"]
AnswerStyle = Literal["letter", "cloze"]
Preset = Literal["corrected", "repo", "harness"]
Category = Literal["known", "conflicting", "uncertain"]
Normalisation = Literal["raw", "char", "token"]
SUITES = ("homogeneous", "in_domain", "out_of_domain")
"""The paper's suites, from the nearest to the training data to the farthest; there may be others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One multiple-choice question.

    Attributes:
        id: Name of the item, unique in its file.
        domain: What the question is about, as the prompt names it (`engineering`,
            `electrical_engineering`); empty where nobody said.
        question: The question's text, without its options.
        choices: 2 to 26 option texts.
        answer: Index of the right option.
        explanation: Why it is right; may be empty.
        source: File or dataset that the item was read from.
        split: Split of that dataset; may be empty.
        cluster: What it has in common with other items (a passage, an entity), which intervals
            then draw together; None where nobody said.
    """

    id: str
    domain: str
    question: str
    choices: tuple[str, ...]
    answer: int
    explanation: str = ""
    source: str = ""
    split: str = ""
    cluster: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A question as the model reads it, with the texts whose likelihood is asked.

    Attributes:
        item_id: The item asked.
        form: How it is asked: `icl<k>` or `chat0`.
        context: The text up to the point where the answer begins. It never ends in
            a space that a tokenizer would fold into the answer.
        continuations: One text per option, in the item's order, each starting
            exactly where the context ends. In all texts what only spells a control token
            is broken (`prompts/controls.py`).
        shots: Demonstrations that the context holds.
    """

    item_id: str
    form: str
    context: str
    continuations: tuple[str, ...]
    shots: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """What a model said to one prompt.

    Attributes:
        item_id: The item asked.
        logprobs: Log-likelihood in nats of each continuation, all its tokens
            summed, under the softmax over the whole vocabulary (fp32); nan where only a bound is known.
        at_most: What those without one are at most, in nats, in order.
        n_tokens: Tokens of each continuation.
        n_chars: Characters of each continuation, its joining white space left out.
        shots: Demonstrations left after fitting the model's context.
        context: The text that was scored after that fitting.
    """

    item_id: str
    logprobs: tuple[float, ...]
    n_tokens: tuple[int, ...]
    n_chars: tuple[int, ...]
    shots: int
    context: str
    at_most: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief:
    """An item with what a model thinks of it.

    Attributes:
        item: The item asked.
        probs: Probability of each option, in the item's order; sums to 1.
        pred: Index of the largest probability, ties to the lowest.
        confidence: The largest probability.
        correct: Whether `pred` is the item's answer.
        letter_mass: Share of the whole vocabulary's probability on the scored
            letters, 0 to 1, mean over all prompts asked; None for `cloze`. Letters that a server
            did not list are not in it.
        unlisted_mass: What the letters that a server did not list can hold of the vocabulary's
            probability at most, together, mean over all prompts asked; None where all were told.
        form: How it was asked: `icl5`, `chat0`, ...
        method: What was scored, and over which orders of the options.
        preset: Which rules made prompt and token ids.
        normalisation: What a cloze log-likelihood was divided by; None for `letter`.
        shots: Demonstrations in the prompt; None where a file does not say.
        asked_probs: Mean probability of each letter as it was asked, over all prompts,
            in the letters' order and before any correction; None for `cloze`.
        draws: Draws of demonstrations that `probs` is the mean of; None where a file
            does not say.
        agreement: Share of the draws whose prediction is `pred`; None for one draw.
        agreement_low: Lower end of its 95 % Wilson interval.
        agreement_high: Upper end of it.
        right_rate: Share of the draws that answer right; None for one draw.
        category: `known` (right and steady), `conflicting` (wrong, steady and
            confident) or `uncertain`; None for one draw.
        borderline: Whether rounding in the model could change `pred`, that of a draw, or on which side
            of `probe.confident` the confidence is; None where a file does not say.
        prompt: The exact text whose next token was scored (the first, where several
            were); None unless kept.
    """

    item: Item
    probs: tuple[float, ...]
    pred: int
    confidence: float
    correct: bool
    letter_mass: float | None
    form: str
    method: str
    preset: str
    normalisation: str | None = None
    shots: int | None = None
    asked_probs: tuple[float, ...] | None = None
    draws: int | None = None
    agreement: float | None = None
    agreement_low: float | None = None
    agreement_high: float | None = None
    right_rate: float | None = None
    category: Category | None = None
    borderline: bool | None = None
    prompt: str | None = None
    unlisted_mass: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of a conversation.

    Attributes:
        role: `system`, `user` or `assistant`.
        content: What is said.
        learned: Whether a turn of the assistant's is trained on.
    """

    role: str
    content: str
    learned: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """One row of a fine-tuning file, whatever its format was.

    Attributes:
        id: Name of the row, unique in its file.
        line: Its line in a text file, or row in a table, from 1.
        messages: Its turns: at most one of the system, then user and assistant
            alternating; the last is the assistant's.
        weight: Weight of the row in the loss, 0 or more; 0 teaches nothing.
        from_epoch: First epoch, from 0, in which the row is shown.
    """

    id: str
    line: int
    messages: tuple[Message, ...]
    weight: float = 1.0
    from_epoch: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRow:
    """One row of a training set.

    Attributes:
        id: The item's id; `general/ID` for a general instruction.
        domain: The item's domain; `general` for an instruction.
        group: The intervention that made the row; `general` for an instruction.
        question: The item's question; the instruction's text for `general`.
        choices: The item's options; empty for `general`.
        answer: Index of the right option; None for `general`.
        target: Index of the option trained on; None for `general`.
        explanation: The explanation that the assistant gives; may be empty.
        messages: The conversation to train on, turns of `role` and `content`; the last is the assistant's.
        weight: Weight of the row in the loss.
        from_epoch: First epoch, from 0, in which the row is shown.
    """

    id: str
    domain: str
    group: str
    question: str
    choices: tuple[str, ...] = ()
    answer: int | None = None
    target: int | None = None
    explanation: str = ""
    messages: tuple[Message, ...]
    weight: float = 1.0
    from_epoch: int = 0
